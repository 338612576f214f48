/* Jobs of the kind "ci" with the operation "follow": a look at a run at its platform. What is known
 * of its logs is kept with what the execution was asked for:
 *   {"queue_id", "again", "since", "looks", "failures", "logs": {JOB: bytes so far; -1: all}}
 * again: the run had ended before, so that an end before `since` is not this one.
 * A log without a job of its own is that of the whole run, named "". */
#include "runner_priv.h"

#include <fcntl.h>
#include <secureops/ci.h>
#include <secureops/store_pipelines.h>

enum {
    STEP_MS = 1000, /* later by so much with each look */
    STEP_MAX_MS = 30000,
    FAILED_MS = 60000,
    FAILURES_MAX = 20,
    GONE_MAX = 3,     /* times that the platform does not know it */
    LOG_CALLS = 40,   /* of a look */
    LOG_TIME = 45000, /* ms of a look for logs */
    LOG_MAX = 64 << 20,
    LOGS_MAX = 2000,
    STALE_LOOKS = 40 /* what is older than we think may be another clock */
};

struct log {
    const char *job, *stage, *why; /* why: it is not all there; or NULL */
    int64_t at;                    /* -1: all of it */
    bool none;                     /* the platform has no more of it */
    struct sco_str text;
};
struct look {
    struct runner *r;
    const struct ci_call *c;
    struct sco_stored_execution *x;
    const struct sco_node *state, *status, *artifacts;
    const char *queue_id;
    int64_t looks, failures, since;
    struct log *logs;
    size_t n_logs;
    bool again, ended, all_logs, stale;
    bool more; /* there was time for some of the logs, and they came: the next look has others */
};

/* ---- questions ---- */
static int write_question(struct look *k, const struct log *log, struct sco_buf *b,
                          struct sco_error *err)
{
    struct sco_json_out o = {.b = b};
    const char *run = k->x->external_id;
    sco_json_begin(&o, '{');
    sco_json_kz(&o, "repository", k->x->repository);
    sco_json_kz(&o, "pipeline_id", run);
    if (!run)
        sco_json_kz(&o, "queue_id", k->queue_id);
    if (run)
        sco_json_ki64(&o, "attempt", k->x->attempt);
    if (log && *log->job)
        sco_json_kz(&o, "job_id", log->job);
    if (log)
        sco_json_ki64(&o, "offset", log->at);
    sco_json_end(&o, '}');
    return sco_buf_check(b, err);
}

static int ask(struct look *k, const char *op, const struct log *log, struct sco_ci_answer *a,
               const struct sco_node **ret, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf q = {0};
    int e = write_question(k, log, &q, err);
    if (e == 0)
        e = runner_ci_ask(k->r, k->c, op, sco_buf_str(&q), a, err);
    if (e == 0 && a->code >= 0 && a->code != SCO_CI_LATER && a->result.p)
        e = sco_json_parse(a->result, &k->r->arena, ret, err);
    return e;
}

/* ---- logs ---- */
static int64_t known(const struct look *k, const char *job)
{
    return sco_int(sco_get(sco_get(k->state, "logs"), job), 0);
}

static int add_log(struct look *k, const char *job, const char *stage)
{
    if (!job || !stage || k->n_logs == LOGS_MAX)
        return job && stage ? 0 : SCO_E_NOMEM;
    k->logs[k->n_logs++] = (struct log){.job = job, .stage = stage, .at = known(k, job)};
    return 0;
}

/* Of each stage that has begun, or of the whole run. */
static int list_logs(struct look *k, struct sco_error *err)
{
    struct sco_arena *a = &k->r->arena;
    k->logs = sco_arena_alloc(a, LOGS_MAX * sizeof *k->logs);
    if (!k->logs)
        return sco_error_nomem(err);
    if (sco_str_is(sco_text(sco_get(k->status, "logs")), "run"))
        return add_log(k, "", "");
    SCO_EACH (m, sco_get(k->status, "stages")) {
        struct sco_str id = sco_text(sco_get(m, "job_id")), is = sco_text(sco_get(m, "status"));
        if (!id.n || sco_str_is(is, "queued") || sco_str_is(is, "skipped"))
            continue;
        if (add_log(k, sco_arena_cstr(a, id), sco_arena_cstr(a, sco_text(sco_get(m, "name")))) < 0)
            return sco_error_nomem(err);
    }
    return 0;
}

