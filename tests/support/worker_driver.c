/* See worker_driver.h. */
#include "worker_driver.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <secureops/exec.h>
#include <secureops/fs.h>
#include <secureops/json.h>

enum { TIMEOUT_MS = 20000, GRACE_MS = 4000 };

const char *drive_build(void)
{
    static char *build;
    if (!build) {
        const char *given = getenv("SECUREOPS_BUILD");
        char *exe = sco_dir_exe(); /* BUILD/tests */
        build = given ? sco_strdup(sco_str_c(given)) : exe;
        if (build == exe && exe)
            *strrchr(exe, '/') = 0;
        else
            free(exe);
    }
    return build;
}

const char *drive_plugin(const char *folder, const char *name)
{
    static struct sco_map paths; /* each text once, for the life of the test */
    SCO_AUTO(sco_buf) struct sco_buf path = {0};
    const char *kept = NULL;
    sco_buf_addf(&path, "%s/tests/%s/%s.so", drive_build(), folder, name);
    return sco_map_put(&paths, sco_buf_str(&path), &kept) ? kept : NULL;
}

static char *test_dir;

static void remove_dir(void)
{
    sco_fs_remove_tree(test_dir);
    free(test_dir);
}

const char *drive_dir(void)
{
    if (!test_dir && sco_fs_mkdtemp(NULL, "secureops-test", &test_dir, NULL) == 0)
        atexit(remove_dir);
    return test_dir;
}

/* ---- job ---- */

static void put_job(const struct drive_job *j, const char *work, const char *cache,
                    struct sco_buf *b)
{
    struct sco_json_out o = {.b = b};
    sco_json_begin(&o, '{');
    sco_json_kz(&o, "kind", j->kind ? j->kind : "scan");
    sco_json_key(&o, "plugins");
    sco_json_begin(&o, '[');
    if (j->plugin)
        sco_json_str(&o, sco_str_c(j->plugin));
    if (j->plugin2)
        sco_json_str(&o, sco_str_c(j->plugin2));
    sco_json_end(&o, ']');
    sco_json_key(&o, "options");
    sco_json_raw(&o, sco_str_c(j->options ? j->options : "{}"));
    sco_json_key(&o, "target");
    sco_json_raw(&o, SCO_STR("{\"kind\":\"directory\",\"path\":\"/usr/share/doc\"}"));
    sco_json_kz(&o, "input", j->input);
    sco_json_kz(&o, "format", j->format);
    sco_json_kz(&o, "program", j->program);
    sco_json_kz(&o, "version", j->version);
    sco_json_kz(&o, "work_dir", work);
    sco_json_kz(&o, "cache_dir", cache);
    sco_json_kz(&o, "digest_key", "00112233445566778899aabbccddeeff");
    sco_json_ki64(&o, "cpus", 1);
    sco_json_ki64(&o, "timeout_ms", j->timeout_ms ? j->timeout_ms : TIMEOUT_MS);
    sco_json_key(&o, "limits");
    sco_json_begin(&o, '{');
    sco_json_ki64(&o, "findings", j->max_findings);
    sco_json_ki64(&o, "output", j->max_output);
    sco_json_end(&o, '}');
    sco_json_key(&o, "sandbox");
    sco_json_begin(&o, '{');
    sco_json_kbool(&o, "landlock", !j->no_sandbox);
    sco_json_kbool(&o, "seccomp", !j->no_sandbox);
    sco_json_end(&o, '}');
    sco_json_key(&o, "env");
    sco_json_raw(&o, SCO_STR("{\"PATH\":\"/usr/bin:/bin\",\"LANG\":\"C.UTF-8\"}"));
    sco_json_end(&o, '}');
}

static int start(pid_t *ret_pid)
{
    int sv[2];
    char path[1024];
    char *argv[] = {path, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    snprintf(path, sizeof path, "%s/bin/secureops-worker", drive_build());
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) < 0)
        return -1;
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attr);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    if (!getenv("DRIVE_VERBOSE"))
        posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, sv[1], SCO_WORKER_FD);
    int e = posix_spawn(ret_pid, path, &actions, &attr, argv, environ);
    posix_spawnattr_destroy(&attr);
    posix_spawn_file_actions_destroy(&actions);
    close(sv[1]);
    if (e == 0)
        return sv[0];
    close(sv[0]);
    return -1;
}

/* ---- messages ---- */

static void keep(char *to, size_t size, struct sco_str s)
{
    snprintf(to, size, "%.*s", SCO_STR_ARG(s));
}

static void take_findings(struct drive_result *r, struct sco_str payload)
{
    size_t at = strlen(r->text);
    for (size_t i = 0; i < payload.n; i++)
        r->findings += payload.p[i] == '\n';
    if (at + payload.n < sizeof r->text) {
        memcpy(r->text + at, payload.p, payload.n);
        r->text[at + payload.n] = 0;
    }
}

