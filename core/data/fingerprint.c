/* Fingerprints, version secureops/finding/v1: SHA-256 over length-prefixed fields that do not
 * change when lines move, the tool is updated or an advisory is reworded. docs/finding-model.md
 * lists the fields, docs/adr/0002-finding-identity.md the reasons. A change here needs a new
 * version. */
#include "identity_priv.h"

static const char version[] = "secureops/finding/v1";

static bool is_ghsa(const char *id)
{
    return strncmp(id, "GHSA-", 5) == 0;
}

struct sco_str finding_vuln_id(const struct sco_finding *f)
{
    const char *best = NULL;
    if (f->cve_id)
        return sco_str_c(f->cve_id);
    for (uint32_t i = 0; f->aliases && i < f->aliases->n; i++) {
        const char *id = f->aliases->v[i];
        bool better = !best || (is_ghsa(id) && !is_ghsa(best)) ||
                      (is_ghsa(id) == is_ghsa(best) && strcmp(id, best) < 0);
        if (better)
            best = id;
    }
    return sco_str_c(best ? best : f->rule_id);
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static void add_lower(struct sco_buf *b, struct sco_str s)
{
    for (size_t i = 0; i < s.n; i++)
        sco_buf_addc(b, lower(s.p[i]));
}

/* ---- packages ---- */

/* Types whose names do not depend on case. */
static bool folds_case(struct sco_str type)
{
    static const char *const types[] = {"pypi", "golang", "github", "composer",
                                        "deb",  "apk",    "nuget",  "hex"};
    for (size_t i = 0; i < SCO_ARRAY_LEN(types); i++)
        if (sco_str_is_nocase(type, types[i]))
            return true;
    return false;
}

static int hex(char c)
{
    c = lower(c);
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void add_purl_name(struct sco_buf *b, struct sco_str name, struct sco_str type)
{
    bool fold = folds_case(type), python = sco_str_is_nocase(type, "pypi");
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        int high = c == '%' && i + 2 < name.n ? hex(name.p[i + 1]) : -1;
        int low = high >= 0 ? hex(name.p[i + 2]) : -1;
        if (low >= 0) {
            c = (char)(high << 4 | low);
            i += 2;
        }
        if (python && (c == '_' || c == '.')) /* all the same name to pip */
            c = '-';
        sco_buf_addc(b, fold ? lower(c) : c);
    }
}

void finding_package_key(struct sco_buf *b, const struct sco_package *p)
{
    struct sco_str s = sco_str_c(p ? p->purl : NULL);
    if (s.n < 5 || !sco_str_is_nocase(sco_str_make(s.p, 4), "pkg:")) {
        if (!p || !p->name)
            return;
        sco_buf_addz(b, p->ecosystem ? p->ecosystem : "");
        sco_buf_addc(b, '|');
        sco_buf_addz(b, p->name);
        return;
    }
    s = sco_str_make(s.p + 4, strcspn(s.p + 4, "?#"));
    const char *last = memrchr(s.p, '/', s.n);
    size_t from = last ? (size_t)(last - s.p) + 1 : 0;
    const char *at = memrchr(s.p + from, '@', s.n - from);
    if (at > s.p + from || (at && !last)) /* "pkg:npm/@scope" alone has no version */
        s.n = (size_t)(at - s.p);
    while (s.n && s.p[0] == '/')
        s = sco_str_make(s.p + 1, s.n - 1);
    struct sco_str type = sco_str_make(s.p, 0);
    while (type.n < s.n && s.p[type.n] != '/')
        type.n++;
    sco_buf_addz(b, "pkg:");
    add_lower(b, type);
    add_purl_name(b, sco_str_make(s.p + type.n, s.n - type.n), type);
}

/* ---- rules ---- */

void finding_rule_key(struct sco_buf *b, uint32_t type, struct sco_str rule)
{
    size_t letters = 0, digits = 0;
    if (type != SCO_TYPE_IAC) {
        sco_buf_add(b, rule);
        return;
    }
    if (sco_str_starts(rule, "AVD-"))
        rule = sco_str_make(rule.p + 4, rule.n - 4);
    while (letters < rule.n && rule.p[letters] >= 'A' && rule.p[letters] <= 'Z')
        letters++;
    while (letters + digits < rule.n && rule.p[letters + digits] >= '0' &&
           rule.p[letters + digits] <= '9')
        digits++;
    if (letters >= 2 && digits == 3 && letters + digits == rule.n) {
        sco_buf_add(b, sco_str_make(rule.p, letters));
        sco_buf_addz(b, "-0");
        sco_buf_add(b, sco_str_make(rule.p + letters, digits));
    } else
        sco_buf_add(b, rule);
}

/* ---- URLs ---- */

static void add_host(struct sco_buf *b, struct sco_str scheme, struct sco_str host)
{
    const char *user = host.n ? memrchr(host.p, '@', host.n) : NULL;
    if (user)
        host = sco_str_make(user + 1, host.n - (size_t)(user + 1 - host.p));
    if ((sco_str_is_nocase(scheme, "http") && sco_str_ends(host, ":80")) ||
        (sco_str_is_nocase(scheme, "https") && sco_str_ends(host, ":443")))
        host.n = (size_t)((const char *)memrchr(host.p, ':', host.n) - host.p);
    add_lower(b, host);
}

/* The names of the parameters, sorted, each once: values vary from run to run. */
static void add_query(struct sco_buf *b, struct sco_str query)
{
    enum { NAMES_MAX = 64 };
    struct sco_str names[NAMES_MAX], part;
    size_t n = 0;
    while (sco_str_split(&query, '&', &part)) {
        const char *eq = part.n ? memchr(part.p, '=', part.n) : NULL;
        struct sco_str name = sco_str_make(part.p, eq ? (size_t)(eq - part.p) : 0);
        size_t at = 0;
        while (at < n && sco_str_cmp(names[at], name) < 0)
            at++;
        if (!name.n || n == NAMES_MAX || (at < n && sco_str_eq(names[at], name)))
            continue;
        memmove(&names[at + 1], &names[at], (n - at) * sizeof *names);
        names[at] = name;
        n++;
    }
    for (size_t i = 0; i < n; i++) {
        sco_buf_addc(b, i ? '&' : '?');
        sco_buf_add(b, names[i]);
    }
}

void finding_url_key(struct sco_buf *b, const struct sco_finding *f)
{
    struct sco_str s = sco_str_c(f->resource ? f->resource : f->file_path);
    size_t method = 0;
    while (method < s.n && s.p[method] >= 'A' && s.p[method] <= 'Z')
        method++;
    if (method && method < s.n && s.p[method] == ' ') {
        sco_buf_add(b, sco_str_make(s.p, method));
        s = sco_str_trim(sco_str_make(s.p + method, s.n - method));
    }
    sco_buf_addc(b, ' ');
    size_t end = 0;
    while (end < s.n && s.p[end] != '#')
        end++;
    s.n = end;
    const char *mark = s.n ? memchr(s.p, '?', s.n) : NULL;
    struct sco_str query = sco_str_make(NULL, 0);
    if (mark) {
        query = sco_str_make(mark + 1, s.n - (size_t)(mark + 1 - s.p));
        s.n = (size_t)(mark - s.p);
    }
    const char *sep = s.n ? memmem(s.p, s.n, "://", 3) : NULL;
    if (sep) {
        struct sco_str scheme = sco_str_make(s.p, (size_t)(sep - s.p));
        struct sco_str host = sco_str_make(sep + 3, 0), rest;
        while (host.p + host.n < s.p + s.n && host.p[host.n] != '/')
            host.n++;
        rest = sco_str_make(host.p + host.n, (size_t)(s.p + s.n - host.p) - host.n);
        add_lower(b, scheme);
        sco_buf_addz(b, "://");
        add_host(b, scheme, host);
        s = rest.n ? rest : SCO_STR("/");
    }
    sco_buf_add(b, s);
    add_query(b, query);
}

/* ---- the fingerprint ---- */

bool finding_has_occurrence(const struct sco_finding *f)
{
    switch (f->type) {
    case SCO_TYPE_SAST:
    case SCO_TYPE_QUALITY:
        return true;
    case SCO_TYPE_IAC:
        return !f->resource;
    case SCO_TYPE_SECRET:
        return !f->secret_digest;
    default:
        return false;
    }
}

static void add_z(struct sco_sha256 *h, const char *z)
{
    sco_sha256_field(h, sco_str_c(z)); /* NULL is "absent", which is not "" */
}

static void add_buf(struct sco_sha256 *h, struct sco_buf *b)
{
    sco_sha256_field(h, sco_str_make(b->p ? b->p : "", b->n));
    b->n = 0; /* `failed` stays */
}

static void add_rule(struct sco_sha256 *h, struct sco_buf *tmp, const struct sco_finding *f)
{
    finding_rule_key(tmp, f->type, sco_str_c(f->rule_id));
    add_buf(h, tmp);
}

static void add_fields(struct sco_sha256 *h, struct sco_buf *tmp, const struct sco_finding *f)
{
    switch (f->type) {
    case SCO_TYPE_SCA:
        add_z(h, "sca");
        sco_sha256_field(h, finding_vuln_id(f));
        finding_package_key(tmp, f->package);
        add_buf(h, tmp);
        add_z(h, f->file_path);
        break;
    case SCO_TYPE_LICENSE:
        add_z(h, "license");
        add_rule(h, tmp, f);
        finding_package_key(tmp, f->package);
        add_buf(h, tmp);
        add_z(h, f->file_path);
        break;
    case SCO_TYPE_SECRET:
        add_z(h, "secret");
        if (f->secret_digest)
            add_z(h, f->secret_digest);
        else {
            add_rule(h, tmp, f);
            add_z(h, f->identity);
        }
        add_z(h, f->file_path);
        break;
    case SCO_TYPE_IAC:
        add_z(h, "iac");
        add_rule(h, tmp, f);
        add_z(h, f->file_path);
        add_z(h, f->resource);
        if (!f->resource)
            add_z(h, f->identity);
        break;
    case SCO_TYPE_DAST:
        add_z(h, "dast");
        add_rule(h, tmp, f);
        finding_url_key(tmp, f);
        add_buf(h, tmp);
        add_z(h, f->parameter);
        break;
    default: /* SAST, QUALITY */
        add_z(h, "sast");
        add_rule(h, tmp, f);
        add_z(h, f->file_path);
        add_z(h, f->identity);
        break;
    }
}

int finding_fingerprint(struct sco_sha256 *h, struct sco_buf *tmp, const struct sco_finding *f,
                        uint32_t occurrence, uint8_t out[SCO_FINGERPRINT_LEN])
{
    sco_buf_clear(tmp);
    sco_sha256_begin(h);
    add_z(h, version);
    add_fields(h, tmp, f);
    if (finding_has_occurrence(f)) {
        char n[4] = {(char)(occurrence >> 24), (char)(occurrence >> 16), (char)(occurrence >> 8),
                     (char)occurrence};
        sco_sha256_field(h, sco_str_make(n, sizeof n));
    }
    if (tmp->failed)
        return SCO_E_NOMEM;
    return sco_sha256_end(h, out);
}
