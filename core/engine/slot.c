/* One run of a session: its worker is started, its findings are taken, its end is recorded; what
 * waits is started longest first, as many as allowed. On the engine's loop. */
#include "session_priv.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

enum {
    DEFAULT_TIMEOUT_MS = 15 * 60 * 1000,
    RETRY_AFTER_MS = 1500,
    PARALLEL_MAX = 16, /* runs of one scanner at once in this scan */
    CACHE_SLOTS = 128, /* in all scans of this user: each has a cache of its own */
};

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

static void tell_log(const struct slot *slot, uint32_t level, const char *text)
{
    struct session *s = slot->session;
    struct sco_progress p = {.run = run_of(slot),
                             .index = slot->run,
                             .n_runs = s->scan->n_runs,
                             .event = SCO_PROGRESS_LOG,
                             .level = level,
                             .what = text ? text : ""};
    if (s->e->o.progress)
        s->e->o.progress(s->e->o.user, &p);
}

char *session_keep(struct session *s, const char *text)
{
    return text ? sco_arena_cstr(&s->scan->arena, sco_str_c(text)) : NULL;
}

/* ---- findings ---- */
/* Paths of a scan with several targets start with the target, so that a/main.py and b/main.py are
 * two files; those of a folder of a repository with that folder. "" for others. */
static void begin_path(const struct session *s, const struct sco_target *t, struct sco_buf *out)
{
    struct sco_str given = sco_str_c(t->below ? t->below : t->given);
    if (!t->below && !s->several)
        return;
    if (!t->below && !(t->kinds & SCO_TARGET_DIRECTORY)) /* a file: the folder that was given */
        given.n -= sco_path_base(given).n;
    sco_path_relative(out, given, sco_str_make(NULL, 0));
    if (out->n && !sco_str_is(sco_buf_str(out), "."))
        sco_buf_addc(out, '/');
    else
        sco_buf_clear(out);
}

static const char *below(struct session *s, struct sco_buf *full, const char *path)
{
    size_t n = full->n;
    sco_buf_addz(full, path);
    const char *kept = full->failed ? NULL : sco_pool_str(s->pool, sco_buf_str(full));
    full->n = n;
    return kept ? kept : path;
}

static void move_places(struct session *s, struct sco_finding *f, struct sco_buf *full)
{
    uint32_t n = f->locations ? f->locations->n : 0;
    struct sco_places *v =
        n ? sco_pool_alloc(s->pool, sizeof *v + n * sizeof f->locations->v[0]) : NULL;
    if (!v)
        return;
    v->n = n;
    for (uint32_t i = 0; i < n; i++) {
        v->v[i] = f->locations->v[i];
        if (v->v[i].file_path)
            v->v[i].file_path = below(s, full, v->v[i].file_path);
    }
    f->locations = v;
}

/* Takes what a worker sent: drops what lies in folders that were left out, counts the rest. */
static void filter_findings(struct slot *slot, struct sco_finding_set *set)
{
    struct sco_scanner_run *run = run_of(slot);
    SCO_AUTO(sco_buf) struct sco_buf full = {0};
    size_t kept = 0;
    bool changed = set->n_prepared < set->n;
    if (slot->target && slot->target->root)
        begin_path(slot->session, slot->target, &full);
    run->reported = set->n;
    for (size_t i = 0; i < set->n; i++) {
        struct sco_finding *f = &set->v[i];
        if (slot->target && f->file_path &&
            tree_is_excluded(slot->target, sco_str_c(f->file_path))) {
            run->dropped++;
            continue;
        }
        if (sco_finding_is_suppressed(f))
            run->suppressed++;
        else
            run->by_severity[f->severity]++;
        if (full.n) {
            if (f->file_path)
                f->file_path = below(slot->session, &full, f->file_path);
            move_places(slot->session, f, &full);
            changed = true;
        }
        if (kept != i)
            set->v[kept] = *f;
        kept++;
    }
    set->n = kept;
    set->n_prepared = changed ? 0 : kept;
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
    if (to->n + from->n > to->cap) {
        size_t cap = to->n + from->n > 2 * to->cap ? to->n + from->n : 2 * to->cap;
        struct sco_finding *v = sco_grow(to->v, cap, sizeof *v);
        if (!v)
            return SCO_E_NOMEM;
        to->v = v;
        to->cap = cap;
    }
    if (from->n)
        memcpy(to->v + to->n, from->v, from->n * sizeof *from->v);
    if (to->n_prepared == to->n)
        to->n_prepared += from->n_prepared;
    to->n += from->n;
    return 0;
}

