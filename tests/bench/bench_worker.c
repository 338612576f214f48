/* From posix_spawn of secureops-worker to its first message, against spawning /bin/true and waiting
 * for it, alternating in one run. The worker gets a describe job without plugins and ends by
 * itself.
 *
 * bench_worker [N]; $SECUREOPS_BUILD is the build folder, else the one above this program. */
#include <secureops/fs.h>
#include <secureops/ipc.h>

#include <spawn.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static const char job[] = "{\"kind\":\"describe\",\"plugins\":[],\"timeout_ms\":10000}";

static int64_t spawn_true(void)
{
    char *argv[] = {(char *)"/bin/true", NULL}, *env[] = {NULL};
    pid_t pid;
    int64_t start = sco_mono_ns();
    if (posix_spawn(&pid, argv[0], NULL, NULL, argv, env) != 0 || waitpid(pid, NULL, 0) < 0)
        return -1;
    return sco_mono_ns() - start;
}

/* Time to HELLO; *ret_whole to the end of the process. */
static int64_t spawn_worker(char *path, int64_t *ret_whole)
{
    int sv[2];
    posix_spawn_file_actions_t actions;
    char *argv[] = {path, NULL}, *env[] = {NULL};
    struct sco_frames in = {0};
    enum sco_msg type;
    struct sco_str payload;
    pid_t pid;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) < 0)
        return -1;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, sv[1], SCO_WORKER_FD);
    int64_t start = sco_mono_ns(), hello = -1;
    int e = posix_spawn(&pid, path, &actions, NULL, argv, env);
    posix_spawn_file_actions_destroy(&actions);
    close(sv[1]);
    if (e == 0 && sco_frame_send(sv[0], SCO_MSG_JOB, sco_str_c(job), NULL) == 0 &&
        sco_frames_read(&in, sv[0], &type, &payload, NULL) == 1 && type == SCO_MSG_HELLO)
        hello = sco_mono_ns() - start;
    if (e == 0)
        waitpid(pid, NULL, 0);
    *ret_whole = sco_mono_ns() - start;
    sco_frames_done(&in);
    close(sv[0]);
    return hello;
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static double ms(const int64_t *v, size_t n, size_t percent)
{
    return (double)v[n * percent / 100] / 1e6;
}

/* bin/secureops-worker of the build folder that this program lies in. */
static char *find_worker(void)
{
    SCO_AUTO(sco_buf) struct sco_buf path = {0};
    SCO_AUTO(sco_free) char *exe = sco_dir_exe();
    const char *build = getenv("SECUREOPS_BUILD");
    if (build)
        sco_buf_addf(&path, "%s/bin/secureops-worker", build);
    else
        sco_buf_addf(&path, "%s/../bin/secureops-worker", exe ? exe : ".");
    return path.failed ? NULL : sco_strdup(sco_buf_str(&path));
}

int main(int argc, char **argv)
{
    int64_t n = 300;
    SCO_AUTO(sco_free) char *worker = find_worker();
    if (argc > 2 || (argc > 1 && sco_parse_i64(sco_str_c(argv[1]), 1, 100000, &n) < 0)) {
        fprintf(stderr, "usage: %s [N]\n", argv[0]);
        return 2;
    }
    SCO_AUTO(sco_free) int64_t *v = calloc((size_t)n * 3, sizeof *v);
    if (!v || !worker)
        return 4;
    int64_t *hello = v + n, *whole = v + 2 * n;
    for (int64_t i = 0; i < n; i++) {
        v[i] = spawn_true();
        hello[i] = spawn_worker(worker, &whole[i]);
        if (v[i] < 0 || hello[i] < 0) {
            fprintf(stderr, "cannot start or talk to %s\n", worker);
            return 4;
        }
    }
    size_t count = (size_t)n;
    for (int i = 0; i < 3; i++)
        qsort(v + i * n, count, sizeof *v, compare);
    printf(
        "worker start to first message: median %.2f ms, p99 %.2f ms; /bin/true %.2f ms, p99 %.2f "
        "ms (%lld of each) [reach: <= 3 ms: %s]\n",
        ms(hello, count, 50), ms(hello, count, 99), ms(v, count, 50), ms(v, count, 99),
        (long long)n, ms(hello, count, 50) <= 3 ? "yes" : "NO");
    printf("worker start to its end: median %.2f ms, p99 %.2f ms\n", ms(whole, count, 50),
           ms(whole, count, 99));
    return 0;
}
