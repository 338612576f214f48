/* An own pipeline: which stages may begin, what came of them, and the end, in one transaction with
 * the job's. Everything that a next attempt has to know is in the store: it goes on after the
 * stages that have ended; one that was interrupted has had a try. */
#include "runner_pipeline.h"

#include <errno.h>
#include <event2/event.h>
#include <secureops/checkout.h>
#include <secureops/loop.h>
#include <secureops/pipeline_start.h>
#include <stdlib.h>

enum { KILL_MS = 4000, FLUSH_MS = 500, MARGIN_MS = 15000 };

static const char *text(struct runner *r, const struct sco_node *q, const char *name)
{
    struct sco_str s = sco_text(sco_get(q, name));
    return s.n ? sco_arena_cstr(&r->arena, s) : NULL;
}

void pipeline_fail(struct pipeline_job *p, const struct sco_error *err)
{
    if (!p->failure.code)
        p->failure = *err;
    if (!p->failure.code)
        p->failure.code = SCO_E_INTERNAL;
    for (size_t i = 0; i < p->def.n; i++)
        if (p->stages[i].run)
            stage_run_kill(p->stages[i].run);
}

/* ---- the store: each step while the lease holds ---- */
static int begin(struct pipeline_job *p, struct sco_error *err)
{
    struct sco_store *s = p->r->cli.store;
    int r = sco_store_ready(s, err);
    if (r == 0)
        r = sco_store_begin(s, err);
    if (r < 0)
        return r;
    r = sco_store_job_hold(s, &p->r->lease, err);
    return r == 0 ? 0 : sco_store_end(s, r, err);
}

static int put_stage(struct pipeline_job *p, size_t i, const char *status, const char *reason,
                     int64_t started, int64_t completed, struct sco_error *err)
{
    const struct sco_pipeline_stage *st = &p->def.stages[i];
    struct sco_stored_stage x = {.name = st->name,
                                 .stage = st->stage,
                                 .status = status,
                                 .reason = reason,
                                 .ordinal = (uint32_t)i + 1,
                                 .attempt = p->stages[i].tries ? p->stages[i].tries : 1,
                                 .queued_at = started,
                                 .started_at = started,
                                 .completed_at = completed};
    return sco_store_stages_put(p->r->cli.store, p->x->id, &x, 1, sco_now_ms(), err);
}

static int put_execution(struct pipeline_job *p, const struct sco_stored_execution *x,
                         struct sco_error *err)
{
    char id[37];
    bool changed;
    return sco_store_execution_put(p->r->cli.store, x, sco_now_ms(), id, &changed, err);
}

/* ---- what is known already ---- */
static void take_row(struct pipeline_job *p, const struct sco_stored_stage *x)
{
    size_t i = 0;
    while (i < p->def.n && strcmp(p->def.stages[i].name, x->name) != 0)
        i++;
    if (i == p->def.n)
        return;
    struct stage_now *now = &p->stages[i];
    const struct sco_pipeline_stage *st = &p->def.stages[i];
    bool waits = strcmp(x->status, "waiting_approval") == 0;
    if (x->attempt < now->tries || waits)
        return;
    now->tries = x->attempt;
    bool good = strcmp(x->status, "success") == 0, skipped = strcmp(x->status, "skipped") == 0;
    now->status = good ? "success" : skipped ? "skipped" : "failure";
    now->state = good || skipped || now->tries > st->retries ? STAGE_ENDED : STAGE_WAITING;
    now->bad =
        now->state == STAGE_ENDED && !good && !st->continue_on_error && (!skipped || x->reason);
}

/* An attempt that was under way when its runner ended. */
static int end_interrupted(struct pipeline_job *p, const struct sco_stage_list *rows,
                           struct sco_error *err)
{
    int r = 0;
    for (size_t i = 0; i < rows->n && r == 0; i++) {
        struct sco_stored_stage x = rows->v[i];
        if (strcmp(x.status, "running") != 0)
            continue;
        x.status = "failure";
        x.reason = "interrupted: its runner ended";
        x.completed_at = sco_now_ms();
        r = sco_store_stages_put(p->r->cli.store, p->x->id, &x, 1, sco_now_ms(), err);
    }
    return r;
}

