/* One attempt of a stage of an own pipeline: a process with nothing but its own steps, secrets and
 * folder. It copies the checkout, gives up what it may, runs the steps, and ends. What is printed
 * goes back masked, in whole lines. */
#include "runner_pipeline.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <secureops/exec.h>
#include <secureops/mask.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 32 << 10, SOCKET_LEAST = 64, COPY_MS = 10 * 60 * 1000 };

struct stage {
    int fd;
    struct sco_frames frames;
    struct sco_arena arena;
    struct sco_pipeline def;
    const struct sco_pipeline_stage *st;
    struct sco_pipeline_facts facts;
    struct sco_mask mask;
    const char *dir, *work, *script;
    const char **env;
    int64_t deadline; /* monotonic ms; 0: none */
    uint64_t output_limit, memory_limit;
    const struct sco_node *job;
    struct sco_buf lines;
    bool failed, timed_out;
    bool cancelled; /* what follows are always() steps, within `deadline` */
    char reason[512];
};

/* ---- what the runner hears ---- */
static void send_text(struct stage *s, enum sco_msg type, const char *name, struct sco_str text,
                      const char *reason)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_json_out o = {.b = &b};
    sco_json_begin(&o, '{');
    sco_json_kstr(&o, name, text);
    sco_json_kz(&o, "reason", reason);
    sco_json_end(&o, '}');
    if (b.failed || sco_frame_send(s->fd, type, sco_buf_str(&b), NULL) < 0)
        _exit(1); /* nobody listens any more; what runs goes with us */
}

static void send_lines(struct stage *s, bool all)
{
    const char *end = s->lines.n ? memrchr(s->lines.p, '\n', s->lines.n) : NULL;
    size_t n = end ? (size_t)(end - s->lines.p) + 1 : 0;
    if (s->lines.n - n > LINE_MAX_BYTES || (all && n < s->lines.n)) {
        sco_buf_addc(&s->lines, '\n');
        n = s->lines.n;
    }
    if (!n)
        return;
    send_text(s, SCO_MSG_LOG, "text", sco_str_make(s->lines.p, n), NULL);
    memmove(s->lines.p, s->lines.p + n, s->lines.n - n);
    s->lines.n -= n;
}

static void on_output(void *user, struct sco_str bytes)
{
    struct stage *s = user;
    while (bytes.n) {
        size_t n = bytes.n < LINE_MAX_BYTES ? bytes.n : LINE_MAX_BYTES;
        sco_mask_feed(&s->mask, sco_str_make(bytes.p, n), false, &s->lines);
        send_lines(s, false);
        bytes = sco_str_make(bytes.p + n, bytes.n - n);
    }
}

static void end_output(struct stage *s)
{
    sco_mask_feed(&s->mask, sco_str_make(NULL, 0), true, &s->lines);
    send_lines(s, true);
}

static void say(struct stage *s, const char *fmt, ...) SCO_PRINTF(2, 3);
static void say(struct stage *s, const char *fmt, ...)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    va_list ap;
    va_start(ap, fmt);
    sco_buf_addvf(&b, fmt, ap);
    va_end(ap);
    sco_buf_addc(&b, '\n');
    send_text(s, SCO_MSG_LOG, "text", sco_buf_str(&b), NULL);
}

/* ---- the job ---- */
static const char *text(struct stage *s, const struct sco_node *q, const char *name)
{
    struct sco_str t = sco_text(sco_get(q, name));
    return t.p ? sco_arena_cstr(&s->arena, t) : NULL;
}

static const char **texts(struct stage *s, const struct sco_node *list, size_t more)
{
    size_t n = 0;
    const char **v = sco_arena_alloc(&s->arena, ((list ? list->n : 0) + more + 1) * sizeof *v);
    SCO_EACH (m, list)
        if (v)
            v[n++] = sco_arena_cstr(&s->arena, sco_text(m));
    return v;
}

static int take_secrets(struct stage *s, struct sco_error *err)
{
    const struct sco_node *q = sco_get(s->job, "secrets");
    size_t n = 0;
    while (s->env[n])
        n++;
    for (const struct sco_node *m = q ? q->child : NULL; m; m = m->next) {
        int r = sco_mask_add(&s->mask, sco_text(m), err);
        if (r < 0)
            return sco_error_prefix(err, "the secret %.*s", SCO_STR_ARG(m->key));
        s->env[n] =
            sco_arena_fmt(&s->arena, "%.*s=%.*s", SCO_STR_ARG(m->key), SCO_STR_ARG(sco_text(m)));
        if (!s->env[n++])
            return sco_error_nomem(err);
    }
    return 0;
}

