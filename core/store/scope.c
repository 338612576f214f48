/* Which branches belong to repositories that somebody may see. Globs are matched here, not by the
 * database: it has few branches, many findings, and other patterns. */
#include "store_priv.h"

struct matching {
    const char *const *globs;
    struct sco_buf *out;
};

static int on_branch(void *user, const struct store_value *v, size_t n)
{
    struct matching *m = user;
    (void)n;
    for (size_t i = 0; m->globs[i]; i++) {
        if (!sco_glob_match(m->globs[i], v[1].s))
            continue;
        sco_buf_add_i64(m->out, v[0].i);
        sco_buf_addc(m->out, ',');
        break;
    }
    return m->out->failed ? SCO_E_NOMEM : 0;
}

int store_scope(struct sco_store *s, const char *const *globs, struct sco_buf *out,
                struct sco_error *err)
{
    struct matching m = {.globs = globs, .out = out};
    sco_buf_addc(out, ',');
    int r = store_query(s, "SELECT pk, repository FROM branches", NULL, 0, on_branch, &m, err);
    return r == SCO_E_NOMEM ? sco_error_nomem(err) : r;
}
