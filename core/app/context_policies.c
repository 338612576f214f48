/* What commands need for policies: packs, keys, waivers, gates. */
#include "cli_priv.h"

#include <secureops/packs.h>

static const char **texts_of(struct cli *c, const struct sco_str_list *from)
{
    const char **v = sco_arena_alloc(&c->arena, (from->n + 1) * sizeof *v);
    for (size_t i = 0; v && i < from->n; i++)
        v[i] = from->v[i].p;
    return v;
}

/* A file with waivers that lies in the scanned folder is not taken by itself: the change under test
 * could waive what it brings (docs/adr/0009). But it should be known that it is there. */
void context_mention_waivers(const struct cli *c)
{
    static const char usual[] = ".secureops/waivers.yaml";
    const struct sco_str_list *given = &c->config->policies.waivers;
    if (given->n || args_has(c, ARG_QUIET) || !sco_fs_is_file(usual))
        return;
    fprintf(stderr, "secureops: %s is not used: accept it with --waivers %s\n", usual, usual);
}

int context_policies(struct cli *c, struct sco_error *err)
{
    const struct sco_str_list *waivers = &c->config->policies.waivers;
    int r = packs_find(c->config, &c->arena, &c->policy_dirs, err);
    if (r < 0)
        return r;
    c->gates = texts_of(c, &c->config->gate.policies);
    const char **files = texts_of(c, waivers);
    if (!c->gates || !files)
        return sco_error_nomem(err);
    return waivers->n ? sco_waivers_load(files, sco_now_ms(), &c->waivers, err) : 0;
}

static int on_record(void *user, struct sco_str kind, struct sco_str json)
{
    (void)user;
    (void)kind;
    (void)json;
    return 0;
}

int context_check_gates(struct cli *c, struct sco_error *err)
{
    struct sco_policy_request q = {.command = "gate", .policies = (const char *const *)c->gates};
    struct sco_policy_outcome o = {0};
    if (!c->gates[0])
        return 0;
    int r = sco_engine_policies(c->engine, &q, on_record, NULL, &o, err);
    if (r == 0 && o.status != SCO_RUN_STATUS_COMPLETED)
        r = sco_error_set(err, o.code ? o.code : SCO_E_INVALID, "%s",
                          o.reason ? o.reason : "the gates cannot be used");
    sco_policy_outcome_done(&o);
    return r;
}
