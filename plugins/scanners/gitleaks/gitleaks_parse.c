/* Reports of Gitleaks: one list. Version 8 writes RuleID, Secret, File; up to version 7 it was
 * rule, offender, file. The secret goes to the host as the secret and nowhere else; author, e-mail
 * and commit message stay behind. A value that Gitleaks redacted is no secret: all of them look
 * alike, so the masked line stands for it. */
#include "gitleaks_priv.h"

struct parse {
    struct gitleaks *g;
    struct rep_doc doc;
};

static const char *const DEFERRED[] = {"[]", NULL};

static const char REMEDY[] =
    "Revoke or rotate the secret first: it must be taken as known to others. Then remove it from "
    "the source and read it at run time from a secret store or the environment. It stays in the "
    "history of the repository.";

/* Keys of cloud providers and code hosts open more than the one service that they are for. */
static int is_provider_word(struct sco_str word)
{
    static const char *const words[] = {
        "alibaba",   "aws",      "azure",        "bitbucket", "cloudflare", "databricks", "gcp",
        "github",    "gitlab",   "digitalocean", "heroku",    "hetzner",    "kubernetes", "linode",
        "openshift", "scaleway", "tencent",      "vault",     "vultr",      "yandex",     NULL};
    for (const char *const *w = words; *w; w++)
        if (sco_str_is_nocase(word, *w))
            return 1;
    return 0;
}

static int is_alnum(char c)
{
    unsigned char u = (unsigned char)c;
    return ((u | 32u) >= 'a' && (u | 32u) <= 'z') || (u >= '0' && u <= '9');
}

static uint32_t severity_of(struct sco_str rule)
{
    size_t start = 0;
    for (size_t i = 0; i <= rule.n; i++) {
        if (i < rule.n && is_alnum(rule.p[i]))
            continue;
        if (is_provider_word(sco_str_make(rule.p + start, i - start)))
            return SCO_SEV_CRITICAL;
        start = i + 1;
    }
    return SCO_SEV_HIGH;
}

/* --redact=100 writes REDACTED; a smaller share keeps a beginning and "...". */
static int is_redacted(struct sco_str s)
{
    size_t stars = 0;
    for (size_t i = 0; i < s.n; i++)
        stars += s.p[i] == '*';
    return sco_str_is(s, "REDACTED") || (s.n >= 3 && memcmp(s.p + s.n - 3, "...", 3) == 0) ||
           (s.n && stars == s.n);
}

static int emit(struct parse *p, struct sco_report_finding *f, struct rep_meta *meta,
                struct sco_str masked_line)
{
    struct sco_str cwe;
    if (is_redacted(f->secret)) {
        f->secret = sco_str_make(NULL, 0);
        f->snippet = masked_line;
    }
    f->severity = severity_of(f->rule_id);
    f->remediation = sco_str_c(REMEDY);
    f->cwes = sco_one(&cwe, SCO_STR("CWE-798"));
    rep_meta_set(meta, f);
    return rep_emit(&p->doc, f);
}

static int on_current(struct parse *p, const struct sco_node *item)
{
    const struct sco_host *h = p->g->h;
    struct sco_report_finding f = rep_finding(SCO_TYPE_SECRET);
    struct rep_meta meta = {.n = 0};
    struct sco_str link;

    f.rule_id = sco_text_at(item, "RuleID");
    f.title = sco_fmt(h, "Hard-coded secret: %.*s", SCO_STR_ARG(f.rule_id));
    f.description = sco_text_at(item, "Description");
    f.file_path = sco_text_at(item, "File");
    f.line = sco_int_at(item, "StartLine", 0);
    f.end_line = sco_int_at(item, "EndLine", 0);
    f.column = sco_int_at(item, "StartColumn", 0);
    f.end_column = sco_int_at(item, "EndColumn", 0);
    f.secret = rep_or(sco_text_at(item, "Secret"), sco_text_at(item, "Match"));
    f.commit = sco_text_at(item, "Commit");
    f.references = sco_one(&link, sco_text_at(item, "Link"));
    rep_meta(&meta, "tags", rep_join(h, sco_get(item, "Tags"), ","));
    rep_meta(&meta, "entropy", sco_text_at(item, "Entropy"));
    rep_meta(&meta, "gitleaks_fingerprint", sco_text_at(item, "Fingerprint"));
    rep_meta(&meta, "symlink", sco_text_at(item, "SymlinkFile"));
    rep_meta(&meta, "commit_date", sco_text_at(item, "Date"));
    return emit(p, &f, &meta, sco_text_at(item, "Match"));
}

static int on_legacy(struct parse *p, const struct sco_node *item)
{
    const struct sco_host *h = p->g->h;
    struct sco_report_finding f = rep_finding(SCO_TYPE_SECRET);
    struct rep_meta meta = {.n = 0};

    f.rule_id = sco_text_at(item, "rule");
    f.title = sco_fmt(h, "Hard Coded %.*s", SCO_STR_ARG(f.rule_id));
    f.file_path = sco_text_at(item, "file");
    f.line = sco_int_at(item, "lineNumber", 0);
    f.secret = rep_or(sco_text_at(item, "offender"), sco_text_at(item, "line"));
    f.commit = sco_text_at(item, "commit");
    rep_meta(&meta, "tags", rep_join(h, sco_get(item, "tags"), ","));
    rep_meta(&meta, "commit_date", sco_text_at(item, "date"));
    return emit(p, &f, &meta, sco_text_at(item, "line"));
}

static int on_item(void *user, const struct sco_node *item)
{
    if (sco_text_at(item, "RuleID").n)
        return on_current(user, item);
    if (sco_text_at(item, "rule").n)
        return on_legacy(user, item);
    return REP_UNUSABLE;
}

static int parse_document(struct parse *p)
{
    const struct sco_node *root = p->doc.root;
    if (sco_is(root, SCO_NODE_NULL))
        return sco_errf(p->doc.e, SCO_RUN_INCOMPLETE,
                        "the report is null: old releases write that when they found nothing, but "
                        "it does not say what was scanned");
    if (!sco_is(root, SCO_NODE_LIST) && !sco_is(root, SCO_NODE_DEFERRED))
        return rep_format(&p->doc, "expected a list");
    return rep_walk(&p->doc, root, "$", NULL, on_item, p);
}

int gitleaks_parse(void *ctx, const struct sco_input *in, struct sco_errbuf *e)
{
    struct gitleaks *g = ctx;
    struct parse p = {.g = g, .doc = {.h = g->h, .tool = GITLEAKS_TOOL, .e = e}};
    int r = rep_open(&p.doc, in->path, DEFERRED);
    if (r == 0)
        r = parse_document(&p);
    return rep_close(&p.doc, r);
}
