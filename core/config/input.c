/* The strongest layer: values that the command line sets before the configuration is loaded. */
#include <secureops/config.h>
#include "config_priv.h"

#include <stdlib.h>

enum { OVERRIDES_MAX = 10000 };

/* One to three names with dots between: output, scan.jobs, scanners.trivy.timeout. */
static bool good_path(const char *path)
{
    struct sco_str rest = sco_str_c(path), part;
    size_t parts = 0;
    while (sco_str_split(&rest, '.', &part)) {
        if (!part.n || ++parts > 3)
            return false;
        for (size_t i = 0; i < part.n; i++)
            if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789_-", part.p[i]))
                return false;
    }
    return true;
}

static int push(struct sco_config_input *in, const char *path, const char *value,
                const char *origin, bool add, struct sco_error *err)
{
    if (strlen(path) > 256 || !good_path(path))
        return sco_error_set(err, SCO_E_INVALID,
                             "%s: \"%.80s\" is no option; write SECTION.NAME, as in scan.jobs",
                             origin, path);
    if (in->n_overrides >= OVERRIDES_MAX)
        return sco_error_set(err, SCO_E_LIMIT, "%s: more than %d options", origin, OVERRIDES_MAX);
    struct sco_config_override o = {.path = sco_arena_cstr(&in->arena, sco_str_c(path)),
                                    .value = sco_arena_cstr(&in->arena, sco_str_c(value)),
                                    .origin = sco_arena_cstr(&in->arena, sco_str_c(origin)),
                                    .add = add};
    if (!o.path || !o.value || !o.origin ||
        SCO_VEC_PUSH(in->overrides, in->n_overrides, in->cap_overrides) < 0)
        return sco_error_nomem(err);
    in->overrides[in->n_overrides++] = o;
    return 0;
}

int sco_config_set(struct sco_config_input *in, const char *path, const char *value,
                   const char *origin, struct sco_error *err)
{
    return push(in, path, value, origin, false, err);
}

int sco_config_add(struct sco_config_input *in, const char *path, const char *value,
                   const char *origin, struct sco_error *err)
{
    return push(in, path, value, origin, true, err);
}

void sco_config_input_done(struct sco_config_input *in)
{
    free(in->overrides);
    sco_arena_done(&in->arena);
    *in = (struct sco_config_input){0};
}
