/* SARIF 2.1.0: a run per tool, with what its scanner runs said about themselves as invocations.
 *
 * A scanner that did not end and brought nothing has no run of its own: an empty list of results
 * would say that it found nothing, and consumers close its alerts then; a run without the list is
 * refused by GitHub with the whole file. It is an invocation, with an error notification, of the
 * run of SecureOps itself, which never has results.
 * One result per line; within a run they are ordered by place, rule and fingerprint. */
#include "sarif_priv.h"

#include <stdlib.h>

/* Ends the line; the comma that the next value needs goes before the line break. */
static void new_line(struct sco_json_out *o)
{
    if (o->comma)
        sco_buf_addc(o->b, ',');
    sco_buf_addc(o->b, '\n');
    o->comma = false;
}

int sarif_init(struct sarif *w, const struct sco_scan *scan, struct sco_error *err)
{
    *w = (struct sarif){.scan = scan};
    int r = grouping_init(&w->g, scan, err);
    if (r < 0)
        return r;
    w->lines = sarif_lines_new(scan->root);
    if (w->lines)
        return 0;
    sarif_done(w);
    return sco_error_nomem(err);
}

void sarif_done(struct sarif *w)
{
    sarif_forget(w);
    w->lines = sarif_lines_free(w->lines);
    sco_buf_done(&w->tmp);
    sco_buf_done(&w->text);
    grouping_done(&w->g);
}

/* ---- which runs ------------------------------------------------------------------------------ */
/* A scanner that had nothing to do, or is not installed and was not asked for, is only named in the
 * log's properties. */
static bool was_wanted(const struct sco_scanner_run *r)
{
    return r->status != SCO_RUN_STATUS_SKIPPED &&
           (r->status != SCO_RUN_STATUS_MISSING || r->required || r->counts);
}

/* A tool has a run in the log when it found something, or ended and found nothing. */
static bool group_has_run(const struct grouping *g, size_t at)
{
    bool has = g->v[at].n > 0;
    for (size_t i = 0; i < g->scan->n_runs; i++)
        has = has || (g->run_group[i] == at && run_is_complete(&g->scan->runs[i]));
    return has;
}

/* Of the run of SecureOps itself: a scanner that did not end and has no run in the log. */
static bool is_orphan(const struct grouping *g, size_t run)
{
    return was_wanted(&g->scan->runs[run]) && !group_has_run(g, g->run_group[run]);
}

int sarif_plan(const struct sarif *w, struct sarif_chunk **ret, size_t *ret_n,
               struct sco_error *err)
{
    size_t n = 0;
    struct sarif_chunk *v = sco_alloc(w->g.n + 1, sizeof *v);
    if (!v)
        return sco_error_nomem(err);
    bool own = false;
    for (size_t i = 0; i < w->scan->n_runs; i++)
        own = own || is_orphan(&w->g, i);
    for (size_t i = 0; i < w->g.n; i++) {
        const struct tool_group *t = &w->g.v[i];
        if (!group_has_run(&w->g, i))
            continue;
        v[n] = (struct sarif_chunk){.group = i, .first = t->first, .n = t->n};
        n++;
    }
    if (own || !n) { /* a log has a run, or consumers take it for broken */
        v[n] = (struct sarif_chunk){.group = SIZE_MAX};
        n++;
    }
    *ret = v;
    *ret_n = n;
    return 0;
}

/* ---- order ----------------------------------------------------------------------------------- */
static int compare_text(const char *a, const char *b)
{
    return a == b ? 0 : strcmp(a ? a : "", b ? b : "");
}

static int compare_places(const void *pa, const void *pb, void *user)
{
    const struct sco_finding *v = user;
    uint32_t ia = *(const uint32_t *)pa, ib = *(const uint32_t *)pb;
    const struct sco_finding *a = &v[ia], *b = &v[ib];
    int r = compare_text(a->file_path, b->file_path);
    if (!r)
        r = (a->line > b->line) - (a->line < b->line);
    if (!r)
        r = compare_text(a->rule_id, b->rule_id);
    if (!r)
        r = memcmp(a->fingerprint, b->fingerprint, SCO_FINGERPRINT_LEN);
    return r ? r : (ia > ib) - (ia < ib);
}