static int resume(struct pipeline_job *p, struct sco_error *err)
{
    struct sco_stage_list rows = {0};
    int r = sco_store_stages(p->r->cli.store, p->x->id, &rows, err);
    for (size_t i = 0; i < rows.n && r == 0; i++)
        take_row(p, &rows.v[i]);
    if (r == 0)
        r = begin(p, err);
    if (r == 0)
        r = sco_store_end(p->r->cli.store, end_interrupted(p, &rows, err), err);
    sco_stage_list_done(&rows);
    if (r == 0)
        r = sco_store_log_size(p->r->cli.store, p->x->id, &p->log_at, err);
    return r == 0 ? sco_store_approvals(p->r->cli.store, p->x->id, &p->approvals, err) : r;
}

/* ---- which may begin ---- */
static const struct sco_stored_approval *approval(const struct pipeline_job *p, size_t i)
{
    for (size_t k = 0; k < p->approvals.n; k++)
        if (strcmp(p->approvals.v[k].stage, p->def.stages[i].name) == 0)
            return &p->approvals.v[k];
    return NULL;
}

static int end_stage(struct pipeline_job *p, size_t i, const char *status, const char *reason,
                     bool bad, struct sco_error *err)
{
    int64_t now = sco_now_ms();
    p->stages[i].state = STAGE_ENDED;
    p->stages[i].status = status;
    p->stages[i].bad = bad;
    int r = begin(p, err);
    return r == 0
               ? sco_store_end(p->r->cli.store, put_stage(p, i, status, reason, 0, now, err), err)
               : r;
}

static int start_stage(struct pipeline_job *p, size_t i, struct sco_error *err)
{
    const struct sco_pipeline_stage *st = &p->def.stages[i];
    struct sco_stored_execution x = {
        .id = p->x->id, .status = "running", .environment = st->environment};
    p->stages[i].tries++;
    int r = begin(p, err);
    if (r < 0)
        return r;
    r = put_stage(p, i, "running", NULL, sco_now_ms(), 0, err);
    if (r == 0)
        r = put_execution(p, &x, err);
    r = sco_store_end(p->r->cli.store, r, err);
    if (r < 0)
        return r;
    if (!st->n_steps) /* there was only something to approve */
        return end_stage(p, i, "success", NULL, false, err);
    r = stage_run_start(p, i, err);
    if (r == SCO_E_NOT_FOUND) /* a secret: to try again is of no use */
        return end_stage(p, i, "failure", err->text, !st->continue_on_error, err);
    if (r < 0)
        return r;
    p->stages[i].state = STAGE_RUNNING;
    p->running++;
    return 0;
}

static int block_stage(struct pipeline_job *p, size_t i, struct sco_error *err)
{
    p->stages[i].state = STAGE_BLOCKED;
    int r = begin(p, err);
    return r == 0 ? sco_store_end(p->r->cli.store,
                                  put_stage(p, i, "waiting_approval", NULL, 0, 0, err), err)
                  : r;
}

/* What it needs has ended. */
static int decide(struct pipeline_job *p, size_t i, struct sco_error *err)
{
    const struct sco_pipeline_stage *st = &p->def.stages[i];
    struct sco_pipeline_facts f = {.branch = p->x->branch,
                                   .tag = p->x->ref,
                                   .event = p->x->event,
                                   .actor = p->x->triggered_by,
                                   .repository = p->x->clone_url,
                                   .commit_sha = p->x->commit_sha};
    for (size_t k = 0; k < st->n_needs; k++)
        f.failed = f.failed || p->stages[st->needs[k]].bad;
    if (!sco_pipeline_holds(st->condition, &f))
        return end_stage(p, i, "skipped", f.failed ? "what it needs has failed" : NULL, f.failed,
                         err);
    const struct sco_stored_approval *a = st->approval ? approval(p, i) : NULL;
    if (a && !a->approved) {
        const char *why = sco_arena_fmt(&p->r->arena, "rejected by %s%s%s", a->by,
                                        a->reason ? ": " : "", a->reason ? a->reason : "");
        return end_stage(p, i, "failure", why, !st->continue_on_error, err);
    }
    if (st->approval && !a)
        return block_stage(p, i, err);
    return p->running < p->def.parallel ? start_stage(p, i, err) : 0;
}

