/* Requests to the plugin `policies` that are no scans: evaluating files, listing, testing. Each is
 * a worker like that of a scanner, with the same isolation and deadline. */
#include "engine_priv.h"

#include <unistd.h>

enum { POLICY_TIMEOUT_MS = 600 * 1000, PARTS_MAX = 65 };

int policies_plugin(struct sco_engine *e, const struct sco_plugin_info **ret, struct sco_error *err)
{
    const struct sco_plugins *plugins;
    int r = sco_engine_plugins(e, &plugins, err);
    if (r < 0)
        return r;
    *ret = plugins_find(plugins, POLICIES_PLUGIN);
    if (!*ret)
        return sco_error_set(err, SCO_E_INTERNAL,
                             "the plugin " POLICIES_PLUGIN " is not installed: there is nothing "
                             "that could judge policies");
    if ((*ret)->error)
        return sco_error_set(err, SCO_E_INTERNAL, "the plugin " POLICIES_PLUGIN ": %s",
                             (*ret)->error);
    return 0;
}

int policies_message(struct sco_engine *e, const struct sco_plugin_info *p, struct sco_str request,
                     struct sco_buf *out, int64_t *ret_timeout_ms, const char **ret_dir,
                     struct sco_arena *arena, struct sco_error *err)
{
    static unsigned serial; /* of the jobs of this process: each has a folder of its own */
    static const char *const none[] = {NULL};
    SCO_AUTO(sco_buf) struct sco_buf options = {0};
    SCO_AUTO(sco_free) char *here = sco_fs_realpath(".", err);
    struct sco_target target = {
        .given = ".", .path = here, .kinds = SCO_TARGET_DIRECTORY, .excludes = none};
    int64_t configured = 0;
    struct message m = {.engine = e,
                        .kind = "scan",
                        .plugins = &p->library,
                        .n_plugins = 1,
                        .target = &target,
                        .target_kind = SCO_TARGET_DIRECTORY,
                        .files = none,
                        .request = request,
                        .cpus = 1};
    const char *name = sco_arena_fmt(arena, "policies-%u", serial++);
    if (!name)
        return sco_error_nomem(err);
    int r = here ? engine_make_dir(e, name, &m.work_dir, arena, err) : SCO_E_IO;
    if (r == 0 && e->o.scanner_options)
        r = e->o.scanner_options(e->o.user, p, true, &options, &configured, err);
    if (r < 0)
        return r;
    m.cache_dir = m.work_dir;
    m.options = sco_buf_str(&options);
    m.timeout_ms = configured > 0         ? configured
                   : e->o.timeout_ms > 0  ? e->o.timeout_ms
                   : p->scanner.timeout_s ? (int64_t)p->scanner.timeout_s * 1000
                                          : POLICY_TIMEOUT_MS;
    *ret_timeout_ms = m.timeout_ms;
    *ret_dir = m.work_dir;
    return message_write(&m, out, err);
}

/* One part, or shares for the policies of one resource and all files for the others. */
static size_t make_parts(const struct sco_engine *e, const struct policy_files *files,
                         const char *input, struct policy_part *parts)
{
    size_t ends[PARTS_MAX], n = 1, from = 0;
    uint64_t *sizes = files->n ? sco_alloc(files->n, sizeof *sizes) : NULL;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    parts[0] = (struct policy_part){.files = files->v, .n_files = files->n, .input = input};
    if (!sizes)
        return 1;
    for (size_t i = 0; i < files->n; i++)
        sizes[i] = policy_file_size(files->v[i].path);
    size_t jobs = e->o.jobs > 0 ? (size_t)e->o.jobs : cores > 0 ? (size_t)cores : 1;
    n = policy_shares_cut(sizes, files->n, jobs, ends);
    free(sizes);
    if (n == 1)
        return 1;
    for (size_t i = 0; i < n; i++) {
        parts[i] = (struct policy_part){
            .files = files->v + from, .n_files = ends[i] - from, .scope = "resource"};
        from = ends[i];
    }
    parts[n] = (struct policy_part){.files = files->v, .n_files = files->n, .scope = "project"};
    return n + 1;
}

int sco_engine_policies(struct sco_engine *e, const struct sco_policy_request *q,
                        sco_policy_record_fn fn, void *user, struct sco_policy_outcome *ret,
                        struct sco_error *err)
{
    const struct sco_plugin_info *p = NULL;
    struct policy_files files = {0};
    struct policy_part parts[PARTS_MAX];
    *ret = (struct sco_policy_outcome){0};
    int r = policies_plugin(e, &p, err);
    if (r == 0 && q->paths)
        r = policy_files_collect(e, p, q->paths, &files, err);
    ret->n_files = files.n;
    if (r == 0)
        r = policy_shares_run(e, q, parts, make_parts(e, &files, q->input, parts), fn, user, ret,
                              err);
    if (r == 0 && files.cut)
        ret->reason =
            policy_shares_join(&ret->arena, &ret->status, ret->reason, SCO_RUN_STATUS_INCOMPLETE,
                               sco_arena_cstr(&ret->arena, sco_str_c(files.cut)));
    policy_files_done(&files);
    if (r < 0)
        sco_policy_outcome_done(ret);
    return r;
}

void sco_engine_set_gates(struct sco_engine *e, const char *const *gates)
{
    e->o.gates = gates;
}

void sco_engine_set_scanners(struct sco_engine *e, const char *const *scanners)
{
    e->o.scanners = scanners;
}

void sco_policy_outcome_done(struct sco_policy_outcome *o)
{
    sco_arena_done(&o->arena);
    *o = (struct sco_policy_outcome){0};
}
