/* secureops policy run: what a workflow would ask for, of an event in a file. Nothing is done. */
#include "policy_priv.h"

struct running {
    bool failed, ran;
};

static int on_record(void *user, struct sco_str kind, struct sco_str json)
{
    struct running *x = user;
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    SCO_AUTO(sco_buf) struct sco_buf line = {0};
    struct sco_json_out o = {.b = &line};
    const struct sco_node *m = NULL;
    if (!sco_str_is(kind, "verdict"))
        return 0;
    int r = sco_json_parse(json, &arena, &m, NULL);
    if (r < 0)
        return r;
    struct sco_str verdict = sco_text(sco_get(m, "verdict"));
    bool passed = sco_str_is(verdict, "pass");
    x->ran |= !sco_str_is(verdict, "not_applicable");
    if (!passed && !sco_str_is(verdict, "not_applicable")) {
        x->failed = true;
        fprintf(stderr, "secureops: ");
        put_text(stderr, sco_text(sco_get(m, "policy")));
        fprintf(stderr, ": ");
        put_text(stderr, sco_text(sco_get(m, "message")));
        fputc('\n', stderr);
        return 0;
    }
    SCO_EACH (a, sco_get(m, "actions")) {
        sco_buf_clear(&line);
        o = (struct sco_json_out){.b = &line};
        sco_json_node(&o, a);
        printf("%s\n", sco_buf_z(&line));
    }
    return line.failed ? SCO_E_NOMEM : 0;
}

/* policy run ID EVENT.json */
int policy_run(struct cli *c)
{
    const char *ids[] = {c->operands[1], NULL};
    struct sco_policy_request q = {.command = "workflow", .policies = ids};
    struct sco_policy_outcome o = {0};
    struct running x = {0};
    struct sco_error err = {0};
    SCO_AUTO(sco_free) char *path = sco_fs_realpath(c->operands[2], &err);
    int status = EXIT_INTERNAL;
    q.input = path;
    int r = path ? policy_ask(c, &q, on_record, &x, &o, &status, &err) : -1;
    sco_policy_outcome_done(&o);
    if (r < 0)
        return context_fail(&err);
    fflush(stdout);
    if (status == EXIT_PASSED && !x.ran)
        fprintf(stderr, "secureops: %s does not run on this event\n", ids[0]);
    return status != EXIT_PASSED ? status : x.failed ? EXIT_GATE : EXIT_PASSED;
}
