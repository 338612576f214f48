/* Programs of scanners: what host->run of plugin.h does beyond core/exec, and their versions. */
#include "host_priv.h"

#include <secureops/fs.h>

#include <errno.h>
#include <sys/stat.h>

static const char *env_get(const char *const *env, const char *name)
{
    size_t n = strlen(name);
    for (; *env; env++)
        if (strncmp(*env, name, n) == 0 && (*env)[n] == '=')
            return *env + n + 1;
    return NULL;
}

/* Java looks at neither TMPDIR nor HOME. NULL: a path that cannot be written in this variable. */
static const char *java_options(struct sco_arena *arena, const char *const *env)
{
    const char *tmp = env_get(env, "TMPDIR"), *home = env_get(env, "HOME");
    if (!tmp || !home || strpbrk(tmp, "\"'") || strpbrk(home, "\"'"))
        return NULL;
    return sco_arena_fmt(arena, "JAVA_TOOL_OPTIONS=\"-Djava.io.tmpdir=%s\" \"-Duser.home=%s\"", tmp,
                         home);
}

/* A scanner may write to the folders of its job alone: what it keeps at home goes to the cache, its
 * temporary files to the work folder. The engine may say otherwise. */
int host_make_env(struct sco_worker *w, struct sco_error *err)
{
    const struct sco_worker_job *j = w->job;
    const struct {
        const char *name, *dir, *below;
    } dirs[] = {{"HOME", j->cache_dir ? j->cache_dir : j->work_dir, "home"},
                {"TMPDIR", j->work_dir, "tmp"}};
    size_t n = 0;
    while (j->env[n])
        n++;
    const char **env = sco_arena_alloc(&w->arena, (n + 4) * sizeof *env);
    if (!env)
        return sco_error_nomem(err);
    if (n)
        memcpy(env, j->env, n * sizeof *env);
    for (size_t i = 0; i < SCO_ARRAY_LEN(dirs); i++) {
        if (!dirs[i].dir || env_get(j->env, dirs[i].name))
            continue;
        env[n] = sco_arena_fmt(&w->arena, "%s=%s/%s", dirs[i].name, dirs[i].dir, dirs[i].below);
        if (!env[n++])
            return sco_error_nomem(err);
    }
    if (!env_get(env, "JAVA_TOOL_OPTIONS"))
        env[n] = java_options(&w->arena, env);
    w->env = env;
    return 0;
}

/* The folders that host_make_env names; only a job that runs something needs them. */
static int make_dirs(struct sco_worker *w, struct sco_error *err)
{
    for (const char *const *e = w->env; *e; e++) {
        const char *dir = strncmp(*e, "HOME=", 5) == 0     ? *e + 5
                          : strncmp(*e, "TMPDIR=", 7) == 0 ? *e + 7
                                                           : NULL;
        if (dir && mkdir(dir, 0700) < 0 && errno != EEXIST)
            return sco_error_errno(err, errno, "cannot create folder %s", dir);
    }
    return 0;
}

static void report_odd(struct sco_worker *w, const struct sco_exec_stats *s, const char *program)
{
    struct sco_str name = sco_path_base(sco_str_c(program));
    if (s->leftovers)
        host_log(w, SCO_LOG_WARNING, "%.*s left processes behind: %d were killed",
                 SCO_STR_ARG(name), s->leftovers);
    if (s->stderr_bytes > (16u << 20))
        host_log(w, SCO_LOG_WARNING, "%.*s wrote %llu MiB of errors: only a part was kept",
                 SCO_STR_ARG(name), (unsigned long long)(s->stderr_bytes >> 20));
}

/* Java announces the variable that we set; it is not what the scanner has to say. */
static struct sco_str without_notice(struct sco_str err)
{
    const char *nl = err.n ? memchr(err.p, '\n', err.n) : NULL;
    if (!nl || !sco_str_starts(err, "Picked up JAVA_TOOL_OPTIONS: "))
        return err;
    return sco_str_make(nl + 1, err.n - (size_t)(nl + 1 - err.p));
}

