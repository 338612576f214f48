/* secureops policy eval: every verdict about some files. The JSON is written as the verdicts come,
 * so that it needs no memory for them. */
#include "policy_priv.h"

enum { IDS_MAX = 160 };

struct evaluation {
    struct cli *cli;
    bool json, trace;
    size_t n_results, n_documents, n_failed_documents;
    uint64_t counts[6];
    struct sco_buf documents, bundles; /* JSON, separated by commas */
    struct sco_buf unjudged;           /* text */
    struct sco_buf waived;             /* a verdict that a waiver changed */
    struct sco_arena arena;            /* of the record at hand */
};

static const char *const verdicts[] = {"pass", "fail",  "unknown",
                                       "skip", "error", "not_applicable"};

enum { VERDICT_ERROR = 4 };

static size_t verdict_index(struct sco_str name)
{
    for (size_t i = 0; i < SCO_ARRAY_LEN(verdicts); i++)
        if (sco_str_is(name, verdicts[i]))
            return i;
    return VERDICT_ERROR; /* what is not understood has not passed */
}

/* ---- table ---- */
static struct sco_str at(const struct sco_node *m, const char *key)
{
    return sco_text(sco_get(m, key));
}

static void print_indented(struct sco_str text)
{
    struct sco_str line;
    while (sco_str_split(&text, '\n', &line)) {
        fputs("         ", stdout);
        put_text(stdout, line);
        fputc('\n', stdout);
    }
}

static void print_verdict(const struct evaluation *e, const struct sco_node *m, size_t verdict)
{
    static const char *const words[] = {"PASS", "FAIL", "UNKNOWN", "SKIP", "ERROR", "N/A"};
    if ((verdict == 0 || verdict == 5) && !e->trace)
        return;
    printf("%-8s %-9.*s", words[verdict], SCO_STR_ARG(at(m, "severity")));
    put_text(stdout, at(m, "file_path"));
    if (sco_int(sco_get(m, "line_number"), 0) > 0)
        printf(":%lld", (long long)sco_int(sco_get(m, "line_number"), 0));
    fputs("  ", stdout);
    put_text(stdout, at(m, "resource"));
    printf("\n         %.*s", SCO_STR_ARG(at(m, "policy")));
    if (at(m, "message").n) {
        fputs(": ", stdout);
        put_text(stdout, at(m, "message"));
    }
    fputc('\n', stdout);
    if (at(m, "reason").n)
        print_indented(at(m, "reason"));
    if (e->trace && at(m, "trace").n)
        print_indented(at(m, "trace"));
}

/* ---- records ---- */
static void append(struct sco_buf *b, struct sco_str json)
{
    sco_buf_addz(b, b->n ? ",\n" : "\n");
    sco_buf_add(b, json);
}

static void take_document(struct evaluation *e, struct sco_str json)
{
    const struct sco_node *m = NULL;
    e->n_documents++;
    append(&e->documents, json);
    if (sco_json_parse(json, &e->arena, &m, NULL) < 0)
        m = NULL; /* counts as one that failed */
    struct sco_str status = at(m, "status"), reason = at(m, "reason");
    if (sco_str_is(status, "parsed"))
        return;
    e->n_failed_documents += !sco_str_is(status, "skipped");
    sco_buf_addf(&e->unjudged, "%-9.*s", SCO_STR_ARG(status));
    sco_buf_add_printable(&e->unjudged, at(m, "file_path"));
    sco_buf_addz(&e->unjudged, ": ");
    sco_buf_add_printable(&e->unjudged, reason.n ? reason : SCO_STR("no reason is known"));
    sco_buf_addc(&e->unjudged, '\n');
}

/* ---- waivers ---- */
static const struct sco_waiver *find_waiver(struct evaluation *e, const struct sco_node *m)
{
    const char *ids[IDS_MAX], *resource, *path;
    size_t n = 0;
    ids[n++] = sco_arena_cstr(&e->arena, at(m, "policy"));
    SCO_EACH (a, sco_get(m, "aliases"))
        if (n < IDS_MAX)
            ids[n++] = sco_arena_cstr(&e->arena, sco_text(a));
    resource = sco_arena_cstr(&e->arena, at(m, "resource"));
    path = sco_arena_cstr(&e->arena, at(m, "file_path"));
    for (size_t i = 0; i < n; i++)
        if (!ids[i])
            return NULL;
    return resource && path ? sco_waivers_match(e->cli->waivers, ids, n, resource, path) : NULL;
}

