/* A scan or import from plan to verdict: starts workers (longest first, as many as allowed), takes
 * their findings, and at the end merges, ranks and judges. Runs on the engine's loop. */
#include "engine_priv.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <secureops/crypto.h>
#include <sys/file.h>
#include <unistd.h>

enum {
    DEFAULT_TIMEOUT_MS = 15 * 60 * 1000,
    RETRY_AFTER_MS = 1500,
    CACHE_SLOTS = 16, /* scans of one scanner at once that each have a cache of their own */
};

enum slot_state { SLOT_WAITING, SLOT_RUNNING, SLOT_ENDED };

struct slot { /* one run: a scanner on a target, or a report to import */
    struct session *session;
    size_t run;
    const struct sco_plan_item *item; /* scan */
    const struct sco_target *target;  /* scan */
    const char *file;                 /* import */
    enum slot_state state;
    struct job *job;
    int lock_fd, attempts;
    int64_t expected_ms, timeout_ms, not_before_ms;
    const char *work_dir;
};

struct session {
    struct sco_engine *e;
    struct sco_scan *scan;
    struct slot *slots;
    size_t n_slots, running;
    size_t jobs;
    struct sco_pool *pool;
    struct history history;
    struct event *cancel_event, *retry_event;
    const char *scanner, *root; /* import */
    const char **parsers;       /* import: candidates */
    size_t n_parsers;
    bool several; /* targets */
    bool ended;
};

static void start_more(struct session *s);

static struct sco_scanner_run *run_of(const struct slot *slot)
{
    return &slot->session->scan->runs[slot->run];
}

static void tell(struct session *s, size_t run, int event, uint64_t done, uint64_t total,
                 const char *what)
{
    struct sco_progress p = {.run = &s->scan->runs[run],
                             .index = run,
                             .n_runs = s->scan->n_runs,
                             .done = done,
                             .total = total,
                             .what = what};
    p.event = event;
    if (s->e->o.progress)
        s->e->o.progress(s->e->o.user, &p);
}

static char *keep(struct session *s, const char *text)
{
    return text ? sco_arena_cstr(&s->scan->arena, sco_str_c(text)) : NULL;
}

/* ---- findings
 * -------------------------------------------------------------------------------------- */
/* Paths of a scan with several targets start with the target, so that a/main.py and b/main.py are
 * two files. */
static const char *below_target(struct session *s, const struct sco_target *t, const char *path)
{
    SCO_AUTO(sco_buf) struct sco_buf full = {0};
    struct sco_str given = sco_str_c(t->given);
    if (!(t->kinds & SCO_TARGET_DIRECTORY)) /* a file: the folder that was given */
        given.n -= sco_path_base(given).n;
    sco_path_relative(&full, given, sco_str_make(NULL, 0));
    if (full.n && !sco_str_is(sco_buf_str(&full), "."))
        sco_buf_addc(&full, '/');
    else
        sco_buf_clear(&full);
    sco_buf_addz(&full, path);
    const char *kept = sco_pool_str(s->pool, sco_buf_str(&full));
    return kept ? kept : path;
}

/* Takes what a worker sent: drops what lies in folders that were left out, counts the rest. */
static void filter_findings(struct slot *slot, struct sco_finding_set *set)
{
    struct sco_scanner_run *run = run_of(slot);
    size_t kept = 0;
    run->reported = set->n;
    for (size_t i = 0; i < set->n; i++) {
        struct sco_finding *f = &set->v[i];
        if (slot->target && f->file_path &&
            tree_is_excluded(slot->target, sco_str_c(f->file_path))) {
            run->dropped++;
            continue;
        }
        if (f->suppressions || f->status != SCO_STATUS_OPEN)
            run->suppressed++;
        else
            run->by_severity[f->severity]++;
        if (slot->session->several && slot->target && slot->target->root && f->file_path)
            f->file_path = below_target(slot->session, slot->target, f->file_path);
        if (kept != i)
            set->v[kept] = *f;
        kept++;
    }
    set->n = kept;
}

