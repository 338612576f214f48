/* Findings and scans of a daemon, as a store gives them; and what reads every list and every single
 * one, whatever it is of. */
#include "remote.h"

const char *remote_text(struct sco_arena *a, const struct sco_node *map, const char *key)
{
    struct sco_str s = sco_text(sco_get(map, key));
    return s.p ? sco_arena_cstr(a, s) : NULL;
}

int64_t remote_time(const struct sco_node *map, const char *key)
{
    int64_t at = 0;
    struct sco_str s = sco_text(sco_get(map, key));
    return s.n && sco_time_parse(s, &at) == 0 ? at : 0;
}

const char *remote_text_or_empty(struct sco_arena *a, const struct sco_node *map, const char *key)
{
    const char *z = remote_text(a, map, key);
    return z ? z : "";
}

/* ---- lists ---- */
static void drop(const struct remote_shape *of, struct remote_list *l)
{
    for (size_t i = 0; of->drop && l->v && i < l->n; i++)
        of->drop((char *)l->v + i * of->size);
    sco_arena_done(&l->arena);
}

static int take_items(const struct sco_node *items, const struct remote_shape *of,
                      struct remote_list *l, struct sco_error *err)
{
    size_t n = 0, i = 0;
    if (!sco_is(items, SCO_NODE_LIST))
        return sco_error_set(err, SCO_E_FORMAT, "the daemon's answer is not a list");
    SCO_EACH (m, items)
        n++;
    l->v = sco_arena_alloc(&l->arena, (n + 1) * of->size);
    if (!l->v)
        return sco_error_nomem(err);
    l->n = n;
    SCO_EACH (m, items) {
        int e = of->take(m, &l->arena, (char *)l->v + i++ * of->size, err);
        if (e < 0)
            return e;
    }
    return 0;
}

int remote_list(struct remote *r, struct sco_buf *path, const struct remote_shape *of,
                struct remote_list *ret, struct sco_error *err)
{
    SCO_AUTO(sco_arena) struct sco_arena text = {0};
    const struct sco_node *list = NULL;
    struct remote_list l = {0};
    int e = sco_buf_check(path, err);
    if (e == 0)
        e = remote_get(r, sco_buf_z(path), &text, &list, err);
    if (e == 0)
        e = take_items(sco_get(list, "items"), of, &l, err);
    if (e < 0) {
        drop(of, &l);
        return e;
    }
    l.cursor = remote_text(&l.arena, list, "next_cursor");
    *ret = l;
    return 0;
}

int remote_one(struct remote *r, const struct remote_ask *q, const struct remote_shape *of,
               struct remote_list *ret, struct sco_error *err)
{
    SCO_AUTO(sco_arena) struct sco_arena text = {0};
    const struct sco_node *m = NULL;
    struct remote_list l = {.n = 1};
    int e = remote_json(r, q, &text, &m, err);
    if (e == 0 && !(l.v = sco_arena_alloc(&l.arena, of->size)))
        e = sco_error_nomem(err);
    if (e == 0)
        e = of->take(m, &l.arena, l.v, err);
    if (e < 0)
        drop(of, &l);
    else
        *ret = l;
    return e;
}

int remote_one_at(struct remote *r, const char *folder, const char *id,
                  const struct remote_shape *of, struct remote_list *ret, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf path = {0};
    sco_buf_addz(&path, folder);
    remote_segment(&path, id);
    int e = sco_buf_check(&path, err);
    return e == 0 ? remote_one(r, &(struct remote_ask){.path = sco_buf_z(&path)}, of, ret, err) : e;
}

int remote_do_at(struct remote *r, const char *folder, const char *id, const char *verb,
                 struct sco_arena *a, const struct sco_node **ret, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf path = {0};
    sco_buf_addz(&path, folder);
    remote_segment(&path, id);
    remote_segment(&path, verb);
    int e = sco_buf_check(&path, err);
    return e == 0 ? remote_json(r, &(struct remote_ask){.method = "POST", .path = sco_buf_z(&path)},
                                a, ret, err)
                  : e;
}