/* ---- the end of a run ---- */
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
    if (slot->lock_fd >= 0) {
        flock(slot->lock_fd, LOCK_UN); /* a worker that is just being started may still hold it */
        close(slot->lock_fd);
    }
    slot->lock_fd = -1;
    if (slot->work_dir)
        sco_fs_remove_tree(slot->work_dir);
    slot->work_dir = NULL;
    slot->job = job_free(slot->job);
    slot->session->running--;
}

/* What an imported report attests. A format that any tool may write says nothing of what its tool
 * looked for: only the types that are in it count. */
static uint32_t narrow_finds(uint32_t finds, const struct sco_finding_set *set)
{
    static const uint32_t any_tool = SCO_TYPE_BIT(SCO_TYPE_SAST) | SCO_TYPE_BIT(SCO_TYPE_DAST);
    uint32_t seen = 0;
    if ((finds & any_tool) != any_tool)
        return finds;
    for (size_t i = 0; i < set->n; i++)
        seen |= SCO_TYPE_BIT(set->v[i].type);
    return seen;
}

static bool is_policies(const struct slot *slot)
{
    return slot->item && strcmp(slot->item->plugin->name, POLICIES_PLUGIN) == 0;
}

static bool is_sbom(const struct slot *slot)
{
    return slot->item && strcmp(slot->item->plugin->name, SBOM_PLUGIN) == 0;
}

/* What ended well has handed over an SBOM. */
static void take_sbom(struct slot *slot, struct sco_scanner_run *run)
{
    struct session *s = slot->session;
    struct sco_error err = {0};
    bool good = run->status == SCO_RUN_STATUS_COMPLETED || run->status == SCO_RUN_STATUS_INCOMPLETE;
    int r = good ? sbom_end(s, run->status == SCO_RUN_STATUS_COMPLETED, &err) : 0;
    sbom_done(&s->sbom);
    if (r == 0 && (run->status != SCO_RUN_STATUS_COMPLETED || s->scan->sbom.path))
        return;
    run->status = SCO_RUN_STATUS_FAILED;
    run->reason = r < 0 ? session_keep(s, err.text) : "it handed over no SBOM";
}

static void take_result(struct slot *slot, struct job *j)
{
    struct session *s = slot->session;
    struct sco_scanner_run *run = run_of(slot);
    run->status = j->status;
    if (run->status ==
        SCO_RUN_STATUS_SKIPPED) /* it found nothing to do: no gap, unless asked for */
        run->counts = run->required;
    run->reason = session_keep(s, j->reason);
    run->exit_code = j->exit_code;
    run->duration_ms = sco_mono_ms() - j->started_mono_ms;
    if (j->version)
        run->version = session_keep(s, j->version);
    if (j->tool)
        run->tool = session_keep(s, j->tool);
    if (j->plugin) {
        const struct sco_plugin_info *p = plugins_find(&s->e->plugins, j->plugin);
        run->name = session_keep(s, j->plugin);
        run->title = p && p->scanner.title ? session_keep(s, p->scanner.title) : run->name;
        run->homepage = p ? session_keep(s, p->scanner.homepage) : NULL;
        run->finds = p ? p->scanner.finds : 0;
    }
    if (slot->file)
        run->finds = narrow_finds(run->finds, &j->findings);
    filter_findings(slot, &j->findings);
    if (move_findings(s, &j->findings) < 0) {
        run->status = SCO_RUN_STATUS_FAILED;
        run->reason = "out of memory for its findings";
    }
    if (slot->record_lost) {
        run->status = SCO_RUN_STATUS_FAILED;
        run->reason = is_sbom(slot) ? "the SBOM did not come whole, or could not be written"
                                    : "what the policies said beside findings could not be kept";
    }
    if (is_sbom(slot))
        take_sbom(slot, run);
    if (slot->item && j->version && !versions_get(&s->versions, slot->item->plugin->program))
        versions_put(&s->versions, slot->item->plugin->program, j->version);
    if (run->status == SCO_RUN_STATUS_COMPLETED && slot->item && !slot->scope)
        history_put(&s->history, run->name, slot->target->path, run->duration_ms);
}

static void on_job_end(struct job *j, void *user)
{
    struct slot *slot = user;
    struct session *s = slot->session;
    if (can_pass_next_time(j) && slot->attempts < 2 && !s->e->cancels) {
        slot->state = SLOT_WAITING;
        slot->not_before_ms = sco_mono_ms() + RETRY_AFTER_MS;
        release(slot);
        tell(s, slot->run, SCO_PROGRESS_WORKING, 0, 0, "the network failed, trying once more");
    } else {
        take_result(slot, j);
        release(slot);
        end_run(slot);
    }
    session_start_more(s);
}