/* The verdict with another word, the waiver's reason and its end. */
static const struct sco_node *waive(struct evaluation *e, const struct sco_node *m,
                                    const struct sco_waiver *w, struct sco_str *json)
{
    const struct sco_node *waived = NULL;
    struct sco_json_out o = {.b = &e->waived};
    sco_buf_clear(&e->waived);
    sco_json_begin(&o, '{');
    for (const struct sco_node *c = m->child; c; c = c->next) {
        const char *key = sco_arena_cstr(&e->arena, c->key);
        if (!key || strcmp(key, "reason") == 0 || strcmp(key, "expires") == 0)
            continue;
        sco_json_key(&o, key);
        if (strcmp(key, "verdict") == 0)
            sco_json_str(&o, SCO_STR("skip"));
        else
            sco_json_node(&o, c);
    }
    sco_json_kz(&o, "reason", w->reason);
    sco_json_kz(&o, "expires", w->expires);
    sco_json_kz(&o, "waiver", sco_arena_fmt(&e->arena, "%s:%u", w->file, w->line));
    sco_json_end(&o, '}');
    if (sco_json_parse(sco_buf_str(&e->waived), &e->arena, &waived, NULL) < 0)
        return m;
    *json = sco_buf_str(&e->waived);
    return waived;
}

static void tell_waivers(const struct evaluation *e)
{
    const struct sco_waivers *w = e->cli->waivers;
    for (size_t i = 0; w && i < w->n; i++) {
        const struct sco_waiver *x = &w->v[i];
        if (x->matched && !x->expired)
            continue;
        fprintf(stderr, "secureops: %s:%u: the waiver of ", x->file, x->line);
        put_z(stderr, x->pattern);
        if (!x->expired)
            fprintf(stderr, " matched nothing\n");
        else if (x->matched)
            fprintf(stderr, " has expired on %s; it would have matched\n", x->expires);
        else
            fprintf(stderr, " has expired on %s, and matched nothing\n", x->expires);
    }
}

/* Written with the first result: a command that cannot begin prints nothing. */
#define RESULTS_BEGIN "{\"version\":\"1\",\"results\":["

static void write_result(struct evaluation *e, struct sco_str json)
{
    fputs(e->n_results++ ? ",\n" : RESULTS_BEGIN "\n", stdout);
    fwrite(json.p, 1, json.n, stdout);
}

/* The word alone, of a record that goes out as it came. */
static struct sco_str peek_verdict(struct sco_str json)
{
    static const char key[] = "\"verdict\":\"";
    const char *at = memmem(json.p, json.n, key, sizeof key - 1);
    const char *from = at ? at + sizeof key - 1 : NULL;
    const char *to = from ? memchr(from, '"', json.n - (size_t)(from - json.p)) : NULL;
    return to ? sco_str_make(from, (size_t)(to - from)) : sco_str_make(NULL, 0);
}

static void take_verdict(struct evaluation *e, struct sco_str json)
{
    const struct sco_node *m = NULL;
    struct sco_str word = e->json && !e->cli->waivers ? peek_verdict(json) : sco_str_make(NULL, 0);
    if (word.n) {
        e->counts[verdict_index(word)]++;
        write_result(e, json);
        return;
    }
    if (sco_json_parse(json, &e->arena, &m, NULL) < 0) {
        e->counts[VERDICT_ERROR]++;
        return;
    }
    size_t verdict = verdict_index(at(m, "verdict"));
    const struct sco_waiver *w = verdict == 1 && e->cli->waivers ? find_waiver(e, m) : NULL;
    if (w) {
        m = waive(e, m, w, &json);
        verdict = verdict_index(at(m, "verdict"));
    }
    e->counts[verdict]++;
    if (!e->json) {
        print_verdict(e, m, verdict);
        return;
    }
    write_result(e, json);
}

static int on_record(void *user, struct sco_str kind, struct sco_str json)
{
    struct evaluation *e = user;
    sco_arena_reset(&e->arena);
    if (sco_str_is(kind, "verdict"))
        take_verdict(e, json);
    else if (sco_str_is(kind, "document"))
        take_document(e, json);
    else if (sco_str_is(kind, "bundle") &&
             !(e->bundles.n && memmem(e->bundles.p, e->bundles.n, json.p, json.n)))
        append(&e->bundles, json); /* several workers load the same */
    bool broken = ferror(stdout) || e->documents.failed || e->unjudged.failed || e->bundles.failed;
    return broken ? SCO_E_IO : 0;
}