static void sort_chunk(struct sarif *w, struct sarif_chunk *c)
{
    if (!c->sorted && c->n > 1)
        qsort_r(w->g.order + c->first, c->n, sizeof *w->g.order, compare_places,
                w->scan->findings.v);
    c->sorted = true;
}

/* ---- invocations ----------------------------------------------------------------------------- */
static void write_notification(struct sarif *w, const char *level, const char *status,
                               const char *reason, const char *hint)
{
    struct sco_json_out *o = &w->o;
    buf_restart(&w->text, &w->s->b);
    sco_buf_addf(&w->text, "%s%s%s", status, reason ? ": " : "", reason ? reason : "");
    buf_restart(&w->tmp, &w->s->b);
    sarif_add_message(&w->tmp, sco_buf_str(&w->text));
    if (hint) {
        sco_buf_addc(&w->tmp, ' ');
        sarif_add_message(&w->tmp, sco_str_c(hint));
    }
    sco_json_begin(o, '{');
    sco_json_kz(o, "level", level);
    sarif_write_text(o, "message", sco_buf_str(&w->tmp));
    sco_json_end(o, '}');
}

static void write_time(struct sco_json_out *o, const char *key, int64_t unix_ms)
{
    char text[SCO_TIME_LEN];
    if (unix_ms <= 0)
        return;
    sco_time_format(unix_ms, text);
    sco_json_kz(o, key, text);
}

static void write_invocation(struct sarif *w, const struct sco_scanner_run *r, bool merged)
{
    struct sco_json_out *o = &w->o;
    const char *status = sco_run_status_name(r->status);
    sco_json_begin(o, '{');
    sco_json_kbool(o, "executionSuccessful", run_is_complete(r));
    if (r->exit_code >= 0)
        sco_json_ki64(o, "exitCode", r->exit_code);
    write_time(o, "startTimeUtc", r->started_ms);
    if (r->duration_ms >= 0 && r->started_ms > 0)
        write_time(o, "endTimeUtc", r->started_ms + r->duration_ms);
    sco_json_key(o, "toolExecutionNotifications");
    sco_json_begin(o, '[');
    if (!run_is_complete(r))
        write_notification(w, was_wanted(r) ? "error" : "note", status, r->reason, r->hint);
    else if (merged)
        write_notification(w, "note",
                           "findings that other tools reported too are listed under those tools",
                           NULL, NULL);
    sco_json_end(o, ']');
    sco_json_key(o, "properties");
    sco_json_begin(o, '{');
    sco_json_kz(o, "scanner", r->name);
    sco_json_kz(o, "status", status);
    sco_json_end(o, '}');
    sco_json_end(o, '}');
}

/* Nothing was looked at: no scanner is installed, or none applies. */
static void write_idle(struct sarif *w)
{
    struct sco_json_out *o = &w->o;
    bool passed = w->scan->exit_status == 0;
    sco_json_begin(o, '{');
    sco_json_kbool(o, "executionSuccessful", passed);
    sco_json_key(o, "toolExecutionNotifications");
    sco_json_begin(o, '[');
    write_notification(w, passed ? "note" : "error", "no scanner ran", NULL, NULL);
    sco_json_end(o, ']');
    sco_json_end(o, '}');
}

static void write_invocations(struct sarif *w)
{
    struct sco_json_out *o = &w->o;
    uint64_t said = 0;
    size_t n = 0;
    sco_json_key(o, "invocations");
    sco_json_begin(o, '[');
    for (size_t i = 0; i < w->scan->n_runs; i++) {
        const struct sco_scanner_run *r = &w->scan->runs[i];
        if (w->group ? w->g.run_group[i] != w->chunk->group : !is_orphan(&w->g, i))
            continue;
        said += run_findings(r) + r->suppressed;
        write_invocation(w, r, w->group && said > w->group->n);
        n++;
    }
    if (!w->group && !n)
        write_idle(w);
    sco_json_end(o, ']');
}

/* ---- the run --------------------------------------------------------------------------------- */
static bool is_semver(const char *z)
{
    int dots = 0;
    for (const char *p = z; *p; p++) {
        if (*p == '.' && p > z && p[-1] != '.' && p[1])
            dots++;
        else if ((unsigned)(*p - '0') > 9u ||
                 (*p == '0' && (p == z || p[-1] == '.') && p[1] && p[1] != '.'))
            return false;
    }
    return dots == 2;
}