static void on_job_frame(struct job *j, enum sco_msg type, struct sco_str payload, void *user)
{
    struct slot *slot = user;
    (void)j;
    if (type != SCO_MSG_PROGRESS && type != SCO_MSG_LOG)
        return;
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    const struct sco_node *m = NULL;
    if (sco_json_parse(payload, &arena, &m, NULL) < 0)
        return;
    if (type == SCO_MSG_LOG) {
        tell_log(slot, (uint32_t)sco_int(sco_get(m, "level"), SCO_LOG_INFO),
                 sco_arena_cstr(&arena, sco_text(sco_get(m, "text"))));
        return;
    }
    const char *what = sco_arena_cstr(&arena, sco_text(sco_get(m, "what")));
    tell(slot->session, slot->run, SCO_PROGRESS_WORKING, (uint64_t)sco_int(sco_get(m, "done"), 0),
         (uint64_t)sco_int(sco_get(m, "total"), 0), what);
}

/* ---- the start of a run ---- */
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
        if (!dir)
            return sco_error_nomem(err);
        int r = sco_fs_mkdirs(dir, 0700, err);
        if (r < 0)
            return r;
        sco_buf_addf(&b, "%s/.lock", dir);
        if (b.failed)
            return sco_error_nomem(err);
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
    size_t active = s->running + 1, waiting = 0;
    for (size_t i = 0; i < s->n_slots; i++)
        waiting += s->slots[i].state == SLOT_WAITING;
    if (active + waiting > s->jobs)
        active = s->jobs;
    long share = s->cores / (long)(active ? active : 1);
    return share < 1 ? 1 : (int)share;
}

static void on_job_record(struct sco_str kind, struct sco_str json, void *user)
{
    struct slot *slot = user;
    if (is_policies(slot) && policy_record_take(slot->session->scan, kind, json) < 0)
        slot->record_lost = true;
    if (is_sbom(slot) && sco_str_is(kind, "sbom") && sbom_take(slot->session, json) < 0)
        slot->record_lost = true;
}

/* Which packs and frameworks, for the plugin that evaluates them. */
static int fill_request(struct slot *slot, struct message *m, struct sco_buf *request,
                        struct sco_error *err)
{
    const struct sco_engine *e = slot->session->e;
    struct sco_policy_request q = {.command = "scan", .frameworks = e->o.policy_frameworks};
    struct policy_part part = {.scope = slot->scope};
    int r = is_policies(slot) ? policy_request_write(e, &q, &part, request, err) : 0;
    m->request = sco_buf_str(request);
    return r;
}

static int fill_scan_message(struct slot *slot, struct message *m, struct sco_buf *options,
                             struct sco_error *err)
{
    struct session *s = slot->session;
    const struct sco_plugin_info *p = slot->item->plugin;
    int64_t configured = 0;
    int r = 0;
    if (s->e->o.scanner_options)
        r = s->e->o.scanner_options(s->e->o.user, p, true, options, &configured, err);
    if (r < 0)
        return r;
    m->target_kind = plan_kind(p, slot->target);
    slot->timeout_ms = timeout_of(slot, configured);
    m->kind = "scan";
    m->plugins = &p->library;
    m->descriptors = &p->descriptor;
    m->n_plugins = 1;
    m->options = sco_buf_str(options);
    m->target = slot->target;
    m->files = slot->scope ? slot->files : slot->item->files;
    m->n_files = slot->scope ? slot->n_files : slot->item->n_files;
    m->program = p->program;
    m->version = versions_get(&s->versions, p->program);
    return lock_cache(s, p->name, &slot->lock_fd, &m->cache_dir, err);
}

/* {plugin: its options} for every candidate. Reading a report needs no secrets. */
static int import_options(struct session *s, struct sco_buf *out, struct sco_error *err)
{
    struct sco_json_out o = {.b = out};
    sco_json_begin(&o, '{');
    for (size_t i = 0; i < s->e->plugins.n && s->e->o.scanner_options; i++) {
        const struct sco_plugin_info *p = &s->e->plugins.v[i];
        int64_t ignored = 0;
        SCO_AUTO(sco_buf) struct sco_buf own = {0};
        if (p->error || (s->scanner && strcmp(s->scanner, p->name) != 0))
            continue;
        int r = s->e->o.scanner_options(s->e->o.user, p, false, &own, &ignored, err);
        if (r < 0)
            return r;
        sco_json_key(&o, p->name);
        sco_json_raw(&o, sco_buf_str(&own));
    }
    sco_json_end(&o, '}');
    return sco_buf_check(out, err);
}