static int take_job(struct stage *s, struct sco_error *err)
{
    enum sco_msg type;
    struct sco_str payload;
    const struct sco_node *secrets;
    int r = sco_frames_read(&s->frames, s->fd, &type, &payload, err);
    if (r <= 0 || type != SCO_MSG_JOB)
        return r < 0 ? r : sco_error_set(err, SCO_E_FORMAT, "the runner sent no stage");
    r = sco_json_parse(payload, &s->arena, &s->job, err);
    if (r < 0)
        return r;
    const char *definition = text(s, s->job, "definition");
    int64_t index = sco_int(sco_get(s->job, "stage"), -1), ms = 0;
    if (!definition)
        return sco_error_nomem(err);
    r = sco_pipeline_parse(sco_str_c(definition), "definition", &s->arena, &s->def, err);
    if (r < 0)
        return r;
    if (index < 0 || (size_t)index >= s->def.n)
        return sco_error_set(err, SCO_E_FORMAT, "the definition has no such stage");
    s->st = &s->def.stages[index];
    const struct sco_node *facts = sco_get(s->job, "facts");
    s->facts = (struct sco_pipeline_facts){.branch = text(s, facts, "branch"),
                                           .tag = text(s, facts, "tag"),
                                           .event = text(s, facts, "event"),
                                           .actor = text(s, facts, "actor"),
                                           .repository = text(s, facts, "repository"),
                                           .commit_sha = text(s, facts, "commit_sha")};
    ms = sco_int(sco_get(s->job, "timeout_ms"), 0);
    s->deadline = ms ? sco_mono_ms() + ms : 0;
    s->output_limit = (uint64_t)sco_int(sco_get(s->job, "output_limit"), 0);
    s->memory_limit = (uint64_t)sco_int(sco_get(s->job, "memory_limit"), 0);
    s->dir = text(s, s->job, "dir");
    secrets = sco_get(s->job, "secrets");
    s->env = texts(s, sco_get(s->job, "env"), secrets ? secrets->n : 0);
    s->work = s->dir ? sco_arena_fmt(&s->arena, "%s/src", s->dir) : NULL;
    s->script = s->dir ? sco_arena_fmt(&s->arena, "%s/step.sh", s->dir) : NULL;
    return s->env && s->script && s->work ? take_secrets(s, err) : sco_error_nomem(err);
}

/* ---- commands ---- */
static int run(struct stage *s, const char *const *argv, const char *cwd, const char *const *env,
               int64_t timeout_ms, struct sco_command_result *ret, struct sco_error *err)
{
    struct sco_exec_env e = {.env = s->env,
                             .work_dir = s->dir,
                             .deadline_mono_ms = s->deadline,
                             .output_limit = s->output_limit,
                             .memory_limit = s->memory_limit,
                             .cancel_fd = s->cancelled ? -1 : s->fd,
                             .arena = &s->arena,
                             .output = on_output,
                             .user = s};
    struct sco_command c = {
        .struct_size = sizeof c, .argv = argv, .env = env, .cwd = cwd, .timeout_ms = timeout_ms};
    int r = sco_exec_run(&e, &c, ret, err);
    end_output(s);
    return r;
}

/* Not with the definition's variables: the first copy is made before the sandbox, and LD_PRELOAD
 * would run a file of the checkout outside of it. */
static int copy_tree(struct stage *s, const char *from, const char *to, struct sco_error *err)
{
    static const char *own[] = {"PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8", NULL};
    const char *const argv[] = {"cp", "-a", "--reflink=auto", "--", from, to, NULL};
    struct sco_command_result res = {0};
    const char **env = s->env;
    s->env = own;
    int r = run(s, argv, s->dir, NULL, COPY_MS, &res, err);
    s->env = env;
    return r == 0 && res.exit_code != 0
               ? sco_error_set(err, SCO_E_IO, "the checkout cannot be copied")
               : r;
}

static int copy(struct stage *s, struct sco_error *err)
{
    const char *source = text(s, s->job, "source");
    static const char *const folders[] = {"home", "tmp"};
    int r = source ? 0 : sco_error_nomem(err);
    for (size_t i = 0; i < SCO_ARRAY_LEN(folders) && r == 0; i++) {
        const char *path = sco_arena_fmt(&s->arena, "%s/%s", s->dir, folders[i]);
        r = path ? sco_fs_mkdirs(path, 0700, err) : sco_error_nomem(err);
    }
    return r == 0 ? copy_tree(s, source, s->work, err) : r;
}