static void write_driver(struct sarif *w)
{
    struct sco_json_out *o = &w->o;
    const char *version = w->group ? w->group->version : SCO_VERSION;
    if (version && version[0] == 'v' && (unsigned)(version[1] - '0') <= 9u)
        version++;
    sco_json_key(o, "tool");
    sco_json_begin(o, '{');
    sco_json_key(o, "driver");
    sco_json_begin(o, '{');
    sco_json_kz(o, "name", w->group ? w->group->name : "SecureOps");
    if (version && *version) {
        sco_json_kz(o, "version", version);
        sco_json_kz(o, "semanticVersion", is_semver(version) ? version : NULL);
    }
    if (w->group && w->group->homepage && sarif_is_url(sco_str_c(w->group->homepage)))
        sco_json_kz(o, "informationUri", w->group->homepage);
    if (w->n_cwes) {
        sco_json_key(o, "supportedTaxonomies");
        sco_json_raw(o, SCO_STR("[{\"name\":\"CWE\",\"index\":0}]"));
    }
    sarif_write_rules(w);
    sco_json_end(o, '}');
    sco_json_end(o, '}');
}

/* "secureops/trivy/<scan>": GitHub's category is what stands before the last slash, and must be
 * another one for each part of a tool's findings. */
static void write_automation(struct sarif *w, size_t part)
{
    struct sco_json_out *o = &w->o;
    struct sco_buf *b = &w->tmp;
    buf_restart(b, &w->s->b);
    sco_buf_addz(b, "secureops/");
    for (const char *p = w->group ? w->group->name : "secureops"; *p; p++) {
        char c = *p >= 'A' && *p <= 'Z' ? (char)(*p + 32) : *p;
        bool word = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_';
        if (word || (b->n && b->p[b->n - 1] != '-' && b->p[b->n - 1] != '/'))
            sco_buf_addc(b, word ? c : '-');
    }
    if (part > 1)
        sco_buf_addf(b, "/%zu", part);
    sco_buf_addf(b, "/%s", w->scan->id);
    sco_json_key(o, "automationDetails");
    sco_json_begin(o, '{');
    sco_json_key(o, "id");
    sco_json_str(o, sco_buf_str(b));
    sco_json_end(o, '}');
}

/* The repository as a URI into w->tmp: "git@host:owner/name" becomes https. False: it is none. */
static bool set_repository(struct sarif *w)
{
    struct sco_buf *b = &w->tmp, *plain = &w->text;
    buf_restart(b, &w->s->b);
    buf_restart(plain, &w->s->b);
    add_repository(plain, w->scan->repository);
    const char *z = sco_buf_z(plain), *scheme = strstr(z, "://");
    size_t host = strcspn(z, ":/");
    if (!scheme && z[host] == ':')
        sco_buf_addf(b, "https://%.*s/%s", (int)host, z, z + host + 1);
    else if (scheme &&
             (sco_str_starts(sco_str_c(z), "ssh:") || sco_str_starts(sco_str_c(z), "git:")))
        sco_buf_addf(b, "https%s", scheme);
    else
        sco_buf_addz(b, z);
    return sarif_is_url(sco_buf_str(b));
}

static void write_provenance(struct sarif *w)
{
    struct sco_json_out *o = &w->o;
    if (!w->scan->repository || !set_repository(w))
        return;
    sco_json_key(o, "versionControlProvenance");
    sco_json_begin(o, '[');
    sco_json_begin(o, '{');
    sco_json_key(o, "repositoryUri");
    sco_json_str(o, sco_buf_str(&w->tmp));
    sco_json_kz(o, "revisionId", w->scan->commit_sha);
    sco_json_kz(o, "branch", w->scan->branch);
    sco_json_key(o, "mappedTo");
    sco_json_raw(o, SCO_STR("{\"uriBaseId\":\"%SRCROOT%\"}"));
    sco_json_end(o, '}');
    sco_json_end(o, ']');
}

static void write_results(struct sarif *w)
{
    struct sco_json_out *o = &w->o;
    sco_json_key(o, "results");
    sco_json_begin(o, '[');
    for (size_t i = 0; i < w->chunk->n && sink_more(w->s); i++) {
        new_line(o);
        sarif_write_result(w, &w->scan->findings.v[w->g.order[w->chunk->first + i]]);
    }
    sco_json_end(o, ']');
}