int remote_do(struct remote *r, const char *folder, const char *id, const char *verb,
              struct sco_error *err)
{
    SCO_AUTO(sco_arena) struct sco_arena text = {0};
    const struct sco_node *m = NULL;
    return remote_do_at(r, folder, id, verb, &text, &m, err);
}

/* ---- findings ---- */
static bool is_of_the_store(struct sco_str key)
{
    static const char *const keys[] = {"id",
                                       "repository",
                                       "branch",
                                       "status",
                                       "status_by",
                                       "status_reason",
                                       "assignee",
                                       "accepted_until",
                                       "first_detected",
                                       "last_detected",
                                       "due_at",
                                       "resolved_at",
                                       "resolved_by",
                                       "first_scan",
                                       "last_scan"};
    for (size_t i = 0; i < SCO_ARRAY_LEN(keys); i++)
        if (sco_str_is(key, keys[i]))
            return true;
    return false;
}

/* What was reported, without what the store has added. */
static const char *content_of(struct sco_arena *a, const struct sco_node *m)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_json_out o = {.b = &b};
    sco_json_begin(&o, '{');
    for (const struct sco_node *x = m->child; x; x = x->next) {
        if (is_of_the_store(x->key))
            continue;
        sco_json_key(&o, x->key.p);
        sco_json_node(&o, x);
    }
    sco_json_end(&o, '}');
    return b.failed ? NULL : sco_arena_cstr(a, sco_buf_str(&b));
}

static const char *tools_of(struct sco_arena *a, const struct sco_node *m)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    SCO_EACH (t, sco_get(m, "tools")) {
        struct sco_str name = sco_text(sco_get(t, "name"));
        sco_buf_addf(&b, "%s%.*s", b.n ? "," : "", SCO_STR_ARG(name));
    }
    return b.n ? sco_arena_cstr(a, sco_buf_str(&b)) : NULL;
}

static enum sco_status status_of(struct sco_str text)
{
    uint32_t i = 0;
    while (i < SCO_STATUS_MAX_ && !sco_str_is_nocase(text, sco_status_name((enum sco_status)i)))
        i++;
    return i < SCO_STATUS_MAX_ ? (enum sco_status)i : SCO_STATUS_OPEN;
}

static int take_finding(const struct sco_node *m, struct sco_arena *a, void *item,
                        struct sco_error *err)
{
    struct sco_stored_finding *f = item;
    const struct sco_node *suppressions = sco_get(m, "suppressions");
    if (!sco_is(m, SCO_NODE_MAP) || !sco_text(sco_get(m, "id")).n)
        return sco_error_set(err, SCO_E_FORMAT, "the daemon's answer is not a finding");
    *f = (struct sco_stored_finding){
        .id = remote_text(a, m, "id"),
        .repository = remote_text_or_empty(a, m, "repository"),
        .branch = remote_text_or_empty(a, m, "branch"),
        .fingerprint = remote_text_or_empty(a, m, "fingerprint"),
        .type = sco_type_parse(sco_text(sco_get(m, "vulnerability_type"))),
        .severity = sco_severity_parse(sco_text(sco_get(m, "severity"))),
        .status = status_of(sco_text(sco_get(m, "status"))),
        .suppressed = sco_is(suppressions, SCO_NODE_LIST) && suppressions->child,
        .risk_score = sco_real(sco_get(m, "risk_score"), 0),
        .title = remote_text(a, m, "title"),
        .rule_id = remote_text_or_empty(a, m, "rule_id"),
        .file_path = remote_text(a, m, "file_path"),
        .cve_id = remote_text(a, m, "cve_id"),
        .tools = tools_of(a, m),
        .line_number = sco_int(sco_get(m, "line_number"), 0),
        .first_detected = remote_time(m, "first_detected"),
        .last_detected = remote_time(m, "last_detected"),
        .resolved_at = remote_time(m, "resolved_at"),
        .accepted_until = remote_time(m, "accepted_until"),
        .due_at = remote_time(m, "due_at"),
        .first_scan = remote_text(a, m, "first_scan"),
        .last_scan = remote_text(a, m, "last_scan"),
        .resolved_by = remote_text(a, m, "resolved_by"),
        .status_by = remote_text(a, m, "status_by"),
        .status_reason = remote_text(a, m, "status_reason"),
        .assignee = remote_text(a, m, "assignee"),
        .content = content_of(a, m),
    };
    return f->id && f->content ? 0 : sco_error_nomem(err);
}

