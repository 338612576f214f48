/* The operations of CI plugins, by number and by name. */
#include "plug_priv.h"

static const char *const names[SCO_CI_OPS] = {
    "verify", "translate", "trigger",   "status",  "cancel", "rerun",     "rollback",
    "logs",   "artifacts", "configure", "publish", "poll",   "credential"};

const char *sco_ci_op_name(size_t i)
{
    return i < SCO_CI_OPS ? names[i] : NULL;
}

sco_ci_fn sco_ci_op(const struct sco_ci *c, size_t op)
{
    const sco_ci_fn v[SCO_CI_OPS] = {
        NULL,    NULL,         c->trigger,   c->status,  c->cancel, c->rerun,     c->rollback,
        c->logs, c->artifacts, c->configure, c->publish, c->poll,   c->credential};
    return op < SCO_CI_OPS ? v[op] : NULL;
}

bool sco_ci_has(const struct sco_ci *c, size_t op)
{
    return op == 0 ? c->verify != NULL : op == 1 ? c->translate != NULL : sco_ci_op(c, op) != NULL;
}