static int move_findings(struct session *s, struct sco_finding_set *from)
{
    struct sco_finding_set *to = &s->scan->findings;
    if (!to->n) {
        sco_finding_set_done(to);
        *to = SCO_TAKE(*from);
        to->pool = s->pool;
        return 0;
    }
    struct sco_finding *v = sco_grow(to->v, to->n + from->n, sizeof *v);
    if (!v)
        return SCO_E_NOMEM;
    memcpy(v + to->n, from->v, from->n * sizeof *v);
    to->v = v;
    to->n += from->n;
    to->cap = to->n;
    return 0;
}

/* ---- the end of a run
 * --------------------------------------------------------------------------------- */
static void end_run(struct slot *slot)
{
    struct session *s = slot->session;
    slot->state = SLOT_ENDED;
    tell(s, slot->run, SCO_PROGRESS_ENDED, 0, 0, NULL);
}

static bool can_pass_next_time(const struct job *j)
{
    return j->status == SCO_RUN_STATUS_FAILED && j->code == SCO_E_NETWORK && !j->cancelled;
}

static void release(struct slot *slot)
{
    if (slot->lock_fd >= 0)
        close(slot->lock_fd);
    slot->lock_fd = -1;
    if (slot->work_dir)
        sco_fs_remove_tree(slot->work_dir);
    slot->work_dir = NULL;
    slot->job = job_free(slot->job);
    slot->session->running--;
}

static void take_result(struct slot *slot, struct job *j)
{
    struct session *s = slot->session;
    struct sco_scanner_run *run = run_of(slot);
    run->status = j->status;
    run->reason = keep(s, j->reason);
    run->exit_code = j->exit_code;
    run->duration_ms = sco_mono_ms() - j->started_mono_ms;
    if (j->version)
        run->version = keep(s, j->version);
    if (j->tool)
        run->tool = keep(s, j->tool);
    if (j->plugin) {
        const struct sco_plugin_info *p = plugins_find(&s->e->plugins, j->plugin);
        run->name = keep(s, j->plugin);
        run->title = p && p->scanner.title ? keep(s, p->scanner.title) : run->name;
    }
    filter_findings(slot, &j->findings);
    if (move_findings(s, &j->findings) < 0) {
        run->status = SCO_RUN_STATUS_FAILED;
        run->reason = "out of memory for its findings";
    }
    if (run->status == SCO_RUN_STATUS_COMPLETED && slot->item)
        history_put(&s->history, run->name, slot->target->path, run->duration_ms);
}

static void on_retry_time(evutil_socket_t fd, short what, void *user)
{
    (void)fd;
    (void)what;
    start_more(user);
}

static void on_job_end(struct job *j, void *user)
{
    struct slot *slot = user;
    struct session *s = slot->session;
    if (can_pass_next_time(j) && slot->attempts < 2 && !s->e->cancels) {
        struct timeval tv = {.tv_sec = RETRY_AFTER_MS / 1000,
                             .tv_usec = RETRY_AFTER_MS % 1000 * 1000};
        slot->state = SLOT_WAITING;
        slot->not_before_ms = sco_mono_ms() + RETRY_AFTER_MS;
        release(slot);
        tell(s, slot->run, SCO_PROGRESS_WORKING, 0, 0, "the network failed, trying once more");
        event_add(s->retry_event, &tv);
    } else {
        take_result(slot, j);
        release(slot);
        end_run(slot);
    }
    start_more(s);
}

static void on_job_frame(struct job *j, enum sco_msg type, struct sco_str payload, void *user)
{
    struct slot *slot = user;
    (void)j;
    if (type != SCO_MSG_PROGRESS)
        return;
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    const struct sco_node *m = NULL;
    if (sco_json_parse(payload, &arena, &m, NULL) < 0)
        return;
    const char *what = sco_arena_cstr(&arena, sco_text(sco_get(m, "what")));
    tell(slot->session, slot->run, SCO_PROGRESS_WORKING, (uint64_t)sco_int(sco_get(m, "done"), 0),
         (uint64_t)sco_int(sco_get(m, "total"), 0), what);
}