static bool is_ready(const struct pipeline_job *p, size_t i)
{
    const struct sco_pipeline_stage *st = &p->def.stages[i];
    bool ready = p->stages[i].state == STAGE_WAITING;
    for (size_t k = 0; ready && k < st->n_needs; k++)
        ready = p->stages[st->needs[k]].state == STAGE_ENDED;
    return ready;
}

/* Stages stand behind all that they need: one pass is enough for what a pass ends. */
static void start_ready(struct pipeline_job *p)
{
    struct sco_error err = {0};
    int r = 0;
    for (size_t i = 0; i < p->def.n && r == 0 && !p->stopping && !p->failure.code; i++)
        if (is_ready(p, i))
            r = decide(p, i, &err);
    if (r < 0)
        pipeline_fail(p, &err);
}

/* ---- the end of an attempt ---- */
static int store_attempt(struct pipeline_job *p, struct stage_run *s, struct sco_error *err)
{
    struct sco_error why = {0};
    const char *outcome = p->timed_out ? "timed_out" : s->outcome;
    bool kept = strcmp(outcome, "cancelled") != 0;
    int r = stage_run_flush(s, err);
    if (r == 0)
        r = begin(p, err);
    if (r < 0)
        return r;
    int a = kept ? pipeline_keep_artifacts(p, s, &why) : 0;
    if (a == SCO_E_LIMIT || a == SCO_E_INVALID) { /* the stage's own fault */
        (void)!sco_store_end(p->r->cli.store, a, NULL);
        snprintf(s->outcome, sizeof s->outcome, "failure");
        snprintf(s->reason, sizeof s->reason, "%.500s", why.text);
        outcome = s->outcome;
        r = begin(p, err);
    } else if (a < 0) {
        r = sco_error_set(err, a, "%s", why.text);
    }
    if (r == 0)
        r = put_stage(p, s->i, outcome, *s->reason ? s->reason : NULL, s->started_at, sco_now_ms(),
                      err);
    return sco_store_end(p->r->cli.store, r, err);
}

void pipeline_stage_ended(struct pipeline_job *p, struct stage_run *s)
{
    const struct sco_pipeline_stage *st = &p->def.stages[s->i];
    struct stage_now *now = &p->stages[s->i];
    struct sco_error err = {0};
    bool leaving = p->failure.code || (p->stopping && !p->timed_out && p->r->end != END_CANCELLED);
    if (!leaving && store_attempt(p, s, &err) < 0)
        pipeline_fail(p, &err);
    bool good = strcmp(s->outcome, "success") == 0;
    bool again = !good && !p->stopping && now->tries <= st->retries;
    runner_log(p->r, good ? SCO_LOG_INFO : SCO_LOG_WARNING, "stage %s, attempt %u: %s%s%s",
               st->name, s->attempt, s->outcome, *s->reason ? ": " : "", s->reason);
    now->status = good ? "success" : "failure";
    now->state = again ? STAGE_WAITING : STAGE_ENDED;
    now->bad = !good && !again && !st->continue_on_error;
    now->run = stage_run_free(s);
    p->running--;
    start_ready(p);
}

/* ---- the ends from outside ---- */
static void stop(struct pipeline_job *p)
{
    struct timeval after = {.tv_sec = KILL_MS / 1000};
    if (p->stopping)
        return;
    p->stopping = true;
    if (p->r->end == END_CANCELLED && !p->timed_out)
        after.tv_sec += PIPELINE_CLEANUP_MS / 1000;
    for (size_t i = 0; i < p->def.n; i++)
        if (p->stages[i].run)
            stage_run_cancel(p->stages[i].run);
    evtimer_add(p->kill, &after);
}

