/* What is scanned, as the API has it; and whose queue and findings these are. */
#include "remote.h"

static const char *kind_of(const char **location)
{
    if (strncmp(*location, "image:", 6) == 0) {
        *location += 6;
        return "image";
    }
    if (strncmp(*location, "url:", 4) == 0) {
        *location += 4;
        return "url";
    }
    return **location == '/' ? "directory" : "repository";
}

int target_kind(const char **location, const char **ret, struct sco_error *err)
{
    const char *kind = kind_of(location);
    struct sco_str at = sco_str_c(*location);
    if (!at.n || at.p[0] == '-' ||
        (strcmp(kind, "repository") == 0 && !sco_str_contains(at, "://") &&
         !strchr(*location, '@')))
        return sco_error_set(err, SCO_E_INVALID,
                             "a target is a repository's URL, an absolute folder, image:NAME or "
                             "url:URL, not \"%s\"",
                             *location);
    *ret = kind;
    return 0;
}

void target_names_json(struct sco_json_out *o, const char *key, struct sco_str list)
{
    struct sco_str one;
    sco_json_key(o, key);
    sco_json_begin(o, '[');
    while (sco_str_split(&list, ',', &one))
        sco_json_str(o, sco_str_trim(one));
    sco_json_end(o, ']');
}

int context_open_either(struct cli *c, bool create, const char *const *flags,
                        struct sco_store **ret, struct sco_error *err)
{
    if (!remote_wanted(c))
        return context_open_store(c, create, false, ret, err);
    int r = remote_check_flags(c, flags, err);
    if (r == 0)
        r = context_load_config(c, err);
    return r == 0 ? remote_open(c, &(struct remote_options){0}, &c->remote, err) : r;
}