static void add_bits(struct sco_buf *b, uint32_t bits, uint32_t max, const char *(*name)(uint32_t))
{
    for (uint32_t i = 0; i < max; i++)
        if (bits >> i & 1 && name(i))
            sco_buf_addf(b, "%s%s", b->n ? "," : "", name(i));
}

static const char *status_name(uint32_t i)
{
    return sco_status_name((enum sco_status)i);
}

static void findings_query(struct sco_buf *path, const struct sco_store_filter *f)
{
    SCO_AUTO(sco_buf) struct sco_buf statuses = {0}, types = {0}, sort = {0};
    add_bits(&statuses, f->statuses, SCO_STATUS_MAX_, status_name);
    add_bits(&types, f->types, SCO_TYPE_MAX_, sco_type_name);
    remote_query(path, "repository", f->repository);
    remote_query(path, "branch", f->branch);
    remote_query(path, "status", statuses.n ? sco_buf_z(&statuses) : NULL);
    remote_query(path, "type", types.n ? sco_buf_z(&types) : NULL);
    remote_query(path, "severity", f->min_severity ? sco_severity_name(f->min_severity) : NULL);
    remote_query(path, "tool", f->tool);
    remote_query(path, "rule", f->rule);
    remote_query(path, "cve", f->cve);
    remote_query(path, "path", f->path);
    remote_query(path, "suppressed", f->suppressed ? "true" : NULL);
    sco_buf_addf(&sort, "%s%s", f->ascending ? "" : "-", sco_store_sort_name(f->sort));
    remote_query(path, "sort", sco_buf_z(&sort));
    remote_query_limit(path, f->limit);
    remote_query(path, "cursor", f->cursor);
    path->failed |= statuses.failed || types.failed || sort.failed;
}

static const struct remote_shape a_finding = {sizeof(struct sco_stored_finding), take_finding,
                                              NULL};

static void to_findings(const struct remote_list *l, struct sco_finding_page *ret)
{
    *ret = (struct sco_finding_page){.v = l->v, .n = l->n, .cursor = l->cursor, .arena = l->arena};
}

int remote_findings(struct remote *r, const struct sco_store_filter *f,
                    struct sco_finding_page *ret, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf path = {0};
    struct remote_list l;
    sco_buf_addz(&path, "/vulnerabilities");
    findings_query(&path, f);
    int e = remote_list(r, &path, &a_finding, &l, err);
    if (e == 0)
        to_findings(&l, ret);
    return e;
}

int remote_finding(struct remote *r, const char *id, struct sco_finding_page *ret,
                   struct sco_error *err)
{
    struct remote_list l;
    int e = remote_one_at(r, "/vulnerabilities", id, &a_finding, &l, err);
    if (e == 0)
        to_findings(&l, ret);
    return e;
}

static int take_event(const struct sco_node *m, struct sco_arena *a, void *item,
                      struct sco_error *err)
{
    const char *reason = remote_text(a, m, "reason");
    (void)err;
    *(struct sco_store_event *)item =
        (struct sco_store_event){.at = remote_time(m, "at"),
                                 .action = remote_text_or_empty(a, m, "action"),
                                 .from = remote_text(a, m, "from"),
                                 .to = remote_text(a, m, "to"),
                                 .by = remote_text_or_empty(a, m, "by"),
                                 .scan_id = remote_text(a, m, "scan_id"),
                                 .reason = reason ? reason : remote_text(a, m, "assignee")};
    return 0;
}

