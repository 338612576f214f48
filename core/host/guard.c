/* Ends that the job does not choose: a plugin that calls exit(), one that crashes, one that is
 * still busy when its deadline and the grace after it have passed, an engine that died. In each
 * case the descendants go first, and the engine gets a last word where one can be said. The
 * engine's SIGKILL stays the real limit.
 *
 * The signal handlers make system calls only: the plugin may have been interrupted in malloc. */
#include "host_priv.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

enum { GRACE_MS = 3000, ALT_STACK = 64 << 10 };

static struct sco_worker *guarded; /* of this process */
static char last_word[256];        /* what the handler of the deadline sends, up to the count */
static size_t last_word_n;

static void on_exit_called(void)
{
    if (!guarded)
        return;
    struct sco_worker *w = guarded;
    guarded = NULL;
    sco_exec_reap_all();
    sco_cgroup_close();
    sco_worker_abandon(w, SCO_E_INTERNAL, "failed", "the plugin called exit()");
}

/* Not _exit(): before a call that does not return, AddressSanitizer calls malloc, whose lock what
 * was interrupted may hold. */
static void leave_handler(void)
{
    syscall(SYS_exit_group, 0);
}

static void on_deadline(int signal)
{
    struct sco_worker *w = guarded;
    (void)signal;
    sco_exec_reap_all();
    sco_cgroup_close();
    if (w && !w->sending && !w->done) {
        char digits[24], text[sizeof last_word + sizeof digits];
        size_t n = 0, at = last_word_n;
        uint64_t count = w->sent;
        do
            digits[n++] = (char)('0' + count % 10);
        while (count /= 10);
        memcpy(text, last_word, at);
        while (n)
            text[at++] = digits[--n];
        text[at++] = '}';
        (void)!sco_frame_send(w->fd, SCO_MSG_DONE, sco_str_make(text, at), NULL);
    }
    leave_handler();
}

static void arm_deadline(const struct sco_worker *w)
{
    struct sigaction sa = {.sa_handler = on_deadline, .sa_flags = SA_ONSTACK};
    int64_t ms = w->job->timeout_ms + GRACE_MS;
    struct itimerval t = {.it_value = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000}};
    int n = snprintf(
        last_word, sizeof last_word,
        "{\"status\":\"timeout\",\"reason\":\"did not end within its deadline of %lld.%lld s\","
        "\"code\":%d,\"exit_code\":null,\"version\":null,\"findings\":",
        (long long)(w->job->timeout_ms / 1000), (long long)(w->job->timeout_ms % 1000 / 100),
        SCO_E_TIMEOUT);
    last_word_n = n > 0 ? (size_t)n : 0;
    sigfillset(&sa.sa_mask);
    sigaction(SIGALRM, &sa, NULL);
    setitimer(ITIMER_REAL, &t, NULL);
}

/* The engine is gone (parent-death signal): nobody else would end what the scanner started. */
static void on_orphaned(int signal)
{
    (void)signal;
    sco_exec_reap_all();
    sco_cgroup_close();
    leave_handler();
}

static void catch_orphaned(void)
{
    struct sigaction sa = {.sa_handler = on_orphaned, .sa_flags = SA_ONSTACK};
    sigfillset(&sa.sa_mask);
    sigaction(SIGTERM, &sa, NULL);
}

#ifndef SCO_SANITIZED /* the sanitizers have handlers of their own, with a report */
static void on_crash(int signal)
{
    sco_exec_reap_all();
    sco_cgroup_close();
    raise(signal); /* the handler is gone: it ends the process when this one returns */
}

static void catch_crashes(void)
{
    static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS, SIGTRAP};
    static char stack[ALT_STACK]; /* the plugin may have used up its own */
    stack_t alt = {.ss_sp = stack, .ss_size = sizeof stack};
    struct sigaction sa = {.sa_handler = on_crash, .sa_flags = SA_ONSTACK | (int)SA_RESETHAND};
    sigaltstack(&alt, NULL);
    for (size_t i = 0; i < SCO_ARRAY_LEN(signals); i++)
        sigaction(signals[i], &sa, NULL);
}
#else
static void catch_crashes(void)
{
}
#endif

int sco_worker_guard(struct sco_worker *w, struct sco_error *err)
{
    static bool registered;
    if (!registered && atexit(on_exit_called) != 0)
        return sco_error_nomem(err);
    registered = true;
    guarded = w;
    catch_crashes();
    catch_orphaned();
    if (w->job->timeout_ms)
        arm_deadline(w);
    return 0;
}

void sco_worker_unguard(void)
{
    struct itimerval off = {0};
    setitimer(ITIMER_REAL, &off, NULL);
    guarded = NULL;
    sco_cgroup_close();
}
