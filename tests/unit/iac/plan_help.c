#include "plan_help.h"

const struct sco_iac_doc *plan_load(struct plan_set *f, const char *text)
{
    sco_iac_set_done(&f->set);
    sco_buf_clear(&f->text);
    for (; *text; text++)
        sco_buf_addc(&f->text, *text == '\'' ? '"' : *text);
    int r = sco_iac_add_text(&f->set, sco_buf_str(&f->text), "plan.json",
                             SCO_IAC_FORMAT_TERRAFORM_PLAN, 0, &f->err);
    if (r != 1)
        fail_msg("%d documents: %s", r, f->err.text);
    return &f->set.docs[0];
}

const struct sco_iac_doc *plan_entries(struct plan_set *f, const char *changes,
                                       const char *configuration)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    sco_buf_addf(&b,
                 "{'format_version':'1.2','terraform_version':'1.9.5','resource_changes':[%s],"
                 "'configuration':{'root_module':{%s}}}",
                 changes, configuration);
    return plan_load(f, sco_buf_z(&b));
}

void plan_done(struct plan_set *f)
{
    sco_iac_set_done(&f->set);
    sco_buf_done(&f->text);
    sco_buf_done(&f->shown);
}

static void show(struct sco_buf *b, const struct sco_iac_node *v)
{
    if (v->flags & SCO_IAC_SENSITIVE)
        sco_buf_addc(b, '!');
    switch (v->type) {
    case SCO_IAC_NULL:
        sco_buf_addz(b, "null");
        break;
    case SCO_IAC_BOOL:
        sco_buf_addz(b, v->i ? "true" : "false");
        break;
    case SCO_IAC_INT:
        sco_buf_add_i64(b, v->i);
        break;
    case SCO_IAC_REAL:
        sco_buf_addf(b, "%.17g", v->real);
        break;
    case SCO_IAC_STR:
        sco_buf_addf(b, "%s%s%s", v->flags & SCO_IAC_DIGITS ? "#" : "'", v->text,
                     v->flags & SCO_IAC_DIGITS ? "" : "'");
        break;
    case SCO_IAC_UNKNOWN:
        sco_buf_addc(b, '?');
        break;
    default:
        sco_buf_addc(b, v->type == SCO_IAC_MAP ? '{' : '[');
        for (uint32_t i = 0; i < v->n; i++) {
            if (i)
                sco_buf_addc(b, ',');
            if (v->type == SCO_IAC_MAP)
                sco_buf_addf(b, "%s:", v->member[i].key);
            show(b, v->type == SCO_IAC_MAP ? &v->member[i].value : &v->item[i]);
        }
        sco_buf_addc(b, v->type == SCO_IAC_MAP ? '}' : ']');
    }
}

const char *plan_show(struct plan_set *f, const struct sco_iac_node *v)
{
    sco_buf_clear(&f->shown);
    if (v)
        show(&f->shown, v);
    else
        sco_buf_addz(&f->shown, "absent");
    return sco_buf_z(&f->shown);
}

const struct sco_iac_resource *plan_find(const struct plan_set *f, const char *name)
{
    for (size_t i = 0; i < f->set.n_resources; i++)
        if (strcmp(f->set.resources[i].name, name) == 0)
            return &f->set.resources[i];
    return NULL;
}

const char *plan_value(struct plan_set *f, const char *resource, const char *path)
{
    const struct sco_iac_resource *r = plan_find(f, resource);
    if (!r)
        fail_msg("no resource %s", resource);
    return plan_show(f, sco_iac_path(r->node, path));
}

void assert_status(const struct sco_iac_doc *d, enum sco_iac_status status, const char *in_reason)
{
    assert_string_equal(sco_iac_status_name(d->status), sco_iac_status_name(status));
    if (!in_reason) {
        assert_null(d->reason);
        return;
    }
    assert_non_null(d->reason);
    if (!strstr(d->reason, in_reason))
        fail_msg("\"%s\" is not in \"%s\"", in_reason, d->reason);
}
