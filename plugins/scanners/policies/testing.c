/* The cases of the packs, run in the sandbox that a scan has; and which lines they reached. */
#include "policies_priv.h"

static int on_case(void *user, const struct sco_policy_case_result *c)
{
    struct policies *p = user;
    struct sco_json_out o = record_begin(p);
    sco_json_kz(&o, "file_path", c->file_path);
    sco_json_ki64(&o, "line_number", c->line);
    sco_json_kz(&o, "policy", c->policy);
    sco_json_kz(&o, "name", c->name);
    sco_json_kbool(&o, "passed", c->passed);
    sco_json_kz(&o, "message", c->message);
    sco_json_ki64(&o, "ns", c->ns);
    sco_json_end(&o, '}');
    int r = record_send(p, "case");
    return r < 0 ? r : p->host->cancelled(p->host) ? SCO_E_CANCELLED : 0;
}

static int on_coverage(void *user, const struct sco_policy_coverage *c)
{
    struct policies *p = user;
    struct sco_json_out o = record_begin(p);
    sco_json_kz(&o, "file_path", c->file_path);
    sco_json_ki64(&o, "lines", c->lines);
    sco_json_ki64(&o, "covered", c->covered);
    sco_json_ki64(&o, "branches", c->branches);
    sco_json_ki64(&o, "branches_taken", c->branches_taken);
    sco_json_key(&o, "missed");
    sco_json_begin(&o, '[');
    for (const uint32_t *line = c->missed; line && *line; line++)
        sco_json_i64(&o, *line);
    sco_json_end(&o, ']');
    sco_json_end(&o, '}');
    return record_send(p, "coverage");
}

int run_test(struct policies *p, struct sco_error *err)
{
    int r = policies_load(p, NULL, err);
    if (r == 0)
        r = policies_choose(p, err);
    if (r == 0)
        r = tell_bundles(p);
    if (r == 0)
        r = sco_policies_test(p->set, on_case, p, err);
    if (r == 0 && p->request.coverage)
        r = sco_policies_coverage(p->set, on_coverage, p, err);
    return r;
}