/* ---- the start of a run
 * ---------------------------------------------------------------------------------- */
/* A cache folder that no other job is using, locked for as long as *ret_fd is open. */
static int lock_cache(struct session *s, const char *name, int *ret_fd, const char **ret_dir,
                      struct sco_error *err)
{
    for (int i = 1; i <= CACHE_SLOTS; i++) {
        const char *dir =
            i == 1
                ? sco_arena_fmt(&s->scan->arena, "%s/scanners/%s", s->e->o.cache_dir, name)
                : sco_arena_fmt(&s->scan->arena, "%s/scanners/%s-%d", s->e->o.cache_dir, name, i);
        SCO_AUTO(sco_buf) struct sco_buf b = {0};
        sco_buf_addf(&b, "%s/home", dir ? dir : "");
        int r = dir ? sco_fs_mkdirs(sco_buf_z(&b), 0700, err) : sco_error_nomem(err);
        if (r < 0)
            return r;
        sco_buf_clear(&b);
        sco_buf_addf(&b, "%s/.lock", dir);
        int fd = open(sco_buf_z(&b), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
            return sco_error_errno(err, errno, "cannot open %s", sco_buf_z(&b));
        if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
            *ret_fd = fd;
            *ret_dir = dir;
            return 0;
        }
        close(fd);
    }
    return sco_error_set(err, SCO_E_LIMIT, "%d scans with %s are running already", CACHE_SLOTS,
                         name);
}

static int64_t timeout_of(const struct slot *slot, int64_t configured)
{
    const struct sco_engine_options *o = &slot->session->e->o;
    if (configured > 0)
        return configured;
    if (o->timeout_ms > 0)
        return o->timeout_ms;
    uint32_t own = slot->item ? slot->item->plugin->scanner.timeout_s : 0;
    return own ? (int64_t)own * 1000 : DEFAULT_TIMEOUT_MS;
}

static int cpus_for(const struct session *s)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    size_t active = s->running + 1, waiting = 0;
    for (size_t i = 0; i < s->n_slots; i++)
        waiting += s->slots[i].state == SLOT_WAITING;
    if (active + waiting > s->jobs)
        active = s->jobs;
    long share = cores / (long)(active ? active : 1);
    return share < 1 ? 1 : (int)share;
}

static int fill_scan_message(struct slot *slot, struct message *m, struct sco_buf *options,
                             struct sco_error *err)
{
    struct session *s = slot->session;
    const struct sco_plugin_info *p = slot->item->plugin;
    int64_t configured = 0;
    int r = 0;
    if (s->e->o.scanner_options)
        r = s->e->o.scanner_options(s->e->o.user, p, options, &configured, err);
    if (r < 0)
        return r;
    static const uint32_t order[] = {SCO_TARGET_DIRECTORY, SCO_TARGET_GIT,   SCO_TARGET_SBOM,
                                     SCO_TARGET_PLAN,      SCO_TARGET_IMAGE, SCO_TARGET_URL,
                                     SCO_TARGET_FILE};
    for (size_t i = 0; i < SCO_ARRAY_LEN(order) && !m->target_kind; i++)
        m->target_kind = p->scanner.targets & slot->target->kinds & order[i];
    slot->timeout_ms = timeout_of(slot, configured);
    m->kind = "scan";
    m->plugins = &p->path;
    m->n_plugins = 1;
    m->options = sco_buf_str(options);
    m->target = slot->target;
    m->files = slot->item->files;
    m->n_files = slot->item->n_files;
    m->program = p->program;
    return lock_cache(s, p->name, &slot->lock_fd, &m->cache_dir, err);
}

static void fill_import_message(struct slot *slot, struct message *m)
{
    struct session *s = slot->session;
    slot->timeout_ms = timeout_of(slot, 0);
    m->kind = "import";
    m->plugins = s->parsers;
    m->n_plugins = s->n_parsers;
    m->input = slot->file;
    m->root = s->root;
    m->format = s->scanner;
    m->cache_dir = slot->work_dir;
}