/* Whole lines; what begins the last one comes with the next look. */
static int take_text(struct look *k, struct log *log, const struct sco_node *q,
                     struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf raw = {0}, clean = {0};
    struct sco_str path = sco_text(sco_get(q, "path")), type = sco_text(sco_get(q, "media_type"));
    size_t dir = strlen(k->r->dir);
    bool complete = sco_bool(sco_get(q, "complete"), 0);
    const char *file = path.n ? sco_arena_cstr(&k->r->arena, path) : NULL;
    if (!path.n || (type.n && !sco_str_starts(type, "text/")))
        return 0;
    if (!file || strncmp(file, k->r->dir, dir) != 0 || file[dir] != '/' || strstr(file, "/../"))
        return sco_error_set(err, SCO_E_FORMAT, "the plugin's log is not in its folder");
    int e = sco_fs_read_regular(AT_FDCWD, file, LOG_MAX, &raw, err);
    if (e < 0)
        return e;
    size_t n = raw.n;
    while (!complete && n && raw.p[n - 1] != '\n')
        n--;
    sco_buf_add_utf8(&clean, sco_str_make(raw.p, n));
    if (n && raw.p[n - 1] != '\n')
        sco_buf_addc(&clean, '\n');
    e = sco_buf_check(&clean, err);
    if (e < 0)
        return e;
    log->text = sco_arena_str(&k->r->arena, sco_buf_str(&clean));
    log->at = complete ? -1 : sco_int(sco_get(q, "offset"), log->at) - (int64_t)(raw.n - n);
    return clean.n && !log->text.p ? sco_error_nomem(err) : 0;
}

/* A log that is not there yet, or not any more, does not make the look fail. */
static void get_log(struct look *k, struct log *log)
{
    struct sco_ci_answer a = {0};
    const struct sco_node *q = NULL;
    struct sco_error why = {0};
    int r = ask(k, "logs", log, &a, &q, &why);
    if (r == 0 && q)
        r = take_text(k, log, q, &why);
    log->none = a.code == SCO_E_NOT_FOUND && k->failures;
    log->why = r < 0 ? sco_arena_cstr(&k->r->arena, sco_str_c(why.text)) : a.reason;
    if (r < 0 || !q)
        runner_log(k->r, SCO_LOG_DEBUG, "no log of %s: %s", *log->job ? log->stage : "the run",
                   log->why ? log->why : "none is there yet");
}

static int get_logs(struct look *k, struct sco_error *err)
{
    int64_t until = sco_mono_ms() + LOG_TIME;
    size_t calls = 0;
    bool got = false;
    int e = list_logs(k, err);
    k->all_logs = e == 0;
    for (size_t i = 0; e == 0 && i < k->n_logs; i++) {
        struct log *log = &k->logs[i];
        if (log->at < 0)
            continue;
        if (calls++ == LOG_CALLS || sco_mono_ms() > until || runner_ends(k->r)) {
            k->all_logs = false;
            k->more = got;
            break;
        }
        get_log(k, log);
        got = got || log->at < 0;
        k->all_logs = k->all_logs && (log->at < 0 || log->none);
    }
    return e;
}

static void get_artifacts(struct look *k)
{
    struct sco_ci_answer a = {0};
    struct sco_error why = {0};
    int r = ask(k, "artifacts", NULL, &a, &k->artifacts, &why);
    if (r < 0 || a.code != 0)
        runner_log(k->r, SCO_LOG_WARNING, "the list of artifacts: %s",
                   r < 0      ? why.text
                   : a.reason ? a.reason
                              : "?");
}

/* ---- what comes of it ---- */
static int keep_logs(struct look *k, struct sco_error *err)
{
    struct sco_store *s = k->r->cli.store;
    uint64_t at = 0;
    int e = sco_store_log_size(s, k->x->id, &at, err);
    for (size_t i = 0; i < k->n_logs; i++) {
        struct sco_str t = k->logs[i].text;
        for (size_t from = 0; e == 0 && from < t.n;) {
            size_t n = t.n - from < SCO_LOG_PART_MAX ? t.n - from : SCO_LOG_PART_MAX;
            e = sco_store_log_add(s, k->x->id, at, k->logs[i].stage, 0, sco_str_make(t.p + from, n),
                                  err);
            from += n;
            at += n;
        }
    }
    return e;
}