static void on_end(evutil_socket_t fd, short what, void *user)
{
    struct pipeline_job *p = user;
    (void)fd;
    (void)what;
    if (runner_ends(p->r))
        stop(p);
    if (p->r->end != END_ORPHANED)
        event_add(p->watch, NULL);
}

static void on_deadline(evutil_socket_t fd, short what, void *user)
{
    struct pipeline_job *p = user;
    (void)fd;
    (void)what;
    if (p->stopping)
        return;
    p->timed_out = true;
    stop(p);
}

static void on_kill(evutil_socket_t fd, short what, void *user)
{
    struct pipeline_job *p = user;
    (void)fd;
    (void)what;
    for (size_t i = 0; i < p->def.n; i++)
        if (p->stages[i].run)
            stage_run_kill(p->stages[i].run);
}

static void on_flush(evutil_socket_t fd, short what, void *user)
{
    struct pipeline_job *p = user;
    struct timeval again = {.tv_usec = FLUSH_MS * 1000};
    struct sco_error err = {0};
    (void)fd;
    (void)what;
    for (size_t i = 0; i < p->def.n && !p->failure.code; i++)
        if (p->stages[i].run && stage_run_flush(p->stages[i].run, &err) < 0)
            pipeline_fail(p, &err);
    evtimer_add(p->flush, &again);
}

static int watch(struct pipeline_job *p, struct sco_error *err)
{
    struct event_base *base = sco_engine_base(p->r->cli.engine);
    struct timeval flush = {.tv_usec = FLUSH_MS * 1000};
    p->watch = event_new(base, p->r->end_fd, EV_READ, on_end, p);
    p->timer = evtimer_new(base, on_deadline, p);
    p->kill = evtimer_new(base, on_kill, p);
    p->flush = evtimer_new(base, on_flush, p);
    if (!p->watch || !p->timer || !p->kill || !p->flush || event_add(p->watch, NULL) < 0 ||
        evtimer_add(p->flush, &flush) < 0)
        return sco_error_nomem(err);
    if (p->deadline) {
        int64_t left = p->deadline - sco_mono_ms();
        left = left < 0 ? 0 : left;
        struct timeval at = {.tv_sec = left / 1000, .tv_usec = (left % 1000) * 1000};
        if (evtimer_add(p->timer, &at) < 0)
            return sco_error_nomem(err);
    }
    return 0;
}

/* ---- the end ---- */
/* Those that nobody will begin. */
static int skip_rest(struct pipeline_job *p, const char *reason, struct sco_error *err)
{
    int r = 0;
    for (size_t i = 0; i < p->def.n && r == 0; i++)
        if (p->stages[i].state != STAGE_ENDED) {
            p->stages[i].tries += p->stages[i].tries > 0; /* the attempt that there is not */
            r = put_stage(p, i, "skipped", reason, 0, sco_now_ms(), err);
        }
    return r;
}

static const char *status_of(const struct pipeline_job *p, const char **ret_reason)
{
    bool blocked = false;
    *ret_reason = NULL;
    if (p->timed_out) {
        *ret_reason = "its deadline has passed";
        return "timed_out";
    }
    if (p->stopping) {
        *ret_reason = "cancelled";
        return "cancelled";
    }
    for (size_t i = 0; i < p->def.n; i++) {
        blocked = blocked || p->stages[i].state == STAGE_BLOCKED;
        if (p->stages[i].bad && strcmp(p->stages[i].status, "failure") == 0 && !*ret_reason)
            *ret_reason = sco_arena_fmt(&p->r->arena, "the stage %s failed", p->def.stages[i].name);
    }
    if (blocked) {
        *ret_reason = NULL;
        return "waiting_approval";
    }
    return *ret_reason ? "failure" : "success";
}

