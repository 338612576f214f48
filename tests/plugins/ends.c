/* Plugins that load and then end badly: crash, hang, exit. */
#include "bad.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static inline void crash(void)
{
    volatile int *volatile p = NULL; /* the compiler must neither know nor care */
    *p = 1;
}

static inline void wait_for_ever(void)
{
    for (;;)
        pause();
}

#if defined(SIN_STACK)
static volatile int for_ever = 1;
static int deeper(volatile char *above)
{
    volatile char here[4096];
    here[0] = (char)(above ? above[0] + 1 : 0);
    return (for_ever ? deeper(here) : 0) + here[0];
}
#endif

#if defined(SIN_CRASH_LOAD)
__attribute__((constructor)) static void on_load(void)
{
    crash();
}
#elif defined(SIN_HANG_LOAD)
__attribute__((constructor)) static void on_load(void)
{
    wait_for_ever();
}
#endif

/* What run and parse do. */
static inline int work(void *ctx, struct sco_errbuf *e)
{
    (void)e;
    bad_emit(ctx, "ONE", 1);
    bad_emit(ctx, "TWO", 2);
#if defined(SIN_CRASH_RUN)
    crash();
#elif defined(SIN_ABORT)
    abort();
#elif defined(SIN_STACK)
    return deeper(NULL);
#elif defined(SIN_HANG)
    wait_for_ever();
#elif defined(SIN_HANG_DEAF)
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    wait_for_ever();
#elif defined(SIN_SPIN)
    for (volatile unsigned i = 0;; i++)
        ;
#elif defined(SIN_EXIT)
    exit(0);
#elif defined(SIN_EXIT_HARD)
    _exit(0);
#elif defined(SIN_RESULT)
    return 42;
#elif defined(SIN_SILENT_FAILURE)
    return SCO_E_TOOL;
#elif defined(SIN_FORK)
    (void)!fork(); /* both go on and both return */
#endif
    return 0;
}

static inline int run(void *ctx, const struct sco_job *job, struct sco_errbuf *e)
{
    (void)job;
    return work(ctx, e);
}

static inline int parse(void *ctx, const struct sco_input *in, struct sco_errbuf *e)
{
    (void)in;
    return work(ctx, e);
}

static inline uint32_t sniff(const struct sco_probe *p)
{
#if defined(SIN_CRASH_SNIFF)
    crash();
#endif
    return bad_is(p, SIN_NAME);
}

static inline int open_badly(void *ctx, const struct sco_host *host, struct sco_errbuf *e)
{
    bad_open(ctx, host, e);
#if defined(SIN_CRASH_OPEN)
    crash();
#elif defined(SIN_FAIL_OPEN)
    return sco_errf(e, SCO_E_INVALID, "no licence was found");
#endif
    return 0;
}

static inline void close_badly(void *ctx)
{
    (void)ctx;
#if defined(SIN_CRASH_CLOSE)
    crash();
#endif
}

BAD_SCANNER(run, parse, sniff);
BAD_DESCRIPTOR(SIN_NAME, .open = open_badly, .close = close_badly)
