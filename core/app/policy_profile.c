/* secureops policy profile: where the time goes. */
#include "policy_priv.h"

struct row {
    const char *id;
    int64_t evaluations, instructions, ns;
};

struct profile {
    struct cli *cli;
    struct row *rows;
    size_t n, cap;
    size_t documents;
};

static int on_record(void *user, struct sco_str kind, struct sco_str json)
{
    struct profile *p = user;
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    const struct sco_node *m = NULL;
    p->documents += sco_str_is(kind, "document");
    if (!sco_str_is(kind, "policy"))
        return 0;
    int r = sco_json_parse(json, &arena, &m, NULL);
    if (r < 0)
        return r;
    for (size_t i = 0; i < p->n; i++) { /* of another share of the files */
        struct row *x = &p->rows[i];
        if (!sco_str_is(sco_text(sco_get(m, "id")), x->id))
            continue;
        x->evaluations += sco_int(sco_get(m, "evaluations"), 0);
        x->instructions += sco_int(sco_get(m, "instructions"), 0);
        x->ns += sco_int(sco_get(m, "ns"), 0);
        return 0;
    }
    if (SCO_VEC_PUSH(p->rows, p->n, p->cap) < 0)
        return SCO_E_NOMEM;
    p->rows[p->n++] = (struct row){.id = sco_arena_cstr(&p->cli->arena, sco_text(sco_get(m, "id"))),
                                   .evaluations = sco_int(sco_get(m, "evaluations"), 0),
                                   .instructions = sco_int(sco_get(m, "instructions"), 0),
                                   .ns = sco_int(sco_get(m, "ns"), 0)};
    return p->rows[p->n - 1].id ? 0 : SCO_E_NOMEM;
}

static int slowest_first(const void *pa, const void *pb)
{
    const struct row *a = pa, *b = pb;
    int c = (a->ns < b->ns) - (a->ns > b->ns);
    return c ? c : strcmp(a->id, b->id);
}

static void print(const struct profile *p, bool json)
{
    int64_t ns = 0, evaluations = 0;
    if (json)
        printf("{\"version\":\"1\",\"policies\":[");
    else
        printf("%-38s %12s %12s %14s %10s\n", "POLICY", "TIME", "EVALUATIONS", "INSTRUCTIONS",
               "NS EACH");
    for (size_t i = 0; i < p->n; i++) {
        const struct row *x = &p->rows[i];
        ns += x->ns;
        evaluations += x->evaluations;
        if (json)
            printf("%s\n{\"policy\":\"%s\",\"ns\":%lld,\"evaluations\":%lld,\"instructions\":%lld}",
                   i ? "," : "", x->id, (long long)x->ns, (long long)x->evaluations,
                   (long long)x->instructions);
        else if (x->evaluations)
            printf("%-38s %9.3f ms %12lld %14lld %10lld\n", x->id, (double)x->ns / 1e6,
                   (long long)x->evaluations, (long long)x->instructions,
                   (long long)(x->ns / x->evaluations));
    }
    if (json)
        printf("\n],\"documents\":%zu,\"evaluations\":%lld,\"ns\":%lld}\n", p->documents,
               (long long)evaluations, (long long)ns);
    else
        printf("%zu documents, %lld evaluations in %.3f ms\n", p->documents, (long long)evaluations,
               (double)ns / 1e6);
}

int policy_profile(struct cli *c)
{
    struct profile p = {.cli = c};
    struct sco_policy_request q = {.command = "profile"};
    struct sco_policy_outcome o = {0};
    struct sco_error err = {0};
    size_t format = 0;
    int status = EXIT_INTERNAL;
    const char **paths = sco_arena_alloc(&c->arena, (c->n_operands + 1) * sizeof *paths);
    int r = paths ? policy_format(c, "table,json", &format, &err) : sco_error_nomem(&err);
    if (r == 0)
        r = policy_list_arg(c, ARG_POLICY, &q.policies, &err);
    if (r == 0)
        r = policy_list_arg(c, ARG_FRAMEWORK, &q.frameworks, &err);
    if (r == 0 && paths) {
        memcpy(paths, c->operands + 1, (c->n_operands - 1) * sizeof *paths);
        q.paths = paths;
        r = policy_ask(c, &q, on_record, &p, &o, &status, &err);
    }
    if (r == 0 && status != EXIT_USAGE) {
        if (p.n)
            qsort(p.rows, p.n, sizeof *p.rows, slowest_first);
        print(&p, format == 1);
    }
    free(p.rows);
    sco_policy_outcome_done(&o);
    return r < 0 ? context_fail(&err) : status;
}