static int save(struct pipeline_job *p, struct sco_error *err)
{
    enum sco_job_state state;
    struct sco_stored_execution x = {.id = p->x->id};
    struct sco_job_end end = {
        .lease = p->r->lease, .outcome = SCO_JOB_END_COMPLETED, .now = sco_now_ms()};
    x.status = status_of(p, &x.reason);
    bool ended = sco_execution_ended(x.status), cancelled = strcmp(x.status, "cancelled") == 0;
    x.completed_at = ended ? end.now : 0;
    end.reason = x.reason;
    p->r->phase = PHASE_SAVE;
    int r = begin(p, err);
    if (r < 0)
        return r;
    if (p->stopping)
        r = skip_rest(p, x.reason, err);
    if (r == 0)
        r = put_execution(p, &x, err);
    if (r == 0 && !cancelled) /* a cancelled job is ended by who cancels it */
        r = sco_store_job_end(p->r->cli.store, &end, &state, err);
    r = sco_store_end(p->r->cli.store, r, err);
    if (r == 0)
        runner_log(p->r, SCO_LOG_INFO, "pipeline %s: %s", p->x->name, x.status);
    if (r == 0 && cancelled)
        r = sco_error_set(err, SCO_E_CANCELLED, "cancelled");
    return r;
}

/* ---- the start ---- */
static int load(struct pipeline_job *p, const struct sco_node *q, struct sco_error *err)
{
    struct runner *r = p->r;
    const char *id = text(r, q, "execution");
    p->job = q;
    int e = id ? 0 : sco_error_set(err, SCO_E_INVALID, "the job names no execution");
    if (e == 0)
        e = sco_store_execution(r->cli.store, id, &p->page, err);
    if (e == 0)
        e = sco_store_run(r->cli.store, id, &r->arena, &p->request, err);
    if (e < 0)
        return e;
    SCO_BUG_ON(!p->page.v);
    p->x = &p->page.v[0];
    if (!p->request.definition)
        return sco_error_set(err, SCO_E_INVALID, "the execution is not of an own pipeline");
    e = sco_json_parse(sco_str_c(p->request.request), &r->arena, &p->asked, err);
    if (e == 0 && r->job.secrets_json)
        e = sco_json_parse(sco_str_c(r->job.secrets_json), &r->arena, &p->secrets, err);
    if (e == 0)
        e = sco_pipeline_parse(sco_str_c(p->request.definition), "definition", &r->arena, &p->def,
                               err);
    p->stages = e == 0 ? sco_arena_alloc(&r->arena, p->def.n * sizeof *p->stages) : NULL;
    return e == 0 && !p->stages ? sco_error_nomem(err) : e;
}

static int check_allowed(struct pipeline_job *p, struct sco_error *err)
{
    const struct sco_config_pipelines *c = &p->r->cli.config->pipelines;
    bool named = !c->repositories.n;
    if (!c->enabled)
        return sco_error_set(err, SCO_E_PERMISSION, "pipelines.enabled is false");
    for (size_t i = 0; i < c->repositories.n && !named; i++)
        named = sco_glob_match(c->repositories.v[i].p, sco_str_c(p->x->repository));
    return named ? 0
                 : sco_error_set(err, SCO_E_PERMISSION,
                                 "pipelines.repositories does not name this one");
}

