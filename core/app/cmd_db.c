/* secureops db migrate | backup PATH | verify | retention: care of the store. */
#include "cli_priv.h"

static int migrate(struct sco_store *s, struct sco_error *err)
{
    uint32_t from = 0;
    int r = sco_store_migrate(s, &from, err);
    if (r < 0)
        return r;
    uint32_t to = sco_store_program_version(s);
    if (from == to)
        printf("%s has schema %u already\n", sco_store_where(s), to);
    else
        printf("%s: schema %u to %u\n", sco_store_where(s), from, to);
    return 0;
}

static int backup(struct cli *c, struct sco_store *s, struct sco_error *err)
{
    int r = sco_store_backup(s, c->operands[1], err);
    if (r == 0)
        printf("%s: a copy is in %s\n", sco_store_where(s), c->operands[1]);
    return r;
}

static int verify(struct sco_store *s, struct sco_error *err)
{
    uint64_t findings = 0, scans = 0;
    int r = sco_store_verify(s, &findings, &scans, err);
    if (r == 0)
        printf("%s is sound: %llu findings, %llu scans\n", sco_store_where(s),
               (unsigned long long)findings, (unsigned long long)scans);
    return r;
}

static int duration(struct cli *c, int id, const char *option, int64_t def, int64_t *ret,
                    struct sco_error *err)
{
    *ret = def;
    if (!args_has(c, id))
        return 0;
    if (sco_parse_duration(sco_str_c(c->values[id]), ret) < 0 || *ret <= 0)
        return sco_error_set(err, SCO_E_INVALID, "%s: expected a time as 90d, got \"%s\"", option,
                             c->values[id]);
    return 0;
}

static int retention(struct cli *c, struct sco_store *s, struct sco_error *err)
{
    enum { DAY_MS = 24 * 3600 * 1000, SCANS_DAYS = 730 };
    struct sco_store_retention keep = {.now = sco_now_ms()};
    int r =
        duration(c, ARG_KEEP_SCANS, "--scans", (int64_t)SCANS_DAYS * DAY_MS, &keep.scans_ms, err);
    if (r == 0)
        r = duration(c, ARG_KEEP_RESOLVED, "--resolved", 0, &keep.resolved_ms, err);
    if (r == 0)
        r = sco_store_retain(s, &keep, err);
    if (r == 0)
        printf("%s: %llu scans and %llu resolved findings removed\n", sco_store_where(s),
               (unsigned long long)keep.scans, (unsigned long long)keep.resolved);
    return r;
}

int cmd_db(struct cli *c)
{
    struct sco_error err = {0};
    struct sco_store *s = NULL;
    const char *what = c->n_operands ? c->operands[0] : "";
    bool is_migrate = strcmp(what, "migrate") == 0, is_backup = strcmp(what, "backup") == 0;
    bool is_verify = strcmp(what, "verify") == 0;
    size_t wants = is_backup ? 2 : 1;
    int r = 0;
    if (!is_migrate && !is_backup && !is_verify && strcmp(what, "retention") != 0)
        r = sco_error_set(&err, SCO_E_INVALID,
                          "\"secureops db\" wants migrate, backup PATH, verify or retention");
    else if (c->n_operands != wants)
        r = sco_error_set(&err, SCO_E_INVALID, "usage: secureops db %s%s", what,
                          is_backup ? " PATH" : "");
    if (r == 0) /* what is old can be copied before it is migrated */
        r = context_open_store(c, is_migrate, is_migrate || is_backup, &s, &err);
    if (r == 0)
        r = is_migrate  ? migrate(s, &err)
            : is_backup ? backup(c, s, &err)
            : is_verify ? verify(s, &err)
                        : retention(c, s, &err);
    sco_store_close(s);
    if (r == SCO_E_FORMAT && is_verify) {
        context_fail(&err);
        return EXIT_GATE;
    }
    return r < 0 ? context_fail(&err) : EXIT_PASSED;
}
