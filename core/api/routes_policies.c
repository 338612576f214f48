/* Routes: policies, infrastructure code, compliance, waivers. */
#include "content_priv.h"

enum { ARGS_MAX = 16 };

static bool is_id(const char *z)
{
    size_t n = strlen(z);
    if (!n || n > 128 || *z == '-')
        return false;
    for (; *z; z++)
        if (!((*z >= 'a' && *z <= 'z') || (*z >= 'A' && *z <= 'Z') || (*z >= '0' && *z <= '9') ||
              strchr("._-:@*?,", *z)))
            return false;
    return true;
}

/* The program's own JSON is the reply. */
static int pass_on(struct api_call *c, const char **argv, size_t n, const char *what,
                   struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf out = {0};
    int status = 0;
    int r = api_policy_packs(c, argv, &n, err);
    if (r == 0)
        r = api_run_json(c, NULL, argv, 1u << 0, what, &out, &status, err);
    if (r == 0)
        sco_json_raw(&c->out, sco_buf_str(&out));
    return r;
}

static int add_query(struct api_call *c, const char *name, const char *option, const char **argv,
                     size_t *n, struct sco_error *err)
{
    const char *v = api_query(c, name);
    char pointer[20];
    if (!v)
        return 0;
    snprintf(pointer, sizeof pointer, "?%s", name);
    if (!is_id(v))
        return api_fault(c, err, pointer, "ids by commas");
    argv[(*n)++] = option;
    argv[(*n)++] = v;
    return 0;
}

static int policy_list(struct api_call *c, struct sco_error *err)
{
    const char *argv[ARGS_MAX] = {"policy", "list", "--format", "json"};
    size_t n = 4;
    int r = add_query(c, "framework", "--framework", argv, &n, err);
    if (r == 0)
        r = add_query(c, "policy", "--policy", argv, &n, err);
    return r < 0 ? r
                 : pass_on(c, argv, n,
                           "the policies could not be listed: is there a policy or framework of "
                           "this name?",
                           err);
}

static int policy_show(struct api_call *c, struct sco_error *err)
{
    const char *id = c->params[0];
    const char *argv[ARGS_MAX] = {"policy", "show", id, "--format", "json"};
    if (!is_id(id) || strpbrk(id, "*?,"))
        return sco_error_set(err, SCO_E_NOT_FOUND, "there is no policy %s", id);
    int r = pass_on(c, argv, 5, "", err);
    return r < 0 && c->status == 422 ? api_problem(c, 404, err, "there is no policy %s", id) : r;
}

static int framework_list(struct api_call *c, struct sco_error *err)
{
    const char *argv[ARGS_MAX] = {"compliance", "list", "--format", "json"};
    return pass_on(c, argv, 4, "the frameworks could not be listed", err);
}

#define V1 "/api/v1"

const struct api_route api_routes_policies[] = {
    {"POST", V1 "/iac/scan", SCO_ACT_READ, SCO_RES_SECURITY, API_OWN_TX, api_iac_scan},
    {"GET", V1 "/iac/policies", SCO_ACT_READ, SCO_RES_SECURITY, 0, policy_list},
    {"POST", V1 "/iac/policies", SCO_ACT_CREATE, SCO_RES_SECURITY,
     API_UPLOAD | API_ANY_BODY | API_OWN_TX, api_policy_upload},
    {"GET", V1 "/iac/policies/packs", SCO_ACT_READ, SCO_RES_SECURITY, 0, api_policy_pack_list},
    {"DELETE", V1 "/iac/policies/packs/{name}", SCO_ACT_DELETE, SCO_RES_SECURITY, API_OWN_TX,
     api_policy_remove},
    {"GET", V1 "/iac/policies/{id}", SCO_ACT_READ, SCO_RES_SECURITY, 0, policy_show},
    {"GET", V1 "/iac/compliance", SCO_ACT_READ, SCO_RES_COMPLIANCE, 0, api_compliance_list},
    {"GET", V1 "/iac/compliance/frameworks", SCO_ACT_READ, SCO_RES_COMPLIANCE, 0, framework_list},
    {"GET", V1 "/iac/compliance/attestations", SCO_ACT_READ, SCO_RES_COMPLIANCE, 0,
     api_attestation_list},
    {"POST", V1 "/iac/compliance/attestations", SCO_ACT_CREATE, SCO_RES_COMPLIANCE, 0,
     api_attestation_create},
    {"GET", V1 "/iac/compliance/{framework}", SCO_ACT_READ, SCO_RES_COMPLIANCE, 0,
     api_compliance_get},
    {"GET", V1 "/iac/compliance/{framework}/history", SCO_ACT_READ, SCO_RES_COMPLIANCE, 0,
     api_compliance_history},
    {"GET", V1 "/iac/compliance/{framework}/report", SCO_ACT_READ, SCO_RES_COMPLIANCE, 0,
     api_compliance_report},
    {"GET", V1 "/waivers", SCO_ACT_READ, SCO_RES_SECURITY, 0, api_waiver_list},
    {"POST", V1 "/waivers", SCO_ACT_CREATE, SCO_RES_SECURITY, API_OWN_TX, api_waiver_create},
    {"DELETE", V1 "/waivers/{id}", SCO_ACT_DELETE, SCO_RES_SECURITY, API_OWN_TX, api_waiver_delete},
    {0},
};
