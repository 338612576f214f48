/* What the worker gives up before it loads anything: privileges that an exec could bring, inherited
 * limits, its independence from the engine. Landlock and seccomp are in files of their own. */
#include "exec_priv.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILES_MAX = 8192 }; /* Java and Node want thousands, no scanner needs more */

static void lower_limit(int resource, rlim_t to)
{
    struct rlimit l;
    if (getrlimit(resource, &l) < 0)
        return;
    if (l.rlim_max == RLIM_INFINITY || l.rlim_max > to)
        l.rlim_max = to;
    l.rlim_cur = l.rlim_max;
    setrlimit(resource, &l); /* lowering is always allowed */
}

int sco_sandbox_process(int64_t parent_pid, struct sco_error *err)
{
    static const struct {
        int option;
        unsigned long value;
        const char *name;
    } steps[] = {
        {PR_SET_NO_NEW_PRIVS, 1, "no_new_privs"},
        {PR_SET_PDEATHSIG, SIGTERM, "the parent-death signal"}, /* leaves time to reap: guard.c */
        {PR_SET_CHILD_SUBREAPER, 1, "the subreaper"},
    };
    for (size_t i = 0; i < SCO_ARRAY_LEN(steps); i++)
        if (prctl(steps[i].option, steps[i].value, 0, 0, 0) < 0)
            return sco_error_errno(err, errno, "cannot set %s", steps[i].name);
    if (getppid() != parent_pid) /* it died before the signal was asked for */
        return sco_error_set(err, SCO_E_CANCELLED, "the engine is gone");
    lower_limit(RLIMIT_CORE, 0); /* memory may hold secrets */
    lower_limit(RLIMIT_NOFILE, FILES_MAX);
    umask(077);
    signal(SIGPIPE, SIG_IGN);
    return 0;
}