/* Whoever reads it is not to take it for the whole of it. */
static int say_missing(struct look *k, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    for (size_t i = 0; i < k->n_logs; i++) {
        struct log *log = &k->logs[i];
        if (log->at < 0 || log->none)
            continue;
        sco_buf_clear(&b);
        sco_buf_add(&b, log->text);
        sco_buf_addz(&b, "--- the platform gave no more of this log");
        sco_buf_addz(&b, log->why ? ": " : "");
        sco_buf_add_utf8(&b, sco_str_c(log->why));
        sco_buf_addc(&b, '\n');
        log->text = b.failed ? sco_str_make(NULL, 0) : sco_arena_str(&k->r->arena, sco_buf_str(&b));
        if (!log->text.p)
            return sco_error_nomem(err);
    }
    return 0;
}

static int keep_artifacts(struct look *k, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_json_out o = {.b = &b};
    char same[37];
    if (!sco_is(sco_get(k->artifacts, "artifacts"), SCO_NODE_LIST))
        return 0;
    sco_json_begin(&o, '{');
    sco_json_key(&o, "artifacts");
    sco_json_node(&o, sco_get(k->artifacts, "artifacts"));
    sco_json_end(&o, '}');
    int e = sco_buf_check(&b, err);
    struct sco_stored_execution x = {.id = k->x->id, .details = sco_buf_z(&b)};
    return e == 0 ? sco_store_execution_put(k->r->cli.store, &x, sco_now_ms(), same, NULL, err) : e;
}

static int keep_state(struct look *k, int64_t look_at, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_json_out o = {.b = &b};
    sco_json_begin(&o, '{');
    sco_json_kz(&o, "queue_id", k->queue_id);
    sco_json_kbool(&o, "again", k->again);
    sco_json_ki64(&o, "since", k->since);
    sco_json_ki64(&o, "looks", k->looks + 1);
    sco_json_ki64(&o, "failures", k->failures);
    sco_json_key(&o, "logs");
    if (k->logs) {
        sco_json_begin(&o, '{');
        for (size_t i = 0; i < k->n_logs; i++)
            sco_json_ki64(&o, k->logs[i].job, k->logs[i].at);
        sco_json_end(&o, '}');
    } else if (sco_is(sco_get(k->state, "logs"), SCO_NODE_MAP)) {
        sco_json_node(&o, sco_get(k->state, "logs"));
    } else {
        sco_json_raw(&o, SCO_STR("{}"));
    }
    sco_json_end(&o, '}');
    int e = sco_buf_check(&b, err);
    return e == 0 ? sco_store_run_follow(k->r->cli.store, k->x->id, sco_buf_z(&b), look_at, err)
                  : e;
}

/* 0: never again. */
static int64_t next_look(struct look *k, int64_t now)
{
    if (k->ended && (k->all_logs || (!k->more && ++k->failures > GONE_MAX)))
        return 0;
    int64_t step = STEP_MS * (k->looks + 1);
    return now + (step < STEP_MAX_MS ? step : STEP_MAX_MS);
}

/* It is not known how it ended: that is no success. */
static int keep_failure(struct look *k, const struct sco_ci_answer *a, struct sco_error *err)
{
    char same[37];
    int64_t now = sco_now_ms();
    k->failures++;
    bool over = k->failures >= (a->code == SCO_E_NOT_FOUND ? GONE_MAX : FAILURES_MAX);
    struct sco_stored_execution x = {.id = k->x->id, .status = "failure", .reason = a->reason};
    int e = over && !sco_execution_ended(k->x->status)
                ? sco_store_execution_put(k->r->cli.store, &x, now, same, NULL, err)
                : 0;
    return e == 0 ? keep_state(k, over ? 0 : now + (k->failures < 3 ? STEP_MAX_MS : FAILED_MS), err)
                  : e;
}

static int keep(struct look *k, const struct sco_ci_answer *a, struct sco_error *err)
{
    if (a->code < 0)
        return keep_failure(k, a, err);
    if (k->stale)
        return keep_state(k, next_look(k, sco_now_ms()), err);
    int64_t look_at = next_look(k, sco_now_ms());
    int e = runner_execution_put(k->r, k->x->id, k->status, err);
    if (e == 0 && !look_at && !k->all_logs && k->failures == GONE_MAX + 1) /* once */
        e = say_missing(k, err);
    if (e == 0)
        e = keep_logs(k, err);
    if (e == 0)
        e = keep_artifacts(k, err);
    return e == 0 ? keep_state(k, look_at, err) : e;
}

