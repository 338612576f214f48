/* Signals of the command line. SIGINT, SIGTERM and SIGHUP stop the engine: the first gently, the
 * second at once. The third, and any while there is no engine (a report is being written), end the
 * program as if they were not caught. */
#include "cli_priv.h"

#include <signal.h>

enum { CATCH_MAX = 2 };

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
    signal(number, SIG_DFL);
    raise(number); /* it is blocked here, and ends the program when this returns */
}

void signals_watch(struct sco_engine *e)
{
    struct sigaction sa = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    engine = e;
    sigemptyset(&sa.sa_mask);
    for (size_t i = 0; i < SCO_ARRAY_LEN(numbers); i++)
        sigaddset(&sa.sa_mask, numbers[i]);
    for (size_t i = 0; i < SCO_ARRAY_LEN(numbers); i++) {
        struct sigaction was;
        if (sigaction(numbers[i], NULL, &was) == 0 && was.sa_handler != SIG_IGN) /* nohup */
            sigaction(numbers[i], &sa, NULL);
    }
    signal(SIGPIPE, SIG_IGN);
}

void signals_release(void)
{
    engine = NULL;
}
