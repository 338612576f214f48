/* What a stage, and a scan within it, are told. */
#include "runner_pipeline.h"

#include <stdlib.h>
#include <unistd.h>

static void variable(struct sco_json_out *o, const char *name, const char *value)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    sco_buf_addf(&b, "%s=%s", name, value ? value : "");
    if (b.failed)
        o->b->failed = true;
    else
        sco_json_str(o, sco_buf_str(&b));
}

static void write_inputs(struct sco_json_out *o, const struct sco_node *inputs)
{
    for (const struct sco_node *m = inputs ? inputs->child : NULL; m; m = m->next) {
        SCO_AUTO(sco_buf) struct sco_buf name = {0}, value = {0};
        sco_buf_addz(&name, "SECUREOPS_INPUT_");
        for (size_t i = 0; i < m->key.n; i++) {
            char c = m->key.p[i];
            sco_buf_addc(&name, c >= 'a' && c <= 'z' ? (char)(c - 32) : c);
        }
        sco_buf_add(&value, sco_text(m));
        variable(o, sco_buf_z(&name), sco_buf_z(&value));
    }
}

static void write_env(const struct pipeline_job *p, const struct stage_run *s,
                      struct sco_json_out *o)
{
    const struct sco_pipeline_stage *st = &p->def.stages[s->i];
    const struct sco_stored_execution *x = p->x;
    SCO_AUTO(sco_buf) struct sco_buf home = {0}, tmp = {0}, attempt = {0};
    const char *path = getenv("PATH");
    sco_buf_addf(&home, "%s/home", s->dir);
    sco_buf_addf(&tmp, "%s/tmp", s->dir);
    sco_buf_addf(&attempt, "%u", s->attempt);
    sco_json_key(o, "env");
    sco_json_begin(o, '[');
    variable(o, "PATH", path && *path ? path : "/usr/local/bin:/usr/bin:/bin");
    variable(o, "HOME", sco_buf_z(&home));
    variable(o, "TMPDIR", sco_buf_z(&tmp));
    variable(o, "LANG", "C.UTF-8");
    variable(o, "CI", "true");
    for (const char *const *e = st->env; *e; e++)
        sco_json_str(o, sco_str_c(*e));
    variable(o, "SECUREOPS", "true");
    variable(o, "SECUREOPS_EXECUTION_ID", x->id);
    variable(o, "SECUREOPS_PIPELINE", x->name);
    variable(o, "SECUREOPS_STAGE", st->name);
    variable(o, "SECUREOPS_ATTEMPT", sco_buf_z(&attempt));
    variable(o, "SECUREOPS_REPOSITORY", x->clone_url);
    variable(o, "SECUREOPS_BRANCH", x->branch);
    variable(o, "SECUREOPS_TAG", x->ref);
    variable(o, "SECUREOPS_COMMIT_SHA", x->commit_sha);
    variable(o, "SECUREOPS_EVENT", x->event);
    variable(o, "SECUREOPS_ACTOR", x->triggered_by);
    variable(o, "SECUREOPS_ENVIRONMENT", st->environment);
    write_inputs(o, sco_get(p->asked, "inputs"));
    sco_json_end(o, ']');
}

static int write_secrets(const struct pipeline_job *p, const struct stage_run *s,
                         struct sco_json_out *o, struct sco_error *err)
{
    sco_json_key(o, "secrets");
    sco_json_begin(o, '{');
    for (const char *const *name = p->def.stages[s->i].secrets; *name; name++) {
        const struct sco_node *v = sco_get(p->secrets, *name);
        if (!v)
            return sco_error_set(err, SCO_E_NOT_FOUND, "there is no secret %s", *name);
        sco_json_kstr(o, *name, sco_text(v));
    }
    sco_json_end(o, '}');
    return 0;
}