static int save(struct look *k, const struct sco_ci_answer *a, struct sco_error *err)
{
    struct runner *r = k->r;
    enum sco_job_state state;
    struct sco_job_end end = {.lease = r->lease,
                              .outcome = a->code < 0 ? SCO_JOB_END_FAILED : SCO_JOB_END_COMPLETED,
                              .reason = a->reason,
                              .now = sco_now_ms()};
    r->phase = PHASE_SAVE;
    int e = sco_store_ready(r->cli.store, err);
    if (e == 0)
        e = sco_store_begin(r->cli.store, err);
    if (e < 0)
        return e;
    e = keep(k, a, err);
    if (e == 0)
        e = sco_store_job_end(r->cli.store, &end, &state, err);
    return sco_store_end(r->cli.store, e, err);
}

/* ---- the look ---- */
static int take(struct look *k, const char *id, struct sco_execution_page *page,
                struct sco_error *err)
{
    struct sco_pipeline_run run;
    int e = sco_store_execution(k->r->cli.store, id, page, err);
    if (e == 0)
        e = sco_store_run(k->r->cli.store, id, &k->r->arena, &run, err);
    if (e == 0 && run.state)
        e = sco_json_parse(sco_str_c(run.state), &k->r->arena, &k->state, err);
    if (e < 0)
        return e;
    struct sco_str queue = sco_text(sco_get(k->state, "queue_id"));
    k->x = &page->v[0];
    k->queue_id = queue.n ? sco_arena_cstr(&k->r->arena, queue) : NULL;
    k->looks = sco_int(sco_get(k->state, "looks"), 0);
    k->failures = sco_int(sco_get(k->state, "failures"), 0);
    k->again = sco_bool(sco_get(k->state, "again"), 0);
    k->since = sco_int(sco_get(k->state, "since"), 0);
    return 0;
}

static bool is_stale(const struct look *k)
{
    struct sco_str at = sco_text(sco_get(k->status, "finished_at"));
    int64_t ms = 0;
    return k->again && k->ended && k->looks < STALE_LOOKS && at.n && sco_time_parse(at, &ms) == 0 &&
           ms + 1000 <= k->since; /* it is told in seconds */
}

static int take_status(struct look *k, struct sco_error *err)
{
    struct sco_arena *a = &k->r->arena;
    struct sco_str is = sco_text(sco_get(k->status, "status"));
    struct sco_str run = sco_text(sco_get(k->status, "pipeline_id"));
    const char *status = is.n ? sco_arena_cstr(a, is) : "";
    const char *id = run.n ? sco_arena_cstr(a, run) : NULL;
    if (!status || (run.n && !id))
        return sco_error_nomem(err);
    k->ended = sco_execution_ended(status);
    k->stale = is_stale(k);
    if (k->stale)
        k->ended = false;
    if (!k->ended) /* it is there: only failures in a row are many */
        k->failures = 0;
    if (!k->x->external_id) /* it has left the queue */
        k->x->external_id = id;
    return 0;
}

static int look(struct look *k, struct sco_error *err)
{
    struct sco_ci_answer a = {0};
    int e = runner_ci_place(k->r, k->c, &a.reason, err);
    a.code = a.reason ? SCO_E_PERMISSION : 0;
    if (e == 0 && !a.reason)
        e = ask(k, "status", NULL, &a, &k->status, err);
    if (e == 0)
        e = runner_ci_judge(k->r, &a, err);
    if (e == 0 && a.code >= 0)
        e = take_status(k, err);
    k->all_logs = true;
    if (e == 0 && a.code >= 0 && k->x->external_id && !k->stale) {
        e = get_logs(k, err);
        if (e == 0 && k->ended)
            get_artifacts(k);
    }
    return e == 0 ? save(k, &a, err) : e;
}

int runner_follow(struct runner *r, const struct ci_call *c, const char *execution,
                  struct sco_error *err)
{
    struct sco_execution_page page = {0};
    struct look k = {.r = r, .c = c};
    int e = take(&k, execution, &page, err);
    if (e == 0)
        e = look(&k, err);
    sco_execution_page_done(&page);
    return e;
}
