/* secureops-worker: one job in a process of its own. Started by the engine with the socket as
 * descriptor SCO_WORKER_FD; never by a person. Order matters: nothing of a job, let alone a plugin,
 * is touched before the process has given up what it does not need. */
#include <secureops/exec.h>
#include <secureops/host.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { EXIT_USAGE = 2, SOCKET_LEAST = 64 };

/* The socket moves out of reach of code that writes to or closes low descriptors; standard output
 * is nobody's, so that what a plugin prints does not end up in a report. */
static int take_descriptors(struct sco_error *err)
{
    int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    int fd = fcntl(SCO_WORKER_FD, F_DUPFD_CLOEXEC, SOCKET_LEAST);
    if (fd < 0)
        return sco_error_errno(err, errno, "descriptor %d is not the engine's socket",
                               SCO_WORKER_FD);
    if (null_fd < 0)
        return sco_error_errno(err, errno, "cannot open /dev/null");
    if (dup2(null_fd, 0) < 0 || dup2(null_fd, 1) < 0 || dup3(null_fd, 3, O_CLOEXEC) < 0)
        return sco_error_errno(err, errno, "cannot open /dev/null");
    syscall(SYS_close_range, 4u, (unsigned)fd - 1, 0u);
    syscall(SYS_close_range, (unsigned)fd + 1, ~0u, 0u);
    return fd;
}

static int read_job(int fd, struct sco_frames *in, struct sco_arena *arena,
                    struct sco_worker_job *ret, struct sco_error *err)
{
    enum sco_msg type;
    struct sco_str payload;
    int r = sco_frames_read(in, fd, &type, &payload, err);
    if (r < 0)
        return r;
    if (r == 0)
        return sco_error_set(err, SCO_E_IO, "the engine sent no job");
    if (type != SCO_MSG_JOB)
        return sco_error_set(err, SCO_E_FORMAT, "the first message is not a job");
    return sco_worker_job_parse(payload, arena, ret, err);
}

/* The result is out: destructors of a plugin must not change or delay it. What a build for tests
 * does at the end is asked for by name. */
_Noreturn static void leave(int status)
{
    extern void __gcov_dump(void) __attribute__((weak));
    extern void __lsan_do_leak_check(void) __attribute__((weak));
    if (__gcov_dump)
        __gcov_dump();
    if (__lsan_do_leak_check) {
        signal(SIGTERM, SIG_DFL); /* a handler within the check would wait for the check's locks */
        __lsan_do_leak_check();
    }
    _exit(status);
}

static int fail(const struct sco_error *err)
{
    fprintf(stderr, "secureops-worker: %s\n", err->text);
    return EXIT_USAGE;
}

/* What fails before the plugin is a failed job too. */
static void perform(struct sco_worker *w, const struct sco_worker_job *job)
{
    SCO_AUTO(sco_buf) struct sco_buf sandbox = {0};
    struct sco_error err = {0};
    int r = sco_worker_confine(job, &sandbox, &err);
    if (r == 0)
        r = sco_worker_guard(w, &err);
    if (r < 0) {
        sco_worker_hello(w, "none: not set up");
        sco_worker_abandon(w, r, "failed", err.text);
        return;
    }
    sco_worker_hello(w, sco_buf_z(&sandbox));
    sco_worker_perform(w);
    sco_worker_unguard();
}

int main(int argc, char **argv)
{
    struct sco_error err = {0};
    struct sco_arena arena = {0};
    struct sco_frames in = {0};
    struct sco_worker_job job;
    pid_t parent = getppid();
    if (argc > 1) {
        fprintf(stderr, "usage: %s\nIt is started by secureops and does one job.\n", argv[0]);
        return EXIT_USAGE;
    }
    int fd = sco_sandbox_process(parent, &err) < 0 ? -1 : take_descriptors(&err);
    if (fd < 0 || read_job(fd, &in, &arena, &job, &err) < 0)
        return fail(&err);
    struct sco_worker *worker = sco_worker_new(fd, &in, &job, &err);
    if (!worker)
        return fail(&err);
    perform(worker, &job);
    sco_worker_free(worker);
    sco_frames_done(&in);
    sco_arena_done(&arena);
    leave(0);
}