static void write_facts(const struct pipeline_job *p, struct sco_json_out *o)
{
    sco_json_key(o, "facts");
    sco_json_begin(o, '{');
    sco_json_kz(o, "branch", p->x->branch);
    sco_json_kz(o, "tag", p->x->ref);
    sco_json_kz(o, "event", p->x->event);
    sco_json_kz(o, "actor", p->x->triggered_by);
    sco_json_kz(o, "repository", p->x->clone_url);
    sco_json_kz(o, "commit_sha", p->x->commit_sha);
    sco_json_end(o, '}');
}

int pipeline_stage_job(struct pipeline_job *p, const struct stage_run *s, struct sco_buf *ret,
                       struct sco_error *err)
{
    const struct sco_config_pipelines *c = &p->r->cli.config->pipelines;
    struct sco_json_out o = {.b = ret};
    int64_t left = p->deadline ? p->deadline - sco_mono_ms() : 0,
            own = p->def.stages[s->i].timeout_ms;
    sco_json_begin(&o, '{');
    sco_json_kz(&o, "definition", p->request.definition);
    sco_json_ki64(&o, "stage", (int64_t)s->i);
    sco_json_kz(&o, "dir", s->dir);
    sco_json_kz(&o, "source", p->r->checkout.root);
    sco_json_key(&o, "hidden");
    sco_json_begin(&o, '[');
    for (const char *const *h = p->hidden; *h; h++)
        sco_json_str(&o, sco_str_c(*h));
    sco_json_end(&o, ']');
    sco_json_ki64(&o, "timeout_ms", own && (!left || own < left) ? own : left);
    sco_json_ki64(&o, "output_limit", c->output_limit);
    sco_json_ki64(&o, "memory_limit", c->memory_limit);
    sco_json_kbool(&o, "sandbox", p->r->cli.config->scan.sandbox != 0);
    sco_json_ki64(&o, "parent", getpid());
    write_env(p, s, &o);
    write_facts(p, &o);
    int r = write_secrets(p, s, &o, err);
    sco_json_end(&o, '}');
    return r < 0 ? r : sco_buf_check(ret, err);
}

/* The job of another runner, which looks at the stage's folder and saves while this job's lease
 * holds. */
int pipeline_scan_job(struct pipeline_job *p, const struct stage_run *s, size_t step,
                      struct sco_buf *ret, struct sco_error *err)
{
    const struct runner_job *j = &p->r->job;
    struct sco_json_out o = {.b = ret};
    const struct sco_pipeline_stage *st = &p->def.stages[s->i];
    const struct sco_node *more = NULL;
    if (step >= st->n_steps || !st->steps[step].scan)
        return sco_error_set(err, SCO_E_FORMAT, "the stage asks for a scan that it does not have");
    int r = sco_json_parse(sco_str_c(st->steps[step].scan), &p->r->arena, &more, err);
    if (r < 0)
        return r;
    sco_json_begin(&o, '{');
    sco_json_key(&o, "setup");
    sco_json_raw(&o, sco_str_c(j->setup_json));
    sco_json_key(&o, "job");
    sco_json_begin(&o, '{');
    sco_json_kz(&o, "id", j->id);
    sco_json_kz(&o, "kind", "scan");
    sco_json_ki64(&o, "attempt", j->attempt);
    sco_json_kz(&o, "requested_by", j->requested_by);
    sco_json_kz(&o, "correlation_id", j->correlation_id);
    sco_json_kz(&o, "nested", s->scan_dir);
    sco_json_key(&o, "request");
    sco_json_begin(&o, '{');
    sco_json_key(&o, "target");
    sco_json_begin(&o, '{');
    sco_json_kz(&o, "kind", "repository");
    sco_json_kz(&o, "location", p->r->checkout.repository);
    sco_json_end(&o, '}');
    sco_json_kz(&o, "branch", p->x->branch);
    for (const struct sco_node *m = more->child; m; m = m->next) {
        sco_json_key(&o, m->key.p);
        sco_json_node(&o, m);
    }
    sco_json_end(&o, '}');
    sco_json_end(&o, '}');
    sco_json_end(&o, '}');
    return sco_buf_check(ret, err);
}
