/* The sandbox of a job: which folders may be written to, and how it is stated in HELLO. */
#include "host_priv.h"

#include <stdlib.h>
#include <unistd.h>

/* The job's folders; a coverage build also writes its counters. */
static const char *const *writable(const struct sco_worker_job *j, struct sco_arena *arena)
{
    size_t n = 0;
    while (j->write[n])
        n++;
    const char **v = sco_arena_alloc(arena, (n + 4) * sizeof *v);
    if (!v)
        return NULL;
    if (n)
        memcpy(v, j->write, n * sizeof *v);
    if (j->work_dir)
        v[n++] = j->work_dir;
    if (j->cache_dir)
        v[n++] = j->cache_dir;
#ifdef SCO_COVERAGE_DIR
    v[n++] = SCO_COVERAGE_DIR;
#endif
    return v;
}

/* What the worker itself writes, such as a copy of a report that came through a pipe. */
static int enter_work_dir(const struct sco_worker_job *j, struct sco_error *err)
{
    const char *dir = j->work_dir ? j->work_dir : "/";
    if (chdir(dir) < 0)
        return sco_error_set(err, SCO_E_IO, "cannot enter %s", dir);
    if (j->work_dir && setenv("TMPDIR", j->work_dir, 1) < 0)
        return sco_error_nomem(err);
    return 0;
}

static void state(struct sco_buf *b, const char *text)
{
    if (b->n)
        sco_buf_addz(b, ", ");
    sco_buf_addz(b, text);
}

int sco_worker_confine(const struct sco_worker_job *j, struct sco_buf *ret, struct sco_error *err)
{
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    SCO_AUTO(sco_buf) struct sco_buf has = {0}, lacks = {0};
    const char *const *write = writable(j, &arena);
    int r = write ? enter_work_dir(j, err) : sco_error_nomem(err), abi = 0;
    if (r < 0)
        return r;
    bool group = (j->kind == SCO_JOB_SCAN || j->kind == SCO_JOB_VERSION) && sco_cgroup_open();
    r = j->landlock ? sco_sandbox_landlock(write, &abi, err) : 1;
    if (r < 0 && r != SCO_E_UNSUPPORTED)
        return r;
    if (r == 0)
        sco_buf_addf(&has, "landlock %d", abi);
    else
        state(&lacks, r > 0 ? "landlock is switched off" : "the kernel has no landlock");
    r = j->seccomp ? sco_sandbox_seccomp(err) : 1;
    if (r < 0 && r != SCO_E_UNSUPPORTED)
        return r;
    if (r == 0)
        state(&has, "seccomp");
    else
        state(&lacks, r > 0 ? "seccomp is switched off" : "the kernel has no seccomp");
    if (group)
        state(&has, "cgroup");
    sco_buf_addz(ret, has.n ? sco_buf_z(&has) : "none");
    if (lacks.n)
        sco_buf_addf(ret, "%s %s", has.n ? ";" : ":", sco_buf_z(&lacks));
    return sco_buf_check(ret, err);
}
