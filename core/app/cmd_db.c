/* secureops db migrate | backup PATH | restore PATH | verify | retention | export STORE | import
 * STORE: care of the store. Events are left to the daemon, which knows who reads them. */
#include "db_priv.h"

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
    uint32_t version = 0;
    int r = sco_store_version(s, &version, err);
    if (r == 0 && !version)
        r = sco_error_set(err, SCO_E_NOT_FOUND, "%s holds no store yet", sco_store_where(s));
    if (r == 0)
        r = db_backup(c, s, c->operands[1], err);
    if (r == 0)
        printf("%s: a copy is in %s\n", sco_store_where(s), c->operands[1]);
    return r;
}

static int restore(struct cli *c, struct sco_error *err)
{
    const char *where = NULL;
    int r = context_where(c, &where, err);
    if (r == 0)
        r = db_restore(c, where, c->operands[1], err);
    if (r == 0)
        printf("%s is back in the store\n", c->operands[1]);
    return r;
}

/* export: from ours into the other one; import: the other way. */
static int copy(struct cli *c, bool import, struct sco_error *err)
{
    struct sco_store *ours = NULL, *other = NULL;
    struct sco_store_options o = {.where = c->operands[1], .create = !import};
    uint64_t rows = 0;
    int r = context_open_store(c, import, false, &ours, err);
    if (r == 0)
        r = sco_store_open(&o, &other, err);
    if (r == 0)
        r = sco_store_copy(import ? other : ours, import ? ours : other, &rows, err);
    if (r == 0)
        printf("%llu rows from %s to %s\n", (unsigned long long)rows,
               sco_store_where(import ? other : ours), sco_store_where(import ? ours : other));
    sco_store_close(other);
    sco_store_close(ours);
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
    const struct sco_config_retention *f = &c->config->retention;
    struct sco_store_keep keep = {.now = sco_now_ms(),
                                  .keep_ms = {[SCO_KEEP_AUDIT] = f->audit,
                                              [SCO_KEEP_EXECUTIONS] = f->executions,
                                              [SCO_KEEP_SCANS] = f->scans,
                                              [SCO_KEEP_ARTIFACTS] = f->artifacts,
                                              [SCO_KEEP_RESOLVED] = f->resolved,
                                              [SCO_KEEP_ALERTS] = f->alerts,
                                              [SCO_KEEP_DELIVERIES] = f->deliveries,
                                              [SCO_KEEP_ACTIVITY] = f->activity}};
    int64_t *ms = keep.keep_ms;
    int r = duration(c, ARG_KEEP_SCANS, "--scans", f->scans, &ms[SCO_KEEP_SCANS], err);
    if (r == 0)
        r = duration(c, ARG_KEEP_RESOLVED, "--resolved", f->resolved, &ms[SCO_KEEP_RESOLVED], err);
    if (r == 0)
        r = sco_store_retain_all(s, &keep, err);
    if (r < 0)
        return r;
    printf("%s: removed", sco_store_where(s));
    for (unsigned i = 0; i < SCO_KEEP_MAX_; i++)
        if (keep.keep_ms[i])
            printf("%s %llu %s", i ? "," : "", (unsigned long long)keep.removed[i],
                   sco_keep_name((enum sco_keep)i));
    printf("\n");
    return 0;
}

enum verb { MIGRATE, BACKUP, RESTORE, VERIFY, RETENTION, EXPORT, IMPORT, VERB_MAX };
static const struct {
    const char *name, *operand;
} verbs[VERB_MAX] = {
    [MIGRATE] = {"migrate", NULL},     [BACKUP] = {"backup", "PATH"},
    [RESTORE] = {"restore", "PATH"},   [VERIFY] = {"verify", NULL},
    [RETENTION] = {"retention", NULL}, [EXPORT] = {"export", "STORE"},
    [IMPORT] = {"import", "STORE"},
};

static int find_verb(const struct cli *c, enum verb *ret, struct sco_error *err)
{
    const char *what = c->n_operands ? c->operands[0] : "";
    unsigned v = 0;
    while (v < VERB_MAX && strcmp(verbs[v].name, what) != 0)
        v++;
    if (v == VERB_MAX)
        return sco_error_set(err, SCO_E_INVALID,
                             "\"secureops db\" wants migrate, backup PATH, restore PATH, verify, "
                             "retention, export STORE or import STORE");
    if (c->n_operands != (verbs[v].operand ? 2u : 1u))
        return sco_error_set(err, SCO_E_INVALID, "usage: secureops db %s%s%s", what,
                             verbs[v].operand ? " " : "", verbs[v].operand ? verbs[v].operand : "");
    if (args_has(c, ARG_ENCRYPT_KEY) && v != BACKUP && v != RESTORE)
        return sco_error_set(err, SCO_E_INVALID, "--encrypt-key is for backup and restore");
    *ret = (enum verb)v;
    return 0;
}

static int with_store(struct cli *c, enum verb v, struct sco_error *err)
{
    struct sco_store *s = NULL;
    /* what is old can be copied before it is migrated */
    int r = context_open_store(c, v == MIGRATE, v == MIGRATE || v == BACKUP, &s, err);
    if (r == 0)
        r = v == MIGRATE  ? migrate(s, err)
            : v == BACKUP ? backup(c, s, err)
            : v == VERIFY ? verify(s, err)
                          : retention(c, s, err);
    sco_store_close(s);
    return r;
}

int cmd_db(struct cli *c)
{
    struct sco_error err = {0};
    enum verb v = VERB_MAX;
    int r = find_verb(c, &v, &err);
    if (r == 0)
        r = v == RESTORE                 ? restore(c, &err)
            : v == EXPORT || v == IMPORT ? copy(c, v == IMPORT, &err)
                                         : with_store(c, v, &err);
    if (r == SCO_E_FORMAT && v == VERIFY) {
        context_fail(&err);
        return EXIT_GATE;
    }
    return r < 0 ? context_fail(&err) : EXIT_PASSED;
}