static int check_out(struct pipeline_job *p, struct sco_error *err)
{
    struct runner *r = p->r;
    const char *root, *shown;
    r->job.request.target = TARGET_REPOSITORY;
    r->job.request.location = p->x->clone_url;
    r->job.request.branch = p->x->ref && *p->x->ref ? p->x->ref : p->x->branch;
    r->job.request.commit = p->x->commit_sha;
    r->job.request.checkout_secret = text(r, p->job, "checkout_secret");
    int e = runner_credential_parse(sco_get(p->job, "credential"), &r->arena, &r->job.request, err);
    if (e == 0)
        e = runner_target(r, &root, &shown, err);
    if (e < 0)
        return e;
    struct sco_stored_execution x = {.id = p->x->id,
                                     .status = "running",
                                     .started_at = sco_now_ms(),
                                     .branch = r->checkout.branch,
                                     .commit_sha = r->checkout.commit_sha};
    e = begin(p, err);
    if (e == 0)
        e = sco_store_end(r->cli.store, put_execution(p, &x, err), err);
    struct sco_stored_execution *to = &p->page.v[0];
    if (r->checkout.commit_sha)
        to->commit_sha = r->checkout.commit_sha;
    if (r->checkout.branch && *r->checkout.branch)
        to->branch = r->checkout.branch;
    return e;
}

/* A wrong revision, a host that is not allowed: the execution says so, and not only its job. */
static int give_up(struct pipeline_job *p, int code, struct sco_error *err)
{
    struct sco_stored_execution x = {.id = p->x ? p->x->id : NULL,
                                     .status = "failure",
                                     .reason = err->text,
                                     .completed_at = sco_now_ms()};
    struct sco_error ignored = {0};
    bool final = code == SCO_E_NOT_FOUND || code == SCO_E_PERMISSION || code == SCO_E_INVALID ||
                 code == SCO_E_LIMIT;
    if (p->x && final && begin(p, &ignored) == 0)
        (void)!sco_store_end(p->r->cli.store, put_execution(p, &x, &ignored), &ignored);
    return code;
}

static int run_all(struct pipeline_job *p, struct sco_error *err)
{
    struct event_base *base = sco_engine_base(p->r->cli.engine);
    int r = watch(p, err);
    if (r < 0)
        return r;
    start_ready(p);
    while (p->running)
        if (event_base_loop(base, EVLOOP_ONCE) < 0)
            return sco_error_set(err, SCO_E_INTERNAL, "the event loop has failed");
    if (p->failure.code) {
        *err = p->failure;
        return p->failure.code;
    }
    if (p->stopping && !p->timed_out && p->r->end != END_CANCELLED)
        return sco_error_set(err, SCO_E_CANCELLED, "interrupted"); /* the next attempt goes on */
    return save(p, err);
}

static void done(struct pipeline_job *p)
{
    struct event *events[] = {p->watch, p->timer, p->kill, p->flush};
    for (size_t i = 0; i < p->def.n && p->stages; i++)
        stage_run_free(p->stages[i].run);
    for (size_t i = 0; i < SCO_ARRAY_LEN(events); i++)
        if (events[i])
            event_free(events[i]);
    sco_execution_page_done(&p->page);
    sco_approval_list_done(&p->approvals);
}

static void set_deadline(struct pipeline_job *p)
{
    int64_t job = p->r->job.timeout_ms, own = p->def.timeout_ms;
    int64_t margin = job / 4 < MARGIN_MS ? job / 4 : MARGIN_MS;
    int64_t ms = job ? job - margin : 0;
    if (own && (!ms || own < ms))
        ms = own;
    p->deadline = ms ? sco_mono_ms() + ms : 0;
}

int runner_pipeline(struct runner *r, struct sco_error *err)
{
    struct pipeline_job p = {.r = r};
    const struct sco_node *q = NULL;
    int e = sco_json_parse(sco_str_c(r->job.other), &r->arena, &q, err);
    if (e == 0 && !sco_get(q, "execution"))
        return runner_pipeline_rule(r, q, err);
    if (e == 0)
        e = load(&p, q, err);
    if (e == 0) {
        set_deadline(&p);
        e = check_allowed(&p, err);
    }
    if (e == 0)
        e = pipeline_hide(&p, err);
    if (e == 0)
        e = check_out(&p, err);
    if (e == 0)
        e = sco_loop_become_subreaper(err);
    if (e == 0)
        e = resume(&p, err);
    if (e < 0)
        e = give_up(&p, e, err);
    else
        e = run_all(&p, err);
    done(&p);
    return e;
}
