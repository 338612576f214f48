/* What there is: bundles, policies, frameworks, as records. */
#include "policies_priv.h"

/* {"cis-kubernetes":["5.2.2"]}: the controls of one framework stand together. */
static void write_frameworks(struct sco_json_out *o, const struct sco_policy *p)
{
    sco_json_key(o, "frameworks");
    sco_json_begin(o, '{');
    for (size_t i = 0; i < p->n_controls; i++) {
        bool seen = false;
        for (size_t k = 0; k < i && !seen; k++)
            seen = strcmp(p->controls[k].framework, p->controls[i].framework) == 0;
        if (seen)
            continue;
        sco_json_key(o, p->controls[i].framework);
        sco_json_begin(o, '[');
        for (size_t k = i; k < p->n_controls; k++)
            if (strcmp(p->controls[k].framework, p->controls[i].framework) == 0)
                sco_json_str(o, sco_str_c(p->controls[k].control));
        sco_json_end(o, ']');
    }
    sco_json_end(o, '}');
}

static int tell_policy(struct policies *p, const struct sco_policy *x)
{
    struct sco_json_out o = record_begin(p);
    sco_json_kz(&o, "id", x->id);
    sco_json_kz(&o, "title", x->title);
    sco_json_kz(&o, "severity", sco_severity_name(severity_of(p, x)));
    record_texts(&o, "applies_to", x->applies_to);
    write_frameworks(&o, x);
    record_texts(&o, "aliases", x->aliases);
    sco_json_kz(&o, "description", x->description);
    sco_json_kz(&o, "remediation", x->remediation);
    record_texts(&o, "links", x->links);
    sco_json_key(&o, "cwe");
    sco_json_begin(&o, '[');
    for (size_t i = 0; i < x->n_cwe; i++)
        sco_json_i64(&o, x->cwe[i]);
    sco_json_end(&o, ']');
    sco_json_kz(&o, "scope", x->project ? "project" : "resource");
    sco_json_kbool(&o, "default", x->enabled);
    sco_json_kz(&o, "kind", x->workflow ? "workflow" : "policy");
    sco_json_key(&o, "params");
    sco_json_raw(&o, sco_str_c(x->params && *x->params ? x->params : "{}"));
    sco_json_kz(&o, "bundle", x->bundle);
    sco_json_kz(&o, "file_path", x->file_path);
    sco_json_ki64(&o, "line_number", x->line);
    sco_json_kz(&o, "digest", x->digest);
    sco_json_end(&o, '}');
    return record_send(p, "policy");
}

static int tell_framework(struct policies *p, const struct sco_framework *f)
{
    struct sco_json_out o = record_begin(p);
    sco_json_kz(&o, "id", f->id);
    sco_json_kz(&o, "title", f->title);
    sco_json_kz(&o, "version", f->version);
    sco_json_kz(&o, "version_param", f->version_param);
    sco_json_kz(&o, "file_path", f->file_path);
    sco_json_key(&o, "controls");
    sco_json_begin(&o, '[');
    for (size_t i = 0; i < f->n_controls; i++) {
        const struct sco_framework_control *c = &f->controls[i];
        sco_json_begin(&o, '{');
        sco_json_kz(&o, "id", c->id);
        sco_json_kz(&o, "title", c->title);
        sco_json_kz(&o, "description", c->description);
        sco_json_kbool(&o, "manual", c->manual);
        record_texts(&o, "facts", c->facts);
        sco_json_key(&o, "policies");
        sco_json_begin(&o, '[');
        for (const struct sco_policy *const *x = c->policies; x && *x; x++)
            sco_json_str(&o, sco_str_c((*x)->id));
        sco_json_end(&o, ']');
        sco_json_end(&o, '}');
    }
    sco_json_end(&o, ']');
    sco_json_end(&o, '}');
    return record_send(p, "framework");
}

/* The bundles of the loaded policies, each once. */
int tell_bundles(struct policies *p)
{
    int r = 0;
    for (size_t i = 0; i < p->n_list && r == 0; i++) {
        bool seen = false;
        for (size_t k = 0; k < i && !seen; k++)
            seen = p->list[k].bundle == p->list[i].bundle ||
                   strcmp(p->list[k].bundle, p->list[i].bundle) == 0;
        if (seen)
            continue;
        struct sco_json_out o = record_begin(p);
        sco_json_kz(&o, "path", p->list[i].bundle);
        sco_json_kz(&o, "digest", p->list[i].digest);
        sco_json_end(&o, '}');
        r = record_send(p, "bundle");
    }
    return r;
}

int run_list(struct policies *p, struct sco_error *err)
{
    size_t n = 0;
    int r = policies_load(p, NULL, err);
    if (r == 0)
        r = policies_choose(p, err);
    if (r == 0)
        r = tell_bundles(p);
    for (size_t i = 0; i < p->n_list && r == 0; i++)
        if (p->chosen[i])
            r = tell_policy(p, &p->list[i]);
    const struct sco_framework *f = r == 0 ? sco_policies_frameworks(p->set, &n) : NULL;
    for (size_t i = 0; i < n && r == 0; i++)
        r = tell_framework(p, &f[i]);
    return r;
}