static void take(struct drive_result *r, enum sco_msg type, struct sco_str payload)
{
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    const struct sco_node *v = NULL;
    for (size_t i = 0; type == SCO_MSG_RECORDS && i < payload.n; i++)
        r->records += payload.p[i] == '\n';
    if (type == SCO_MSG_RECORDS)
        return;
    if (type == SCO_MSG_FINDINGS) {
        take_findings(r, payload);
        return;
    }
    if (sco_json_parse(payload, &arena, &v, NULL) < 0) {
        r->broken = true;
        return;
    }
    r->logs += type == SCO_MSG_LOG;
    r->progress += type == SCO_MSG_PROGRESS;
    r->incomplete += type == SCO_MSG_INCOMPLETE;
    if (type == SCO_MSG_LOG)
        keep(r->log, sizeof r->log, sco_text_at(v, "text"));
    else if (type == SCO_MSG_HELLO)
        keep(r->hello, sizeof r->hello, sco_text_at(v, "sandbox"));
    else if (type == SCO_MSG_LOADING)
        keep(r->loading, sizeof r->loading, sco_text_at(v, "path"));
    else if (type == SCO_MSG_PLUGIN)
        keep(r->chosen, sizeof r->chosen, sco_text_at(v, "name"));
    else if (type == SCO_MSG_DESCRIBE)
        keep(r->describe, sizeof r->describe, payload);
    else if (type == SCO_MSG_DONE) {
        keep(r->status, sizeof r->status, sco_text_at(v, "status"));
        keep(r->reason, sizeof r->reason, sco_text_at(v, "reason"));
        keep(r->version, sizeof r->version, sco_text_at(v, "version"));
        r->claimed = sco_int_at(v, "findings", -1);
        r->records_claimed = sco_int_at(v, "records", -1);
    }
}

static bool take_all(struct drive_result *r, struct sco_frames *f)
{
    enum sco_msg type;
    struct sco_str payload;
    int n;
    while ((n = sco_frames_next(f, &type, &payload, NULL)) == 1)
        take(r, type, payload);
    r->broken |= n < 0;
    return !r->broken;
}

static void listen_to(const struct drive_job *j, int fd, pid_t pid, struct drive_result *r)
{
    static char bytes[1 << 16];
    struct sco_frames f = {0};
    int64_t start_at = sco_mono_ms();
    int64_t job = j->timeout_ms ? j->timeout_ms : TIMEOUT_MS;
    int64_t kill_at = start_at + (j->kill_ms ? j->kill_ms : job + GRACE_MS);
    int64_t cancel_at = j->cancel_ms ? start_at + j->cancel_ms : INT64_MAX;
    for (;;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        int64_t now = sco_mono_ms(), next = cancel_at < kill_at ? cancel_at : kill_at;
        int n = poll(&p, 1, next > now ? (int)(next - now) : 0);
        now = sco_mono_ms();
        if (now >= cancel_at) {
            cancel_at = INT64_MAX;
            (void)!sco_frame_send(fd, SCO_MSG_CANCEL, SCO_STR("{}"), NULL);
        }
        r->killed = now >= kill_at;
        if (r->killed || r->broken) {
            kill(-pid, SIGKILL);
            break;
        }
        if (n <= 0)
            continue;
        ssize_t got = read(fd, bytes, sizeof bytes);
        if (got <= 0)
            break;
        if (sco_frames_feed(&f, sco_str_make(bytes, (size_t)got), NULL) < 0 || !take_all(r, &f))
            r->broken = true;
    }
    sco_frames_done(&f);
}

/* ---- all ---- */

static void collect_end(pid_t pid, struct drive_result *r)
{
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    r->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    r->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    if (!r->status[0]) {
        snprintf(r->status, sizeof r->status, "died");
        snprintf(r->reason, sizeof r->reason, "exit %d signal %d", r->exit_code, r->signal);
    }
}

bool drive(const struct drive_job *j, struct drive_result *ret)
{
    char work[1100], cache[1100];
    pid_t pid;
    memset(ret, 0, sizeof *ret);
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    snprintf(work, sizeof work, "%s/work", drive_dir());
    snprintf(cache, sizeof cache, "%s/cache", drive_dir());
    if (sco_fs_mkdirs(work, 0700, NULL) < 0 || sco_fs_mkdirs(cache, 0700, NULL) < 0)
        return false;
    SCO_AUTO(sco_buf) struct sco_buf job = {0};
    put_job(j, work, cache, &job);
    int64_t started = sco_mono_ms();
    int fd = start(&pid);
    if (fd < 0)
        return false;
    if (sco_frame_send(fd, SCO_MSG_JOB, sco_buf_str(&job), NULL) == 0)
        listen_to(j, fd, pid, ret);
    close(fd);
    collect_end(pid, ret);
    ret->duration_ms = sco_mono_ms() - started;
    ret->left = sco_exec_reap_all();
    ret->files_left = sco_fs_remove_tree(work);
    return true;
}
