/* secureops compliance status | show | history | attest | attestations: what is stored of it, here
 * or by a daemon. Both are told as the JSON of the API, which is printed by the same code. */
#include "policy_priv.h"
#include "remote.h"

#include <secureops/compliance.h>
#include <secureops/store_accounts.h>
#include <secureops/store_compliance.h>

static const int64_t DAY_MS = (int64_t)24 * 3600 * 1000;
enum { STALE_DAYS = 30, STALE_DAYS_MAX = 3650 };
enum format { FORMAT_TABLE, FORMAT_JSON, FORMAT_HTML, FORMAT_CSV };

struct stored {
    struct cli *cli;
    struct sco_store *store; /* NULL: the daemon */
    size_t format;
    struct sco_buf text; /* of the answer */
    struct sco_arena arena;
    const struct sco_node *v;
};

/* ---- the question ---- */
static const char *split_framework(struct cli *c, const char **ret_version)
{
    const char *name = c->values[ARG_FRAMEWORK], *at = name ? strchr(name, '@') : NULL;
    *ret_version = at ? at + 1 : NULL;
    return at ? sco_arena_cstr(&c->arena, sco_str_make(name, (size_t)(at - name))) : name;
}

static int take_filter(struct cli *c, struct sco_compliance_filter *f, struct sco_error *err)
{
    int64_t days = STALE_DAYS;
    const char *text = c->values[ARG_STALE_DAYS];
    if (text && sco_parse_i64(sco_str_c(text), 0, STALE_DAYS_MAX, &days) < 0)
        return sco_error_set(err, SCO_E_INVALID, "--stale-days: expected 0 to %d, got \"%s\"",
                             STALE_DAYS_MAX, text);
    *f = (struct sco_compliance_filter){.repository = c->values[ARG_REPOSITORY],
                                        .branch = c->values[ARG_BRANCH],
                                        .team = c->values[ARG_TEAM],
                                        .now = sco_now_ms(),
                                        .stale_ms = days * DAY_MS,
                                        .cursor = c->values[ARG_CURSOR]};
    f->framework = split_framework(c, &f->version);
    if (args_has(c, ARG_FRAMEWORK) && (!f->framework || !*f->framework))
        return sco_error_set(err, SCO_E_INVALID, "--framework: ID or ID@VERSION");
    return context_limit(c, &f->limit, err);
}

static void add_query(struct sco_buf *path, struct cli *c)
{
    remote_query(path, "repository", c->values[ARG_REPOSITORY]);
    remote_query(path, "branch", c->values[ARG_BRANCH]);
    remote_query(path, "team", c->values[ARG_TEAM]);
    remote_query(path, "stale_days", c->values[ARG_STALE_DAYS]);
    remote_query(path, "cursor", c->values[ARG_CURSOR]);
}

static int ask_remote(struct stored *x, const char *what, uint32_t limit, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf path = {0};
    struct cli *c = x->cli;
    sco_buf_addz(&path, "/iac/compliance");
    if (strcmp(what, "attestations") == 0)
        sco_buf_addz(&path, "/attestations");
    else if (strcmp(what, "status") != 0)
        remote_segment(&path, c->values[ARG_FRAMEWORK]);
    if (strcmp(what, "history") == 0)
        sco_buf_addz(&path, "/history");
    if (strcmp(what, "status") == 0 || strcmp(what, "attestations") == 0)
        remote_query(&path, "framework", c->values[ARG_FRAMEWORK]);
    if (strcmp(what, "attestations") == 0)
        remote_query(&path, "control", c->values[ARG_CONTROL]);
    add_query(&path, c);
    remote_query_limit(&path, limit);
    int r = sco_buf_check(&path, err);
    return r < 0 ? r : remote_get(c->remote, sco_buf_z(&path), &x->arena, &x->v, err);
}

/* ---- the store's answer, as the API would give it ---- */
static void items_end(struct sco_json_out *o, const char *cursor)
{
    sco_json_end(o, ']');
    sco_json_kz(o, "next_cursor", cursor);
    sco_json_end(o, '}');
}

static void items_begin(struct sco_json_out *o)
{
    sco_json_begin(o, '{');
    sco_json_key(o, "items");
    sco_json_begin(o, '[');
}