/* ---- the end ---- */
static void end_json(struct evaluation *e, const struct sco_policy_outcome *o)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_json_out out = {.b = &b};
    sco_json_begin(&out, '{');
    for (size_t i = 0; i < SCO_ARRAY_LEN(verdicts); i++)
        sco_json_ki64(&out, verdicts[i], (int64_t)e->counts[i]);
    sco_json_end(&out, '}');
    printf("%s\n],\n\"documents\":[%s\n],\n\"bundles\":[%s\n],\n\"summary\":%s,\n",
           e->n_results ? "" : RESULTS_BEGIN, sco_buf_z(&e->documents), sco_buf_z(&e->bundles),
           sco_buf_z(&b));
    sco_buf_clear(&b);
    out = (struct sco_json_out){.b = &b};
    sco_json_begin(&out, '{');
    sco_json_kz(&out, "status", sco_run_status_name(o->status));
    sco_json_key(&out, "reason");
    if (o->reason)
        sco_json_str(&out, sco_str_c(o->reason));
    else
        sco_json_null(&out);
    sco_json_end(&out, '}');
    printf("\"run\":%s}\n", sco_buf_z(&b));
}

static void end_table(struct evaluation *e)
{
    static const char *const words[] = {"passed",  "failed", "unknown",
                                        "skipped", "errors", "not applicable"};
    const char *gap = "";
    fputs(sco_buf_z(&e->unjudged), stdout);
    printf("%zu document%s: ", e->n_documents, e->n_documents == 1 ? "" : "s");
    for (size_t i = 0; i < SCO_ARRAY_LEN(words); i++) {
        if (!e->counts[i] && i > 1)
            continue;
        printf("%s%llu %s", gap, (unsigned long long)e->counts[i], words[i]);
        gap = ", ";
    }
    fputc('\n', stdout);
}

/* Incomplete outranks failed, as in a scan. */
static int judge(const struct evaluation *e, int status)
{
    if (status != EXIT_PASSED)
        return status;
    if (!e->n_documents) {
        fprintf(stderr, "secureops: nothing was judged: no infrastructure code was found\n");
        return EXIT_INCOMPLETE;
    }
    if (e->counts[VERDICT_ERROR] || e->n_failed_documents)
        return EXIT_INCOMPLETE;
    return e->counts[1] ? EXIT_GATE : EXIT_PASSED;
}

static int read_arguments(struct cli *c, struct sco_policy_request *q, struct evaluation *e,
                          struct sco_error *err)
{
    size_t format = 0;
    const char **paths = sco_arena_alloc(&c->arena, (c->n_operands + 1) * sizeof *paths);
    if (!paths)
        return sco_error_nomem(err);
    memcpy(paths, c->operands + 1, (c->n_operands - 1) * sizeof *paths);
    q->paths = paths;
    q->trace = e->trace = args_has(c, ARG_TRACE);
    int r = policy_format(c, "table,json", &format, err);
    if (r == 0)
        r = policy_list_arg(c, ARG_POLICY, &q->policies, err);
    if (r == 0)
        r = policy_list_arg(c, ARG_FRAMEWORK, &q->frameworks, err);
    if (r == 0)
        r = policy_list_arg(c, ARG_SKIP, &q->skip, err);
    e->json = format == 1;
    return r;
}

int policy_eval(struct cli *c)
{
    struct evaluation e = {.cli = c};
    struct sco_policy_request q = {.command = "eval"};
    struct sco_policy_outcome o = {0};
    struct sco_error err = {0};
    int status = EXIT_INTERNAL;
    context_mention_waivers(c);
    int r = read_arguments(c, &q, &e, &err);
    if (r == 0)
        r = policy_ask(c, &q, on_record, &e, &o, &status, &err);
    if (r == 0) {
        if (e.json)
            end_json(&e, &o);
        else if (status != EXIT_USAGE)
            end_table(&e);
        fflush(stdout);
        status = judge(&e, status);
        tell_waivers(&e); /* expired: the verdict stands, and fails */
    } else {
        status = context_fail(&err);
    }
    sco_policy_outcome_done(&o);
    sco_buf_done(&e.documents);
    sco_buf_done(&e.bundles);
    sco_buf_done(&e.unjudged);
    sco_buf_done(&e.waived);
    sco_arena_done(&e.arena);
    return status;
}