/* "none" that cannot be had is an error, whatever the configuration says of sandboxes. */
static int confine_network(struct stage *s, bool sandbox, struct sco_error *err)
{
    enum sco_network n = strcmp(s->st->network, "none") == 0   ? SCO_NETWORK_NONE
                         : strcmp(s->st->network, "full") == 0 ? SCO_NETWORK_FULL
                                                               : SCO_NETWORK_OUTSIDE;
    if (n == SCO_NETWORK_OUTSIDE && !sandbox)
        return 0;
    int r = sco_sandbox_network(n, err);
    return r < 0 ? sco_error_prefix(err, "network: %s", s->st->network) : 0;
}

/* What may not be had is an error: what a pipeline runs is a stranger's. */
static int confine(struct stage *s, struct sco_error *err)
{
    const char *const write[] = {s->dir, NULL};
    const char **hidden = texts(s, sco_get(s->job, "hidden"), 0);
    int abi = 0;
    if (!sco_bool(sco_get(s->job, "sandbox"), 1))
        return confine_network(s, false, err);
    (void)!sco_cgroup_open();
    int r = hidden ? sco_sandbox_landlock_hiding(write, hidden, &abi, err) : sco_error_nomem(err);
    if (r == 0)
        r = sco_sandbox_seccomp(err);
    if (r == SCO_E_UNSUPPORTED)
        return sco_error_prefix(err, "no sandbox, and scan.sandbox wants one");
    return r == 0 ? confine_network(s, true, err) : r;
}

/* ---- steps ---- */
static void fail(struct stage *s, const struct sco_pipeline_step *st, bool timed_out,
                 const char *fmt, ...) SCO_PRINTF(4, 5);
static void fail(struct stage *s, const struct sco_pipeline_step *st, bool timed_out,
                 const char *fmt, ...)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    va_list ap;
    va_start(ap, fmt);
    sco_buf_addvf(&b, fmt, ap);
    va_end(ap);
    say(s, "--- %s: %s", st->name, sco_buf_z(&b));
    if (st->continue_on_error || s->failed)
        return;
    s->failed = true;
    s->timed_out = timed_out;
    snprintf(s->reason, sizeof s->reason, "%s: %s", st->name, sco_buf_z(&b));
}

static int write_script(struct stage *s, const struct sco_pipeline_step *st, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    sco_buf_addf(&b, "exec 2>&1; %s\n", st->run); /* on its first line: numbers of lines hold */
    int r = sco_buf_check(&b, err);
    return r == 0 ? sco_fs_write(s->script, sco_buf_str(&b), 0600, err) : r;
}

/* 1: it may be tried again. */
static int run_once(struct stage *s, const struct sco_pipeline_step *st, bool last,
                    struct sco_error *err)
{
    const char *const argv[] = {"/bin/sh", "-e", s->script, NULL};
    const char *cwd =
        st->directory ? sco_arena_fmt(&s->arena, "%s/%s", s->work, st->directory) : s->work;
    struct sco_command_result res = {0};
    int r = cwd ? write_script(s, st, err) : sco_error_nomem(err);
    if (r == 0)
        r = run(s, argv, cwd, st->env, st->timeout_ms, &res, err);
    if (r == SCO_E_NOT_FOUND || r == SCO_E_PERMISSION) { /* its directory */
        fail(s, st, false, "%s", err->text);
        return 0;
    }
    if (r < 0)
        return r;
    bool over = s->deadline && sco_mono_ms() >= s->deadline;
    if (!last && !over && (res.exit_code || res.timed_out || res.truncated))
        return 1;
    if (res.truncated)
        fail(s, st, false, "it printed more than %llu bytes", (unsigned long long)s->output_limit);
    else if (res.timed_out)
        fail(s, st, true, "timed out after %lld s", (long long)(res.duration_ms / 1000));
    else if (res.exit_code < 0)
        fail(s, st, false, "ended by signal %d", res.signal);
    else if (res.exit_code)
        fail(s, st, false, "exit status %d", res.exit_code);
    return 0;
}

/* ---- cancelled ---- */
/* The runner says how long what is always() may take; without that it is in a hurry itself. */
static void take_cancel(struct stage *s, struct sco_str payload)
{
    const struct sco_node *m = NULL;
    int64_t ms = sco_json_parse(payload, &s->arena, &m, NULL) == 0
                     ? sco_int(sco_get(m, "cleanup_ms"), 0)
                     : 0;
    if (ms <= 0)
        return;
    s->cancelled = s->failed = true;
    s->deadline = sco_mono_ms() + ms;
}

static void read_cancel(struct stage *s)
{
    enum sco_msg type;
    struct sco_str payload;
    if (!s->cancelled && sco_frames_read(&s->frames, s->fd, &type, &payload, NULL) > 0 &&
        type == SCO_MSG_CANCEL)
        take_cancel(s, payload);
}