static int local_assessments(struct stored *x, const struct sco_compliance_filter *f, bool history,
                             struct sco_error *err)
{
    struct sco_assessment_page p = {0};
    struct sco_json_out o = {.b = &x->text};
    int r = history ? sco_store_assessment_history(x->store, f, &p, err)
                    : sco_store_assessments(x->store, f, &p, err);
    if (r < 0)
        return r;
    items_begin(&o);
    for (size_t i = 0; i < p.n; i++)
        sco_stored_assessment_write(&o, &p.v[i]);
    items_end(&o, p.cursor);
    sco_assessment_page_done(&p);
    return 0;
}

static int local_attestations(struct stored *x, const struct sco_compliance_filter *of,
                              struct sco_error *err)
{
    struct sco_attestation_page p = {0};
    struct sco_json_out o = {.b = &x->text};
    struct sco_attestation_filter f = {.framework = of->framework,
                                       .version = of->version,
                                       .control = x->cli->values[ARG_CONTROL],
                                       .repository = of->repository,
                                       .now = of->now,
                                       .cursor = of->cursor,
                                       .limit = of->limit};
    int r = sco_store_attestations(x->store, &f, &p, err);
    if (r < 0)
        return r;
    items_begin(&o);
    for (size_t i = 0; i < p.n; i++)
        sco_stored_attestation_write(&o, &p.v[i]);
    items_end(&o, p.cursor);
    sco_attestation_page_done(&p);
    return 0;
}

static int local_view(struct stored *x, const struct sco_compliance_filter *f,
                      struct sco_error *err)
{
    struct sco_compliance_view v = {0};
    struct sco_json_out o = {.b = &x->text};
    int r = sco_store_compliance(x->store, f, true, &v, err);
    if (r < 0)
        return r;
    sco_compliance_view_write(&o, &v);
    sco_compliance_view_done(&v);
    return 0;
}

static int ask_store(struct stored *x, const char *what, const struct sco_compliance_filter *f,
                     struct sco_error *err)
{
    int r = strcmp(what, "show") == 0 ? local_view(x, f, err)
            : strcmp(what, "attestations") == 0
                ? local_attestations(x, f, err)
                : local_assessments(x, f, strcmp(what, "history") == 0, err);
    if (r == 0)
        r = sco_buf_check(&x->text, err);
    return r < 0 ? r : sco_json_parse(sco_buf_str(&x->text), &x->arena, &x->v, err);
}

/* ---- printing ---- */
static struct sco_str at(const struct sco_node *m, const char *key)
{
    return sco_text(sco_get(m, key));
}

static void table_assessments(const struct sco_node *v, struct sco_buf *b)
{
    bool any = false;
    SCO_EACH (a, sco_get(v, "items")) {
        const struct sco_node *n = sco_get(a, "counts");
        struct sco_str version = at(a, "version"), branch = at(a, "branch"), scope = at(a, "scope");
        any = true;
        sco_buf_addf(b, "%-14.*s %.*s  ", SCO_STR_ARG(at(a, "result")), 10,
                     at(a, "assessed_at").n ? at(a, "assessed_at").p : "");
        sco_buf_add_printable(b, at(a, "framework"));
        if (version.n)
            sco_buf_addc(b, '@');
        sco_buf_add_printable(b, version);
        sco_buf_addz(b, "  ");
        sco_buf_add_printable(b, at(a, "repository"));
        sco_buf_addc(b, ' ');
        sco_buf_add_printable(b, branch);
        if (scope.n)
            sco_buf_addz(b, " /");
        sco_buf_add_printable(b, scope);
        sco_buf_addf(b, "\n               %lld pass, %lld fail",
                     (long long)sco_int(sco_get(n, "pass"), 0),
                     (long long)sco_int(sco_get(n, "fail"), 0));
        if (sco_int(sco_get(n, "attested"), 0))
            sco_buf_addf(b, ", %lld attested", (long long)sco_int(sco_get(n, "attested"), 0));
        sco_buf_addc(b, '\n');
        SCO_EACH (reason, sco_get(a, "reasons")) {
            sco_buf_addz(b, "               - ");
            sco_buf_add_printable(b, sco_text(reason));
            sco_buf_addc(b, '\n');
        }
    }
    if (!any)
        sco_buf_addz(b, "No assessments\n");
}