static int start(struct slot *slot, struct sco_error *err)
{
    struct session *s = slot->session;
    SCO_AUTO(sco_buf) struct sco_buf message = {0}, options = {0};
    struct message m = {.engine = s->e, .cpus = cpus_for(s)};
    const char *dir = sco_arena_fmt(&s->scan->arena, "job-%zu-%d", slot->run, slot->attempts++);
    const char *tmp = dir ? sco_arena_fmt(&s->scan->arena, "%s/tmp", dir) : NULL;
    int r = tmp ? engine_make_dir(s->e, dir, &slot->work_dir, &s->scan->arena, err)
                : sco_error_nomem(err);
    if (r == 0)
        r = engine_make_dir(s->e, tmp, &tmp, &s->scan->arena, err);
    m.work_dir = slot->work_dir;
    if (r == 0 && slot->item)
        r = fill_scan_message(slot, &m, &options, err);
    else if (r == 0)
        fill_import_message(slot, &m);
    m.timeout_ms = slot->timeout_ms;
    if (r == 0)
        r = message_write(&m, &message, err);
    struct job_spec spec = {.message = sco_buf_str(&message),
                            .timeout_ms = slot->timeout_ms,
                            .pool = s->pool,
                            .end = on_job_end,
                            .frame = on_job_frame,
                            .user = slot};
    if (r == 0)
        r = job_start(s->e, &spec, &slot->job, err);
    if (options.p)
        explicit_bzero(options.p, options.n); /* resolved secrets */
    if (message.p)
        explicit_bzero(message.p, message.n);
    return r;
}

static void start_slot(struct slot *slot)
{
    struct session *s = slot->session;
    struct sco_error err = {0};
    struct sco_scanner_run *run = run_of(slot);
    slot->state = SLOT_RUNNING;
    s->running++;
    run->started_ms = sco_now_ms();
    if (start(slot, &err) == 0) {
        tell(s, slot->run, SCO_PROGRESS_STARTED, 0, 0, NULL);
        return;
    }
    run->status = SCO_RUN_STATUS_FAILED;
    run->reason = keep(s, err.text);
    run->duration_ms = 0;
    release(slot);
    end_run(slot);
}

static size_t running_of(const struct session *s, const struct sco_plugin_info *p)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n_slots; i++)
        n += s->slots[i].state == SLOT_RUNNING && s->slots[i].item && s->slots[i].item->plugin == p;
    return n;
}

/* The waiting run that is expected to take longest; one that never ran comes first. */
static struct slot *next_slot(struct session *s)
{
    struct slot *best = NULL;
    int64_t now = sco_mono_ms();
    for (size_t i = 0; i < s->n_slots; i++) {
        struct slot *c = &s->slots[i];
        if (c->state != SLOT_WAITING || c->not_before_ms > now)
            continue;
        uint32_t limit = c->item ? c->item->plugin->scanner.max_parallel : 0;
        if (limit && running_of(s, c->item->plugin) >= limit)
            continue;
        if (!best || (best->expected_ms && (!c->expected_ms || c->expected_ms > best->expected_ms)))
            best = c;
    }
    return best;
}

static void start_more(struct session *s)
{
    struct slot *slot;
    bool waiting = false;
    if (s->e->cancels) {
        for (size_t i = 0; i < s->n_slots; i++) {
            if (s->slots[i].state != SLOT_WAITING)
                continue;
            run_of(&s->slots[i])->status = SCO_RUN_STATUS_INCOMPLETE;
            run_of(&s->slots[i])->reason = "cancelled before it started";
            end_run(&s->slots[i]);
        }
    }
    while (s->running < s->jobs && (slot = next_slot(s)))
        start_slot(slot);
    for (size_t i = 0; i < s->n_slots; i++)
        waiting |= s->slots[i].state == SLOT_WAITING;
    s->ended = !s->running && !waiting;
}

/* ---- cancel
 * ------------------------------------------------------------------------------------------- */