int remote_history(struct remote *r, const char *id, struct sco_store_history *ret,
                   struct sco_error *err)
{
    static const struct remote_shape an_event = {sizeof(struct sco_store_event), take_event, NULL};
    SCO_AUTO(sco_buf) struct sco_buf path = {0};
    struct remote_list l;
    sco_buf_addz(&path, "/vulnerabilities");
    remote_segment(&path, id);
    sco_buf_addz(&path, "/history");
    int e = remote_list(r, &path, &an_event, &l, err);
    if (e < 0)
        return e;
    /* sco_store_history_done frees the array */
    struct sco_store_event *v = sco_alloc(l.n + 1, sizeof *v);
    if (!v) {
        sco_arena_done(&l.arena);
        return sco_error_nomem(err);
    }
    memcpy(v, l.v, l.n * sizeof *v);
    *ret = (struct sco_store_history){.v = v, .n = l.n, .arena = l.arena};
    return 0;
}

int remote_set_status(struct remote *r, const char *id, const struct sco_store_status *to,
                      bool *ret_changed, struct sco_error *err)
{
    SCO_AUTO(sco_arena) struct sco_arena text = {0};
    SCO_AUTO(sco_buf) struct sco_buf body = {0};
    struct sco_json_out o = {.b = &body};
    const struct sco_node *v = NULL;
    char until[SCO_TIME_LEN];
    sco_json_begin(&o, '{');
    sco_json_key(&o, "ids");
    sco_json_begin(&o, '[');
    sco_json_str(&o, sco_str_c(id));
    sco_json_end(&o, ']');
    sco_json_kz(&o, "status", sco_status_name(to->status));
    sco_json_kz(&o, "reason", to->reason);
    sco_time_format(to->accepted_until, until);
    sco_json_kz(&o, "accepted_until", to->accepted_until ? until : NULL);
    sco_json_end(&o, '}');
    struct remote_ask q = {.method = "POST",
                           .path = "/vulnerabilities/bulk",
                           .json = sco_buf_str(&body),
                           .repeatable = true};
    int e = sco_buf_check(&body, err);
    if (e == 0)
        e = remote_json(r, &q, &text, &v, err);
    if (e == 0)
        *ret_changed = sco_int(sco_get(v, "changed"), 0) > 0;
    return e;
}

/* ---- scans ---- */
static void take_severities(const struct sco_node *m, int64_t by[SCO_SEV_MAX_])
{
    for (uint32_t i = SCO_SEV_INFO; i < SCO_SEV_MAX_; i++)
        by[i] = sco_int(sco_get(m, sco_severity_name(i)), 0);
}

static void take_run(const struct sco_node *m, struct sco_arena *a, struct sco_stored_run *x)
{
    *x = (struct sco_stored_run){.name = remote_text_or_empty(a, m, "name"),
                                 .title = remote_text(a, m, "title"),
                                 .tool = remote_text(a, m, "tool"),
                                 .version = remote_text(a, m, "version"),
                                 .status = remote_text_or_empty(a, m, "status"),
                                 .reason = remote_text(a, m, "reason"),
                                 .hint = remote_text(a, m, "hint"),
                                 .required = sco_bool(sco_get(m, "required"), 0),
                                 .counts = sco_bool(sco_get(m, "counts"), 0),
                                 .started_at = remote_time(m, "started_at"),
                                 .duration_ms = sco_int(sco_get(m, "duration_ms"), -1),
                                 .exit_code = sco_int(sco_get(m, "exit_code"), -1),
                                 .reported = sco_int(sco_get(m, "reported"), 0),
                                 .dropped = sco_int(sco_get(m, "dropped"), 0),
                                 .suppressed = sco_int(sco_get(m, "suppressed"), 0)};
    take_severities(sco_get(m, "by_severity"), x->by_severity);
}

static uint64_t count(const struct sco_node *m, const char *key)
{
    int64_t n = sco_int(sco_get(m, key), 0);
    return n > 0 ? (uint64_t)n : 0;
}

