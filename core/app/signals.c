/* Signals of the command line. SIGINT, SIGTERM and SIGHUP stop the engine: the first gently, the
 * second at once. The third, and any while there is no engine (a report is being written), end the
 * program as if they were not caught. */
#include "cli_priv.h"

#include <signal.h>

enum { CATCH_MAX = 2 };

static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};

static struct sco_engine *volatile engine;
static volatile sig_atomic_t caught;

static void on_signal(int number)
{
    struct sco_engine *e = engine;
    if (e && caught < CATCH_MAX) {
        caught++;
        sco_engine_cancel(e);
        return;
    }
    sco_report_abandon();
    signal(number, SIG_DFL);
    raise(number); /* it is blocked here, and ends the program when this returns */
}

static void fill_set(sigset_t *set)
{
    sigemptyset(set);
    for (size_t i = 0; i < SCO_ARRAY_LEN(numbers); i++)
        sigaddset(set, numbers[i]);
}

void signals_watch(struct sco_engine *e)
{
    struct sigaction sa = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    engine = e;
    fill_set(&sa.sa_mask);
    for (size_t i = 0; i < SCO_ARRAY_LEN(numbers); i++) {
        struct sigaction was;
        if (sigaction(numbers[i], NULL, &was) == 0 && was.sa_handler != SIG_IGN) /* nohup */
            sigaction(numbers[i], &sa, NULL);
    }
    signal(SIGPIPE, SIG_IGN);
}

struct sco_engine *signals_release(struct sco_engine *e)
{
    sigset_t set;
    fill_set(&set);
    sigprocmask(SIG_BLOCK, &set, NULL); /* they must not leave its temporary files behind */
    engine = NULL;
    sco_engine_free(e);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    return NULL;
}