static void on_cancel(evutil_socket_t fd, short what, void *user)
{
    struct session *s = user;
    char drained[16];
    (void)what;
    if (read((int)fd, drained, sizeof drained) < 0)
        return;
    s->scan->cancelled = true;
    for (size_t i = 0; i < s->n_slots; i++) {
        if (s->slots[i].state != SLOT_RUNNING)
            continue;
        if (s->e->cancels > 1)
            job_kill(s->slots[i].job);
        else
            job_cancel(s->slots[i].job);
    }
    start_more(s);
}

/* ---- the whole
 * ------------------------------------------------------------------------------------------ */
static size_t default_jobs(const struct sco_engine *e)
{
    if (e->o.jobs > 0)
        return (size_t)e->o.jobs;
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? (size_t)n : 1;
}

static int open_session(struct session *s, struct sco_engine *e, size_t n_runs, const char *command,
                        struct sco_error *err)
{
    s->e = e;
    s->jobs = default_jobs(e);
    s->scan = sco_alloc(1, sizeof *s->scan);
    s->pool = sco_pool_new();
    if (!s->scan || !s->pool)
        return sco_error_nomem(err);
    s->scan->command = command;
    s->scan->findings.pool = s->pool;
    s->scan->started_ms = sco_now_ms();
    sco_uuid4(s->scan->id);
    s->scan->runs = sco_arena_alloc(&s->scan->arena, (n_runs + 1) * sizeof *s->scan->runs);
    s->slots = sco_alloc(n_runs + 1, sizeof *s->slots);
    s->cancel_event = event_new(e->base, e->cancel_pipe[0], EV_READ | EV_PERSIST, on_cancel, s);
    s->retry_event = evtimer_new(e->base, on_retry_time, s);
    if (!s->scan->runs || !s->slots || !s->cancel_event || !s->retry_event ||
        event_add(s->cancel_event, NULL) < 0)
        return sco_error_nomem(err);
    return 0;
}

static void close_session(struct session *s)
{
    for (size_t i = 0; i < s->n_slots; i++)
        job_free(s->slots[i].job);
    free(s->slots);
    free(s->parsers);
    if (s->cancel_event)
        event_free(s->cancel_event);
    if (s->retry_event)
        event_free(s->retry_event);
    history_done(&s->history);
    if (s->scan)
        sco_scan_free(s->scan);
    else
        sco_pool_free(s->pool);
}

static void summarize(struct sco_scan *scan)
{
    struct sco_summary *sum = &scan->summary;
    sum->findings = scan->findings.n;
    for (size_t i = 0; i < scan->findings.n; i++) {
        const struct sco_finding *f = &scan->findings.v[i];
        if (f->suppressions || f->status != SCO_STATUS_OPEN) {
            sum->suppressed++;
            continue;
        }
        sum->by_severity[f->severity]++;
        sum->by_type[f->type]++;
    }
    for (size_t i = 0; i < scan->n_runs; i++)
        sum->reported += scan->runs[i].reported;
}

static int finish(struct session *s, struct sco_scan **ret, struct sco_error *err)
{
    struct sco_scan *scan = s->scan;
    int r = sco_findings_identify(&scan->findings, err);
    if (r == 0)
        r = sco_findings_correlate(&scan->findings, err);
    if (r == 0)
        r = sco_findings_rank(&scan->findings, err);
    if (r < 0)
        return r;
    summarize(scan);
    scan->completed_ms = sco_now_ms();
    r = gate_judge(scan, &s->e->o.gate, err);
    if (r < 0)
        return r;
    *ret = scan;
    s->scan = NULL;
    s->pool = NULL; /* the scan's from here on */
    return 0;
}

static int run_session(struct session *s, struct sco_scan **ret, struct sco_error *err)
{
    start_more(s);
    engine_loop_until(s->e, &s->ended);
    return finish(s, ret, err);
}