static int run(struct sco_worker *w, const struct sco_command *c, struct sco_command_result *r,
               struct sco_error *err)
{
    struct sco_exec_stats stats = {0};
    struct sco_exec_env env = {.env = w->env,
                               .work_dir = w->job->work_dir,
                               .deadline_mono_ms = w->deadline,
                               .output_limit = w->job->max_output,
                               .memory_limit = w->job->max_memory,
                               .cancel_fd = w->fd,
                               .arena = &w->arena,
                               .stats = &stats};
    if (host_poll_cancel(w))
        return sco_error_set(err, SCO_E_CANCELLED, "cancelled");
    int e = make_dirs(w, err);
    if (e == 0)
        e = sco_exec_run(&env, c, r, err);
    if (e == SCO_E_CANCELLED)
        w->cancelled = true;
    if (c->argv && c->argv[0])
        report_odd(w, &stats, c->argv[0]);
    if (e == 0) {
        r->err = without_notice(r->err);
        w->exit_code = r->exit_code;
        w->timed_out |= r->timed_out && host_time_left(w) == 0;
    }
    return e;
}

int host_run(const struct sco_host *t, const struct sco_command *c, struct sco_command_result *r,
             struct sco_errbuf *e)
{
    struct sco_worker *w = t->impl;
    struct sco_error err = {0};
    struct sco_command full = {0};
    struct sco_command_result res = {0};
    if (host_is_foreign(w) || !c || !r || c->struct_size < offsetof(struct sco_command, env) ||
        r->struct_size < offsetof(struct sco_command_result, out))
        return sco_errf(e, SCO_E_INVALID, "run: a wrong struct_size or thread");
    if (w->quick)
        return sco_errf(e, SCO_E_PERMISSION, "verify and translate run no program");
    memcpy(&full, c, c->struct_size < sizeof full ? c->struct_size : sizeof full);
    full.struct_size = sizeof full;
    int code = run(w, &full, &res, &err);
    if (code < 0)
        return sco_error_to_errbuf(&err, code, e);
    res.struct_size = r->struct_size;
    memcpy(r, &res, r->struct_size < sizeof res ? r->struct_size : sizeof res);
    return 0;
}

/* ---- versions ---- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_word(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* May a version start at `at`? Not inside a word, a path, a number or a time of day. */
static bool may_start(struct sco_str s, size_t at)
{
    if (at && (s.p[at - 1] == 'v' || s.p[at - 1] == 'V'))
        at--;
    if (!at)
        return true;
    char before = s.p[at - 1];
    if (before == ':' && at > 1 && is_digit(s.p[at - 2]))
        return false;
    return !is_word(before) && !strchr("._-/+", before);
}

struct sco_str sco_version_in(struct sco_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (!is_digit(s.p[i]) || !may_start(s, i))
            continue;
        size_t end = i;
        while (end < s.n && is_digit(s.p[end]))
            end++;
        if (end + 1 >= s.n || s.p[end] != '.' || !is_digit(s.p[end + 1]))
            continue;
        while (end < s.n && (is_word(s.p[end]) || (s.p[end] && strchr("._-+~", s.p[end]))))
            end++;
        while (!is_word(s.p[end - 1]))
            end--;
        if (end - i <= 64)
            return sco_str_make(s.p + i, end - i);
    }
    return sco_str_make(NULL, 0);
}

int host_ask_version(struct sco_worker *w, const struct sco_scanner *s, const char **ret,
                     struct sco_error *err)
{
    enum { ARGS_MAX = 30 };
    static const char *const usual[] = {"--version", NULL};
    const char *argv[ARGS_MAX + 2] = {w->job->program};
    const char *const *args = s->version_args ? s->version_args : usual;
    for (size_t i = 0; args[i] && i < ARGS_MAX; i++)
        argv[i + 1] = args[i];
    struct sco_command c = {.struct_size = sizeof c,
                            .argv = argv,
                            .timeout_ms = HOST_VERSION_MS,
                            .output_limit = 1 << 20};
    struct sco_command_result r = {.struct_size = sizeof r};
    int e = run(w, &c, &r, err);
    w->exit_code = -1; /* of the scan's own program only */
    if (e < 0)
        return e;
    struct sco_str found = sco_version_in(r.out);
    if (!found.p)
        found = sco_version_in(r.err);
    if (r.timed_out)
        return sco_error_set(err, SCO_E_TIMEOUT, "%s does not tell its version within %d s",
                             w->job->program, HOST_VERSION_MS / 1000);
    *ret = found.p ? sco_arena_cstr(&w->arena, found) : NULL;
    return 0;
}
