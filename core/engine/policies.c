/* Jobs of the plugin `policies` that are no scans: evaluating files, listing, testing. Each is a
 * worker like that of a scanner, with the same isolation and deadline. */
#include "engine_priv.h"

enum { POLICY_TIMEOUT_MS = 600 * 1000 };

struct asking {
    struct sco_engine *e;
    sco_policy_record_fn fn;
    void *user;
    struct sco_policy_outcome *ret;
    int stopped; /* what fn returned */
    bool ended;
};

static void on_record(struct sco_str kind, struct sco_str json, void *user)
{
    struct asking *a = user;
    if (!a->stopped)
        a->stopped = a->fn(a->user, kind, json);
}

static void on_frame(struct job *j, enum sco_msg type, struct sco_str payload, void *user)
{
    struct asking *a = user;
    (void)type;
    (void)payload;
    if (a->stopped)
        job_kill(j);
}

static void on_end(struct job *j, void *user)
{
    struct asking *a = user;
    a->ret->status = j->status;
    a->ret->code = j->code;
    if (j->reason)
        a->ret->reason = sco_arena_cstr(&a->ret->arena, sco_str_c(j->reason));
    a->ended = true;
}

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
                     struct sco_buf *out, int64_t *ret_timeout_ms, struct sco_arena *arena,
                     struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf options = {0};
    SCO_AUTO(sco_free) char *here = sco_fs_realpath(".", err);
    struct sco_target target = {.given = ".", .path = here, .kinds = SCO_TARGET_DIRECTORY};
    static const char *const none[] = {NULL};
    int64_t configured = 0;
    target.excludes = none;
    struct message m = {.engine = e,
                        .kind = "scan",
                        .plugins = &p->library,
                        .n_plugins = 1,
                        .target = &target,
                        .target_kind = SCO_TARGET_DIRECTORY,
                        .files = none,
                        .request = request,
                        .cpus = 1};
    const char *tmp;
    int r = here ? engine_make_dir(e, "policies/tmp", &tmp, arena, err) : SCO_E_IO;
    if (r == 0)
        r = engine_make_dir(e, "policies", &m.work_dir, arena, err);
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
    return message_write(&m, out, err);
}

static int ask(struct asking *a, const struct sco_plugin_info *p,
               const struct sco_policy_request *q, const struct policy_part *part,
               struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf request = {0}, message = {0};
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    struct job_spec spec = {.frame = on_frame, .record = on_record, .end = on_end, .user = a};
    int r = policy_request_write(a->e, q, part, &request, err);
    if (r == 0)
        r = policies_message(a->e, p, sco_buf_str(&request), &message, &spec.timeout_ms, &arena,
                             err);
    spec.message = sco_buf_str(&message);
    if (r == 0)
        r = engine_run_job(a->e, &spec, &a->ended, err);
    if (r == 0 && a->stopped)
        r = sco_error_set(err, a->stopped, "a record could not be taken");
    return r;
}

int sco_engine_policies(struct sco_engine *e, const struct sco_policy_request *q,
                        sco_policy_record_fn fn, void *user, struct sco_policy_outcome *ret,
                        struct sco_error *err)
{
    const struct sco_plugin_info *p = NULL;
    struct policy_files files = {0};
    *ret = (struct sco_policy_outcome){0};
    struct asking a = {.e = e, .fn = fn, .user = user, .ret = ret};
    int r = policies_plugin(e, &p, err);
    if (r == 0 && q->paths)
        r = policy_files_collect(e, p, q->paths, &files, err);
    struct policy_part part = {.files = files.v, .n_files = files.n};
    ret->n_files = files.n;
    if (r == 0)
        r = ask(&a, p, q, &part, err);
    if (r == 0 && files.cut && ret->status == SCO_RUN_STATUS_COMPLETED) {
        ret->status = SCO_RUN_STATUS_INCOMPLETE;
        ret->reason = sco_arena_cstr(&ret->arena, sco_str_c(files.cut));
    }
    policy_files_done(&files);
    if (r < 0)
        sco_policy_outcome_done(ret);
    return r;
}

void sco_engine_set_gates(struct sco_engine *e, const char *const *gates)
{
    e->o.gates = gates;
}

void sco_policy_outcome_done(struct sco_policy_outcome *o)
{
    sco_arena_done(&o->arena);
    *o = (struct sco_policy_outcome){0};
}