static int fill_import_message(struct slot *slot, struct message *m, struct sco_buf *options,
                               struct sco_error *err)
{
    struct session *s = slot->session;
    int r = import_options(s, options, err);
    m->options = sco_buf_str(options);
    slot->timeout_ms = timeout_of(slot, 0);
    m->kind = "import";
    m->plugins = s->parsers;
    m->descriptors = s->descriptors;
    m->n_plugins = s->n_parsers;
    m->input = slot->file;
    m->root = s->root;
    m->format = s->scanner;
    m->cache_dir = slot->work_dir;
    return r;
}

static int start(struct slot *slot, struct sco_error *err)
{
    struct session *s = slot->session;
    SCO_AUTO(sco_buf) struct sco_buf message = {0}, options = {0}, request = {0};
    struct message m = {.engine = s->e, .cpus = cpus_for(s)};
    const char *dir = sco_arena_fmt(&s->scan->arena, "job-%zu-%d", slot->run, slot->attempts++);
    int r = dir ? engine_make_dir(s->e, dir, &slot->work_dir, &s->scan->arena, err)
                : sco_error_nomem(err);
    m.work_dir = slot->work_dir;
    if (r == 0 && slot->item) {
        r = fill_scan_message(slot, &m, &options, err);
        if (r == 0)
            r = fill_request(slot, &m, &request, err);
    } else if (r == 0)
        r = fill_import_message(slot, &m, &options, err);
    m.timeout_ms = slot->timeout_ms;
    if (r == 0 && is_sbom(slot)) {
        slot->record_lost = false;
        r = sbom_begin(s, err);
    }
    if (r == 0)
        r = message_write(&m, &message, err);
    struct job_spec spec = {.message = sco_buf_str(&message),
                            .timeout_ms = slot->timeout_ms,
                            .pool = s->pool,
                            .end = on_job_end,
                            .frame = on_job_frame,
                            .record = on_job_record,
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
    run->reason = session_keep(s, err.text);
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

static uint32_t parallel_limit(const struct session *s, const struct sco_plugin_info *p)
{
    if (s->e->o.offline && p->scanner.flags & SCO_SCANNER_LOCKS_CACHE)
        return 1; /* what it downloaded when it could is in the first of its caches */
    return p->scanner.max_parallel && p->scanner.max_parallel < PARALLEL_MAX
               ? p->scanner.max_parallel
               : PARALLEL_MAX;
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
        if (c->item && running_of(s, c->item->plugin) >= parallel_limit(s, c->item->plugin))
            continue;
        if (!best || (best->expected_ms && (!c->expected_ms || c->expected_ms > best->expected_ms)))
            best = c;
    }
    return best;
}

static void cancel_waiting(struct session *s)
{
    for (size_t i = 0; i < s->n_slots; i++) {
        if (s->slots[i].state != SLOT_WAITING)
            continue;
        run_of(&s->slots[i])->status = SCO_RUN_STATUS_INCOMPLETE;
        run_of(&s->slots[i])->reason = "cancelled before it started";
        end_run(&s->slots[i]);
    }
}

/* The timer of the first retry. It may come early (its clock is coarse): then it is set anew. */
static int wait_for_retry(struct session *s, int64_t at)
{
    int64_t ms = at - sco_mono_ms() + 1;
    struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
    return event_add(s->retry_event, ms > 0 ? &tv : &(struct timeval){0});
}

void session_start_more(struct session *s)
{
    struct slot *slot;
    int64_t retry_ms = 0, now = sco_mono_ms();
    bool waiting = false;
    if (s->e->cancels)
        cancel_waiting(s);
    while (s->running < s->jobs && (slot = next_slot(s)))
        start_slot(slot);
    for (size_t i = 0; i < s->n_slots; i++) {
        const struct slot *c = &s->slots[i];
        if (c->state != SLOT_WAITING)
            continue;
        waiting = true;
        if (c->not_before_ms > now && (!retry_ms || c->not_before_ms < retry_ms))
            retry_ms = c->not_before_ms;
    }
    bool stuck = retry_ms && wait_for_retry(s, retry_ms) < 0;
    s->ended = !s->running && (!waiting || stuck);
}