/* A plan item becomes a run; one that is to be started also a slot. */
static int add_item(struct session *s, const struct sco_plan *plan, const struct sco_plan_item *it)
{
    struct sco_scan *scan = s->scan;
    struct sco_scanner_run *run = &scan->runs[scan->n_runs];
    const struct sco_plugin_info *p = it->plugin;
    const struct sco_target *t = &plan->targets[it->target];
    *run = (struct sco_scanner_run){.name = keep(s, p->name),
                                    .title = keep(s, p->scanner.title ? p->scanner.title : p->name),
                                    .target = keep(s, t->given),
                                    .required = it->required,
                                    .reason = keep(s, it->reason),
                                    .duration_ms = -1,
                                    .exit_code = -1};
    if (!run->name || !run->title || !run->target)
        return SCO_E_NOMEM;
    if (it->action == SCO_PLAN_SKIP) {
        run->status = SCO_RUN_STATUS_SKIPPED;
        run->counts = it->required;
    } else if (it->action == SCO_PLAN_MISSING) {
        run->status = p->error ? SCO_RUN_STATUS_FAILED : SCO_RUN_STATUS_MISSING;
        run->counts = it->required || p->error;
        run->hint = keep(s, p->scanner.install);
    } else {
        run->reason = NULL;
        run->counts = true;
        s->slots[s->n_slots++] =
            (struct slot){.session = s,
                          .run = scan->n_runs,
                          .item = it,
                          .target = t,
                          .lock_fd = -1,
                          .expected_ms = history_get(&s->history, p->name, t->path)};
    }
    scan->n_runs++;
    return 0;
}

static int join_targets(struct session *s, const struct sco_plan *plan, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_scan *scan = s->scan;
    for (size_t i = 0; i < plan->n_targets; i++)
        sco_buf_addf(&b, "%s%s", i ? ", " : "", plan->targets[i].given);
    scan->target = keep(s, sco_buf_z(&b));
    if (plan->n_targets == 1 && plan->targets[0].root) {
        scan->root = keep(s, plan->targets[0].root);
        if (scan->root)
            gitinfo_read(scan->root, &scan->arena, &scan->repository, &scan->branch,
                         &scan->commit_sha);
    }
    return b.failed || !scan->target ? sco_error_nomem(err) : 0;
}

/* Content that no scanner looked at must not read as clean. */
static int check_coverage(struct session *s, const struct sco_plan *plan, struct sco_error *err)
{
    struct sco_scan *scan = s->scan;
    for (size_t i = 0; i < plan->n_targets; i++) {
        const struct sco_target *t = &plan->targets[i];
        bool empty = t->kinds & SCO_TARGET_DIRECTORY && !t->n_files;
        bool looked_at = false;
        for (size_t k = 0; k < s->n_slots; k++)
            looked_at |= s->slots[k].target == t;
        if ((empty || looked_at) && !t->walk_cut)
            continue;
        struct sco_scanner_run *run = &scan->runs[scan->n_runs++];
        *run = (struct sco_scanner_run){
            .name = "secureops",
            .title = "SecureOps",
            .target = keep(s, t->given),
            .status = SCO_RUN_STATUS_INCOMPLETE,
            .counts = true,
            .duration_ms = -1,
            .exit_code = -1,
            .reason = t->walk_cut ? "part of the folder could not be read or holds too many files"
                                  : "no scanner looked at this target",
            .hint = t->walk_cut ? NULL
                                : "\"secureops doctor\" shows what is installed; "
                                  "scripts/install-scanners.sh installs scanners"};
        if (!run->target)
            return sco_error_nomem(err);
    }
    return 0;
}

int sco_engine_scan(struct sco_engine *e, const struct sco_plan *plan, struct sco_scan **ret,
                    struct sco_error *err)
{
    struct session s = {0};
    int r = open_session(&s, e, plan->n_items + plan->n_targets, "scan", err);
    if (r == 0) {
        s.several = plan->n_targets > 1;
        history_load(&s.history, e->o.cache_dir);
        r = join_targets(&s, plan, err);
    }
    for (size_t i = 0; i < plan->n_items && r == 0; i++)
        if (add_item(&s, plan, &plan->items[i]) < 0)
            r = sco_error_nomem(err);
    if (r == 0)
        r = check_coverage(&s, plan, err);
    if (r == 0)
        r = run_session(&s, ret, err);
    if (r == 0)
        history_save(&s.history);
    close_session(&s);
    return r;
}

