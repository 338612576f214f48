/* What a check read, a line each: "/spec/containers/0/image = \"nginx\"". Secrets are not shown. */
#include "policy_priv.h"
#include <secureops/json.h>

static void add_value(struct sco_buf *b, const struct sco_iac_node *v)
{
    struct sco_json_out o = {.b = b};
    if (!v) {
        sco_buf_addz(b, "nil");
        return;
    }
    if (v->flags & SCO_IAC_SENSITIVE) {
        sco_buf_addz(b, "(sensitive)");
        return;
    }
    switch (v->type) {
    case SCO_IAC_BOOL:
        sco_buf_addz(b, v->i ? "true" : "false");
        break;
    case SCO_IAC_INT:
        sco_buf_add_i64(b, v->i);
        break;
    case SCO_IAC_REAL:
        sco_buf_addf(b, "%.14g", v->real);
        break;
    case SCO_IAC_STR:
        sco_json_str(&o, sco_str_make(v->text, v->n < 100 ? v->n : 100));
        sco_buf_addz(b, v->n > 100 ? "..." : "");
        break;
    case SCO_IAC_LIST:
    case SCO_IAC_MAP:
        sco_buf_addf(b, "(%s of %u)", sco_iac_type_name(v->type), v->n);
        break;
    default:
        sco_buf_addf(b, "(%s)", sco_iac_type_name(v->type));
    }
}

void pl_trace(struct sco_policies *p, const struct sco_iac_node *in, struct sco_str key,
              const struct sco_iac_node *v)
{
    if (!p->run.resource || ++p->run.n_trace_lines > PL_TRACE_MAX)
        return;
    struct sco_buf *b = &p->trace;
    if (p->run.n_trace_lines == PL_TRACE_MAX) {
        sco_buf_addz(b, "...\n");
        return;
    }
    if (in->doc == UINT32_MAX)
        sco_buf_addz(b, "params");
    else if (!sco_iac_pointer(p->docs->docs[p->run.resource->doc].root, in, b))
        sco_buf_addz(b, "(elsewhere)");
    struct pl_step step = {.key = key, .index = key.n ? (uint32_t)key.n - 1 : 0};
    if (key.p && !v && !pl_may_show(p, key)) /* a secret that was asked for as a name */
        sco_buf_addz(b, "/(withheld)");
    else
        pl_path_show(b, &step, 1);
    sco_buf_addz(b, " = ");
    add_value(b, v);
    sco_buf_addc(b, '\n');
}