/* Whatever came before: not what runs on success, or on failure. */
static bool is_always(const struct stage *s, const struct sco_pipeline_step *st)
{
    struct sco_pipeline_facts good = s->facts, bad = s->facts;
    good.failed = false;
    bad.failed = true;
    return st->run && st->condition && sco_pipeline_holds(st->condition, &good) &&
           sco_pipeline_holds(st->condition, &bad);
}

/* By the runner, which has the store and the policies, of a copy that it takes away. */
static int scan(struct stage *s, const struct sco_pipeline_step *st, size_t i,
                struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    const struct sco_node *answer = NULL;
    enum sco_msg type;
    struct sco_str payload = {0};
    const char *snapshot = sco_arena_fmt(&s->arena, "%s/" STAGE_SNAPSHOT, s->dir);
    sco_buf_addf(&b, "{\"step\":%zu}", i);
    if (!snapshot)
        return sco_error_nomem(err);
    (void)sco_fs_remove_tree(snapshot);
    int r = copy_tree(s, s->work, snapshot, err);
    if (r == SCO_E_IO) {
        fail(s, st, false, "%s", err->text);
        return 0;
    }
    if (r == 0)
        r = sco_frame_send(s->fd, SCO_MSG_CALL, sco_buf_str(&b), err);
    if (r == 0)
        r = sco_frames_read(&s->frames, s->fd, &type, &payload, err);
    if (r > 0 && type == SCO_MSG_CANCEL)
        take_cancel(s, payload);
    if (r <= 0 || type != SCO_MSG_ANSWER)
        return r < 0 ? r : sco_error_set(err, SCO_E_CANCELLED, "cancelled");
    r = sco_json_parse(payload, &s->arena, &answer, err);
    if (r == 0 && !sco_bool(sco_get(answer, "ok"), 0))
        fail(s, st, false, "%.*s", SCO_STR_ARG(sco_text(sco_get(answer, "reason"))));
    return r;
}

static int run_step(struct stage *s, size_t i, struct sco_error *err)
{
    const struct sco_pipeline_step *st = &s->st->steps[i];
    int r = 1;
    s->facts.failed = s->failed;
    if (!sco_pipeline_holds(st->condition, &s->facts)) {
        if (!s->failed)
            say(s, "--- %s: left out by its condition", st->name);
        return 0;
    }
    for (uint32_t k = 0; r == 1 && k <= st->retries; k++) {
        if (k)
            say(s, "--- %s, try %u", st->name, k + 1);
        else
            say(s, "--- %s", st->name);
        r = st->scan ? scan(s, st, i, err) : run_once(s, st, k == st->retries, err);
    }
    return r > 0 ? 0 : r;
}

/* What is left of it, as far as it is always(). */
static int clean_up(struct stage *s, size_t from, struct sco_error *err)
{
    struct sco_error why = {0};
    int r = 0;
    read_cancel(s);
    if (s->cancelled)
        say(s, "--- cancelled");
    for (size_t i = from; s->cancelled && r == 0 && i < s->st->n_steps; i++)
        if (is_always(s, &s->st->steps[i]))
            r = run_step(s, i, &why);
    if (r < 0)
        say(s, "--- %s", why.text);
    return sco_error_set(err, SCO_E_CANCELLED, "cancelled");
}

static int perform(struct stage *s, struct sco_error *err)
{
    int r = take_job(s, err);
    if (r == 0)
        r = sco_sandbox_process(sco_int(sco_get(s->job, "parent"), 0), err);
    if (r == 0)
        r = copy(s, err);
    if (r == 0)
        r = confine(s, err);
    for (size_t i = 0; r == 0 && i < s->st->n_steps; i++) {
        r = run_step(s, i, err);
        if (r == SCO_E_CANCELLED)
            return clean_up(s, i + 1, err);
    }
    return r;
}

int runner_stage_main(void)
{
    static struct stage s;
    struct sco_error err = {0};
    s.fd = fcntl(SCO_WORKER_FD, F_DUPFD_CLOEXEC, SOCKET_LEAST);
    if (s.fd < 0)
        return 2;
    close(SCO_WORKER_FD);
    signal(SIGPIPE, SIG_IGN);
    int r = perform(&s, &err);
    const char *outcome = r == SCO_E_CANCELLED ? "cancelled"
                          : s.timed_out        ? "timed_out"
                          : r < 0 || s.failed  ? "failure"
                                               : "success";
    if (r < 0 && r != SCO_E_CANCELLED)
        say(&s, "--- %s", err.text);
    send_text(&s, SCO_MSG_DONE, "outcome", sco_str_c(outcome),
              r < 0       ? err.text
              : *s.reason ? s.reason
                          : NULL);
    sco_exec_reap_all();
    sco_cgroup_close();
    sco_mask_done(&s.mask);
    return 0;
}