static void table_attestations(const struct sco_node *v, struct sco_buf *b)
{
    bool any = false;
    SCO_EACH (a, sco_get(v, "items")) {
        static const char *const keys[] = {"framework", "version",    "control",
                                           "verdict",   "repository", "attested_by"};
        any = true;
        sco_buf_addf(b, "%-9s %.10s", sco_bool(sco_get(a, "in_force"), 0) ? "in force" : "over",
                     at(a, "attested_at").n ? at(a, "attested_at").p : "");
        for (size_t i = 0; i < SCO_ARRAY_LEN(keys); i++) {
            sco_buf_addz(b, "  ");
            sco_buf_add_printable(b, at(a, keys[i]).n ? at(a, keys[i]) : SCO_STR("-"));
        }
        sco_buf_addz(b, "\n          ");
        sco_buf_add_printable(b, at(a, "reason"));
        if (at(a, "expires_at").n)
            sco_buf_addf(b, " (until %.10s)", at(a, "expires_at").p);
        sco_buf_addc(b, '\n');
    }
    if (!any)
        sco_buf_addz(b, "No attestations\n");
}

static int print(struct stored *x, const char *what, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_json_out o = {.b = &b, .pretty = true};
    struct sco_str cursor = at(x->v, "next_cursor");
    const char *path = args_has(x->cli, ARG_OUTPUT) ? x->cli->values[ARG_OUTPUT] : "-";
    if (x->format == FORMAT_JSON) {
        sco_json_node(&o, x->v);
        sco_buf_addc(&b, '\n');
    } else if (strcmp(what, "show") == 0) {
        (x->format == FORMAT_HTML  ? sco_compliance_view_html
         : x->format == FORMAT_CSV ? sco_compliance_view_csv
                                   : sco_compliance_view_table)(x->v, &b);
    } else {
        (strcmp(what, "attestations") == 0 ? table_attestations : table_assessments)(x->v, &b);
        if (cursor.n)
            sco_buf_addf(&b, "\nThere are more: --cursor %.*s\n", SCO_STR_ARG(cursor));
    }
    int r = sco_buf_check(&b, err);
    if (r < 0)
        return r;
    if (strcmp(path, "-") != 0)
        return sco_fs_write(path, sco_buf_str(&b), 0666, err);
    fwrite(b.p, 1, b.n, stdout);
    return 0;
}

/* ---- attest ---- */
static int take_attestation(struct cli *c, struct sco_stored_attestation *a, struct sco_error *err)
{
    struct sco_str until = sco_str_c(c->values[ARG_EXPIRES] ? c->values[ARG_EXPIRES] : "");
    const char *version = NULL, *framework = split_framework(c, &version);
    *a = (struct sco_stored_attestation){
        .framework = framework,
        .version = version,
        .control = c->values[ARG_CONTROL],
        .repository = args_has(c, ARG_REPOSITORY) ? c->values[ARG_REPOSITORY] : "",
        .verdict = args_has(c, ARG_VERDICT) ? c->values[ARG_VERDICT] : "pass",
        .reason = c->values[ARG_REASON],
        .evidence = c->values[ARG_EVIDENCE],
        .attested_by = context_user(c),
        .attested_at = sco_now_ms()};
    if (!framework || !a->control || !a->reason)
        return sco_error_set(err, SCO_E_INVALID,
                             "an attestation says what and why: --framework ID[@VERSION], "
                             "--control ID, --reason TEXT");
    if (until.n && sco_time_parse(until, &a->expires_at) < 0)
        return sco_error_set(err, SCO_E_INVALID,
                             "--expires: expected a date as 2027-01-31, got \"%s\"", until.p);
    if (until.n == 10)
        a->expires_at += DAY_MS - 1; /* the end of the day, as in waivers */
    return 0;
}

