/* With whose token code is fetched that an event has named: a token that the integration's plugin
 * makes or has, for that repository. Without one, or when it is refused, the configured one. */
#include "runner_priv.h"

#include <secureops/ci.h>

enum { TIMEOUT_MS = 60000 };

static void on_log(void *user, uint32_t level, struct sco_str line)
{
    runner_log(user, level, "%.*s", SCO_STR_ARG(line));
}

static int ask(struct runner *r, const struct sco_integration *i,
               const struct sco_plugin_info *plugin, struct sco_ci_answer *ret,
               struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf cache = {0};
    /* not the folder of other calls, which may take their time */
    sco_buf_addf(&cache, "%s/ci/%s.credential", r->cli.cache_dir, i->name);
    struct sco_ci_run how = {.worker = r->cli.worker,
                             .library = plugin->library,
                             .cache_dir = sco_buf_z(&cache),
                             .work_dir = r->dir,
                             .options = i->options,
                             .op = "credential",
                             .request = sco_str_c(r->job.request.credential),
                             .timeout_ms = TIMEOUT_MS,
                             .cancel_fd = r->end_fd,
                             .break_after = i->break_after,
                             .break_ms = i->break_ms,
                             .no_sandbox = !r->cli.config->scan.sandbox,
                             .log = on_log,
                             .user = r};
    int e = sco_buf_check(&cache, err);
    if (e == 0)
        e = sco_fs_mkdirs(sco_buf_z(&cache), 0700, err);
    return e == 0 ? sco_ci_run(&how, &r->arena, ret, err) : e;
}

/* What may pass is worth another try of the job; the rest is not. */
static int judge(struct runner *r, const struct sco_ci_answer *a, const char **ret,
                 struct sco_error *err)
{
    const struct sco_node *root = NULL;
    int e = runner_ci_judge(r, a, err);
    if (e < 0 || a->code == SCO_E_UNSUPPORTED)
        return e;
    if (a->code < 0) {
        runner_log(r, SCO_LOG_WARNING, "%s has no credential for the code: %s",
                   r->job.request.integration, a->reason ? a->reason : "the platform gives none");
        return 0;
    }
    e = sco_json_parse(a->result, &r->arena, &root, err);
    struct sco_str token = e == 0 ? sco_text(sco_get(root, "token")) : sco_str_make(NULL, 0);
    if (e == 0 && token.n)
        *ret = sco_arena_cstr(&r->arena, token);
    return e == 0 && token.n && !*ret ? sco_error_nomem(err) : e;
}

int runner_credential(struct runner *r, const char **ret, struct sco_error *err)
{
    const struct runner_request *q = &r->job.request;
    const struct sco_plugin_info *plugin = NULL;
    struct sco_integration with = {0};
    struct sco_ci_answer a = {0};
    *ret = NULL;
    if (!q->credential || q->checkout_secret) /* somebody has chosen another, or none */
        return 0;
    int e = runner_integration(r, q->integration, &with, &plugin, err);
    if (e == SCO_E_NOT_FOUND || (e == 0 && !plugin))
        return 0;
    if (e == 0)
        e = ask(r, &with, plugin, &a, err);
    if (e == 0)
        e = judge(r, &a, ret, err);
    return e < 0 ? sco_error_prefix(err, "credential") : 0;
}