static int take_scan(const struct sco_node *m, struct sco_arena *a, void *item,
                     struct sco_error *err)
{
    struct sco_stored_scan *x = item;
    const struct sco_node *runs = sco_get(m, "scanners");
    if (!sco_is(m, SCO_NODE_MAP) || !sco_text(sco_get(m, "id")).n)
        return sco_error_set(err, SCO_E_FORMAT, "the daemon's answer is not a scan");
    *x = (struct sco_stored_scan){.id = remote_text(a, m, "id"),
                                  .scan_type = remote_text_or_empty(a, m, "scan_type"),
                                  .repository = remote_text_or_empty(a, m, "repository"),
                                  .branch = remote_text_or_empty(a, m, "branch"),
                                  .scope = remote_text_or_empty(a, m, "scope"),
                                  .commit_sha = remote_text(a, m, "commit_sha"),
                                  .status = remote_text_or_empty(a, m, "status"),
                                  .gate_result = remote_text_or_empty(a, m, "gate_result"),
                                  .exit_status = sco_int(sco_get(m, "exit_status"), 0),
                                  .started_at = remote_time(m, "started_at"),
                                  .completed_at = remote_time(m, "completed_at"),
                                  .findings = sco_int(sco_get(m, "findings"), 0),
                                  .suppressed = sco_int(sco_get(m, "suppressed"), 0),
                                  .tool_name = remote_text(a, m, "tool_name"),
                                  .tool_version = remote_text(a, m, "tool_version"),
                                  .stored = {.created = count(m, "created"),
                                             .seen = count(m, "seen"),
                                             .changed = count(m, "changed"),
                                             .resolved = count(m, "resolved"),
                                             .reopened = count(m, "reopened"),
                                             .not_checked = count(m, "not_checked")}};
    take_severities(sco_get(m, "by_severity"), x->by_severity);
    size_t n = 0;
    SCO_EACH (run, runs)
        n++;
    x->runs = n ? sco_alloc(n, sizeof *x->runs) : NULL; /* sco_scan_page_done frees it */
    if (n && !x->runs)
        return sco_error_nomem(err);
    SCO_EACH (run, runs)
        take_run(run, a, &x->runs[x->n_runs++]);
    return 0;
}

static void drop_scan(void *item)
{
    struct sco_stored_scan *x = item;
    free(x->runs);
}

static void to_scans(const struct remote_list *l, struct sco_scan_page *ret)
{
    *ret = (struct sco_scan_page){.v = l->v, .n = l->n, .cursor = l->cursor, .arena = l->arena};
}

int remote_scans(struct remote *r, const struct sco_store_scan_filter *f, struct sco_scan_page *ret,
                 struct sco_error *err)
{
    static const struct remote_shape a_scan = {sizeof(struct sco_stored_scan), take_scan,
                                               drop_scan};
    SCO_AUTO(sco_buf) struct sco_buf path = {0};
    struct remote_list l;
    sco_buf_addz(&path, "/scans");
    remote_query(&path, "repository", f->repository);
    remote_query(&path, "branch", f->branch);
    remote_query(&path, "status", f->status);
    remote_query(&path, "sort", f->oldest_first ? "completed_at" : NULL);
    remote_query_limit(&path, f->limit);
    remote_query(&path, "cursor", f->cursor);
    int e = remote_list(r, &path, &a_scan, &l, err);
    if (e == 0)
        to_scans(&l, ret);
    return e;
}

/* What /scans/{id} gives: the job, and its scan once there is one. */
static int take_scan_of_job(const struct sco_node *m, struct sco_arena *a, void *item,
                            struct sco_error *err)
{
    if (!sco_is(sco_get(m, "scan"), SCO_NODE_MAP))
        return sco_error_set(err, SCO_E_NOT_FOUND, "there is no scan yet: the job is %.*s",
                             SCO_STR_ARG(sco_text(sco_get(m, "status"))));
    return take_scan(sco_get(m, "scan"), a, item, err);
}

/* Also by the id of its job. */
int remote_scan(struct remote *r, const char *id, struct sco_scan_page *ret, struct sco_error *err)
{
    static const struct remote_shape of_job = {sizeof(struct sco_stored_scan), take_scan_of_job,
                                               drop_scan};
    struct remote_list l;
    int e = remote_one_at(r, "/scans", id, &of_job, &l, err);
    if (e == 0)
        to_scans(&l, ret);
    return e;
}