static int attest_here(struct sco_store *s, const struct sco_stored_attestation *a, char ret_id[37],
                       struct sco_error *err)
{
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    SCO_AUTO(sco_buf) struct sco_buf details = {0};
    struct sco_json_out o = {.b = &details};
    int r = sco_store_begin(s, err);
    if (r < 0)
        return r;
    r = sco_store_attest(s, a, ret_id, err);
    if (r == 0) {
        struct sco_stored_attestation shown = *a;
        shown.id = ret_id;
        sco_stored_attestation_write(&o, &shown);
        struct sco_audit_entry e = {
            .at = a->attested_at,
            .actor = sco_arena_fmt(&arena, "cli:%s", a->attested_by),
            .action = "compliance.attest",
            .object = sco_arena_fmt(&arena, "attestation:%s", ret_id),
            .outcome = "success",
            .details = sco_buf_z(&details),
        };
        r = details.failed || !e.actor || !e.object ? sco_error_nomem(err)
                                                    : sco_store_audit_add(s, &e, err);
    }
    return sco_store_end(s, r, err);
}

static int attest_there(struct cli *c, const struct sco_stored_attestation *a, char ret_id[37],
                        struct sco_error *err)
{
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_json_out o = {.b = &b};
    const struct sco_node *v = NULL;
    sco_json_begin(&o, '{');
    sco_json_kz(&o, "framework", c->values[ARG_FRAMEWORK]);
    sco_json_kz(&o, "control", a->control);
    sco_json_kz(&o, "repository", *a->repository ? a->repository : NULL);
    sco_json_kz(&o, "verdict", a->verdict);
    sco_json_kz(&o, "reason", a->reason);
    sco_json_kz(&o, "evidence", a->evidence);
    sco_json_ktime(&o, "expires_at", a->expires_at);
    sco_json_end(&o, '}');
    struct remote_ask q = {.method = "POST",
                           .path = "/iac/compliance/attestations",
                           .json = sco_buf_str(&b),
                           .repeatable = true};
    int r = sco_buf_check(&b, err);
    if (r == 0)
        r = remote_json(c->remote, &q, &arena, &v, err);
    if (r == 0)
        snprintf(ret_id, 37, "%.*s", SCO_STR_ARG(at(v, "id")));
    return r;
}

static int attest(struct stored *x, struct sco_error *err)
{
    struct sco_stored_attestation a;
    char id[37];
    int r = take_attestation(x->cli, &a, err);
    if (r == 0 && x->store && !a.version)
        r = sco_store_framework_version(x->store, a.framework, &x->arena, &a.version, err);
    if (r == 0)
        r = x->store ? attest_here(x->store, &a, id, err) : attest_there(x->cli, &a, id, err);
    if (r == 0)
        printf("%s\n", id);
    return r;
}

/* ---- the command ---- */
static int answer(struct stored *x, const char *what, struct sco_error *err)
{
    struct sco_compliance_filter f;
    int r = take_filter(x->cli, &f, err);
    if (r == 0)
        r = x->store ? ask_store(x, what, &f, err) : ask_remote(x, what, f.limit, err);
    return r == 0 ? print(x, what, err) : r;
}

int compliance_stored(struct cli *c)
{
    static const char *const reading[] = {"framework",  "repository", "branch", "team",
                                          "stale-days", "limit",      "cursor", "format",
                                          "output",     "control",    NULL};
    static const char *const attesting[] = {"framework", "repository", "control", "verdict",
                                            "reason",    "evidence",   "expires", NULL};
    struct sco_error err = {0};
    struct stored x = {.cli = c};
    const char *what = c->operands[0];
    bool is_attest = strcmp(what, "attest") == 0;
    int r = c->n_operands == 1 ? 0
                               : sco_error_set(&err, SCO_E_INVALID,
                                               "\"compliance %s\" takes options only, not \"%s\"",
                                               what, c->operands[1]);
    if (r == 0 && !args_has(c, ARG_FRAMEWORK) &&
        (strcmp(what, "show") == 0 || strcmp(what, "history") == 0))
        r = sco_error_set(&err, SCO_E_INVALID, "which framework? --framework ID[@VERSION]");
    if (r == 0)
        r = policy_format(c, strcmp(what, "show") == 0 ? "table,json,html,csv" : "table,json",
                          &x.format, &err);
    if (r == 0)
        r = context_open_either(c, false, is_attest ? attesting : reading, &x.store, &err);
    if (r == 0)
        r = is_attest ? attest(&x, &err) : answer(&x, what, &err);
    sco_store_close(x.store);
    remote_close(c->remote);
    sco_buf_done(&x.text);
    sco_arena_done(&x.arena);
    return r < 0 ? context_fail(&err) : EXIT_PASSED;
}