static int write_run(struct sarif *w, struct sarif_chunk *chunk, size_t part)
{
    struct sco_json_out *o = &w->o;
    w->chunk = chunk;
    w->group = chunk->group == SIZE_MAX ? NULL : &w->g.v[chunk->group];
    sort_chunk(w, chunk);
    int r = sarif_collect(w);
    if (r == 0) {
        sco_json_begin(o, '{');
        write_driver(w);
        new_line(o);
        write_invocations(w);
        write_automation(w, part);
        write_provenance(w);
        sco_json_key(o, "originalUriBaseIds");
        sco_json_raw(o, SCO_STR("{\"%SRCROOT%\":{\"description\":{\"text\":"
                                "\"The root of what was scanned.\"}}}"));
        sco_json_kz(o, "columnKind", "unicodeCodePoints");
        sarif_write_taxonomies(w);
        write_results(w);
        sco_json_end(o, '}');
    }
    sarif_forget(w);
    return r;
}

/* ---- the log --------------------------------------------------------------------------------- */
static void write_not_run(struct sarif *w)
{
    struct sco_json_out *o = &w->o;
    sco_json_key(o, "notRun");
    sco_json_begin(o, '[');
    for (size_t i = 0; i < w->scan->n_runs; i++) {
        const struct sco_scanner_run *r = &w->scan->runs[i];
        if (was_wanted(r))
            continue;
        sco_json_begin(o, '{');
        sco_json_kz(o, "scanner", r->name);
        sco_json_kz(o, "status", sco_run_status_name(r->status));
        sco_json_kz(o, "reason", r->reason);
        sco_json_end(o, '}');
    }
    sco_json_end(o, ']');
}

static void write_log_properties(struct sarif *w)
{
    static const char *const results[] = {"passed", "failed", "incomplete"};
    struct sco_json_out *o = &w->o;
    const struct sco_gate *g = &w->scan->gate;
    sco_json_key(o, "properties");
    sco_json_begin(o, '{');
    sco_json_kz(o, "producer", "SecureOps " SCO_VERSION);
    sco_json_kz(o, "scanId", w->scan->id);
    sco_json_kz(o, "scanStatus", scan_status(w->scan));
    sco_json_kz(o, "gate", (unsigned)g->result < 3 ? results[g->result] : "incomplete");
    sco_json_ki64(o, "exitStatus", w->scan->exit_status);
    write_not_run(w);
    sco_json_end(o, '}');
}

int sarif_write_log(struct sarif *w, struct sarif_chunk *all, size_t from, size_t n, struct sink *s,
                    struct sco_error *err)
{
    w->s = s;
    w->o = (struct sco_json_out){.b = &s->b};
    sco_json_begin(&w->o, '{');
    sco_json_kz(&w->o, "$schema", "https://json.schemastore.org/sarif-2.1.0.json");
    sco_json_kz(&w->o, "version", "2.1.0");
    sco_json_key(&w->o, "runs");
    sco_json_begin(&w->o, '[');
    int r = 0;
    for (size_t i = from; i < from + n && r == 0 && sink_more(s); i++) {
        size_t part = 1;
        for (size_t k = 0; k < i; k++)
            part += all[k].group == all[i].group;
        new_line(&w->o);
        r = write_run(w, &all[i], part);
    }
    w->o.comma = false;
    new_line(&w->o);
    sco_json_end(&w->o, ']');
    write_log_properties(w);
    sco_json_end(&w->o, '}');
    sco_buf_addc(&s->b, '\n');
    return r < 0 || w->tmp.failed || w->text.failed ? sco_error_nomem(err) : 0;
}

int sarif_write(const struct sco_scan *scan, struct sink *s, struct sco_error *err)
{
    struct sarif w;
    SCO_AUTO(sco_free) struct sarif_chunk *v = NULL;
    size_t n = 0;
    int r = sarif_init(&w, scan, err);
    if (r < 0)
        return r;
    r = sarif_plan(&w, &v, &n, err);
    if (r == 0)
        r = sarif_write_log(&w, v, 0, n, s, err);
    sarif_done(&w);
    return r;
}