/* ---- import
 * ------------------------------------------------------------------------------------------------
 */
static int choose_parsers(struct session *s, struct sco_error *err)
{
    const struct sco_plugins *p;
    int r = sco_engine_plugins(s->e, &p, err);
    if (r < 0)
        return r;
    s->parsers = sco_alloc(p->n + 1, sizeof *s->parsers);
    if (!s->parsers)
        return sco_error_nomem(err);
    for (size_t i = 0; i < p->n; i++)
        if (!p->v[i].error && p->v[i].kind == SCO_KIND_SCANNER &&
            (!s->scanner || strcmp(p->v[i].name, s->scanner) == 0))
            s->parsers[s->n_parsers++] = p->v[i].path;
    if (s->n_parsers)
        return 0;
    if (!s->scanner)
        return sco_error_set(err, SCO_E_NOT_FOUND, "there are no plugins to read reports with");
    const char *names[256];
    size_t n = 0;
    for (; n < p->n && n < SCO_ARRAY_LEN(names); n++)
        names[n] = p->v[n].name;
    const char *near = sco_str_nearest(sco_str_c(s->scanner), names, n);
    return sco_error_set(err, SCO_E_INVALID, "--scanner: there is no usable scanner \"%s\"%s%s%s",
                         s->scanner, near ? ", did you mean \"" : "", near ? near : "",
                         near ? "\"?" : "");
}

static int add_report(struct session *s, const char *file, struct sco_error *err)
{
    struct sco_scan *scan = s->scan;
    SCO_AUTO(sco_free) char *real = sco_fs_realpath(file, err);
    if (!real)
        return sco_error_prefix(err, "report");
    if (sco_fs_is_dir(real))
        return sco_error_set(err, SCO_E_INVALID, "report %s is a folder; name its files", file);
    struct sco_scanner_run *run = &scan->runs[scan->n_runs];
    *run = (struct sco_scanner_run){.name = s->scanner ? keep(s, s->scanner) : "unknown",
                                    .title = s->scanner ? keep(s, s->scanner) : "unknown format",
                                    .target = keep(s, file),
                                    .required = true,
                                    .counts = true,
                                    .exit_code = -1};
    struct slot slot = {.session = s, .run = scan->n_runs, .file = keep(s, real), .lock_fd = -1};
    if (!run->target || !slot.file)
        return sco_error_nomem(err);
    s->slots[s->n_slots++] = slot;
    scan->n_runs++;
    return 0;
}

int sco_engine_import(struct sco_engine *e, const char *const *files, size_t n, const char *scanner,
                      const char *root, struct sco_scan **ret, struct sco_error *err)
{
    struct session s = {.scanner = scanner, .root = root};
    int r = open_session(&s, e, n, "import", err);
    if (r == 0)
        r = choose_parsers(&s, err);
    for (size_t i = 0; i < n && r == 0; i++)
        r = add_report(&s, files[i], err);
    if (r == 0) {
        SCO_AUTO(sco_buf) struct sco_buf b = {0};
        for (size_t i = 0; i < n; i++)
            sco_buf_addf(&b, "%s%s", i ? ", " : "", files[i]);
        s.scan->target = keep(&s, sco_buf_z(&b));
        s.scan->root = keep(&s, root);
        if (root)
            gitinfo_read(root, &s.scan->arena, &s.scan->repository, &s.scan->branch,
                         &s.scan->commit_sha);
        r = run_session(&s, ret, err);
    }
    close_session(&s);
    return r;
}

struct sco_scan *sco_scan_free(struct sco_scan *s)
{
    if (!s)
        return NULL;
    struct sco_pool *pool = s->findings.pool;
    sco_finding_set_done(&s->findings);
    sco_pool_free(pool);
    sco_arena_done(&s->arena);
    free(s);
    return NULL;
}
