/* Own pipelines in the daemon. A secret NAME of a pipeline is stored as pipeline.ID.NAME: an id is
 * nobody's choice, so that nobody can name another pipeline's secrets. */
#include "pipelines.h"

#include <secureops/auth.h>
#include <secureops/crypto.h>
#include <secureops/pipeline.h>
#include <secureops/pipeline_start.h>
#include <secureops/store_pipelines.h>

#define SCO_LOG_MODULE "daemon"
#include <secureops/log.h>

/* Name by name, each once. */
static int add_one(struct daemon *d, struct sco_store *s, const char *pipeline, const char *name,
                   struct sco_json_out *out, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf full = {0};
    struct sco_buf value = {0};
    sco_buf_addf(&full, "pipeline.%s.%s", pipeline, name);
    int r = sco_buf_check(&full, err);
    if (r == 0)
        r = sco_auth_secret_get(d->auth, s, sco_buf_z(&full), &value, err);
    if (r == 0)
        sco_json_kstr(out, name, sco_buf_str(&value));
    if (value.p)
        sco_wipe(value.p, value.cap);
    sco_buf_done(&value);
    return r;
}

static bool is_first(const struct sco_pipeline *p, size_t stage, const char *const *name)
{
    for (size_t i = 0; i <= stage; i++)
        for (const char *const *n = p->stages[i].secrets; *n; n++) {
            if (n == name && i == stage)
                return true;
            if (strcmp(*n, *name) == 0)
                return false;
        }
    return true;
}

int pipelines_secrets(struct daemon *d, struct sco_store *s, struct sco_str execution,
                      struct sco_json_out *out, struct sco_error *err)
{
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    struct sco_execution_page page = {0};
    struct sco_pipeline_run run;
    struct sco_pipeline def = {0};
    const char *id = sco_arena_cstr(&arena, execution);
    if (!execution.n) /* of a rule: it becomes one that names its execution */
        return 0;
    int r = id ? sco_store_execution(s, id, &page, err) : sco_error_nomem(err);
    if (r == 0)
        r = sco_store_run(s, id, &arena, &run, err);
    if (r == 0 && run.definition)
        r = sco_pipeline_parse(sco_str_c(run.definition), "definition", &arena, &def, err);
    sco_json_key(out, "pipeline");
    sco_json_begin(out, '{');
    for (size_t i = 0; i < def.n && r == 0; i++)
        for (const char *const *n = def.stages[i].secrets; *n && r == 0; n++)
            if (is_first(&def, i, n))
                r = add_one(d, s, page.v[0].pipeline_id, *n, out, err);
    sco_json_end(out, '}');
    sco_execution_page_done(&page);
    return r;
}

void pipelines_polled(struct sco_store *s, int64_t now)
{
    struct sco_error err = {0};
    uint64_t n = 0;
    if (sco_store_runs_watch(s, now, &n, &err) < 0)
        sco_log_warning("executions of pipelines are not watched: %s", err.text);
    else if (n)
        sco_log_warning("%llu executions of pipelines had lost their job", (unsigned long long)n);
}

void pipelines_due(struct sco_store *s, int64_t now)
{
    struct sco_error err = {0};
    uint64_t n = 0;
    if (sco_pipelines_look(s, now, &n, &err) < 0)
        sco_log_warning("runs at platforms are not looked at: %s", err.text);
}
