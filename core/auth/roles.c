/* Roles and permissions: the table of docs/security-model.md. */
#include "auth_priv.h"

#define ACT(a) (1u << SCO_ACT_##a)
#define RES(r) (1u << SCO_RES_##r)
enum {
    ALL_ACTIONS = (1 << SCO_ACT_MAX_) - 1,
    ALL_RESOURCES = (1 << SCO_RES_MAX_) - 1,
    WRITE = 1 << SCO_ACT_CREATE | 1 << SCO_ACT_UPDATE,
};

static const char *const actions[] = {"read", "create", "update", "delete", "approve"};
static const char *const resources[] = {
    [SCO_RES_SECURITY] = "security",     [SCO_RES_VULNERABILITIES] = "vulnerabilities",
    [SCO_RES_PIPELINES] = "pipelines",   [SCO_RES_ALERTS] = "alerts",
    [SCO_RES_COMPLIANCE] = "compliance", [SCO_RES_SCAN_RESULTS] = "scan_results",
    [SCO_RES_TESTS] = "tests",           [SCO_RES_ANALYTICS] = "analytics",
    [SCO_RES_REPORTS] = "reports",       [SCO_RES_DASHBOARDS] = "dashboards",
    [SCO_RES_HR_METRICS] = "hr_metrics", [SCO_RES_EVENTS] = "events",
    [SCO_RES_USERS] = "users",           [SCO_RES_AUDIT] = "audit",
    [SCO_RES_SYSTEM] = "system",         [SCO_RES_SELF] = "self",
};
_Static_assert(SCO_ARRAY_LEN(actions) == SCO_ACT_MAX_, "every action has a name");
_Static_assert(SCO_ARRAY_LEN(resources) == SCO_RES_MAX_, "every resource has a name");

struct grant {
    uint32_t actions, resources;
};
static const struct {
    const char *name;
    struct grant v[3];
} roles[] = {
    [SCO_ROLE_ADMIN] = {"admin", {{ALL_ACTIONS, ALL_RESOURCES}}},
    [SCO_ROLE_SECURITY_ENGINEER] = {"security_engineer",
                                    {{ALL_ACTIONS, RES(SECURITY) | RES(VULNERABILITIES)},
                                     {ACT(READ), RES(PIPELINES)}}},
    [SCO_ROLE_SECURITY_ANALYST] = {"security_analyst",
                                   {{ACT(READ), RES(PIPELINES) | RES(ALERTS) |
                                                    RES(VULNERABILITIES) | RES(COMPLIANCE)},
                                    {WRITE, RES(ALERTS)}}},
    [SCO_ROLE_DEVELOPER] = {"developer",
                            {{ACT(READ) | ACT(CREATE), RES(PIPELINES)},
                             {ACT(READ),
                              RES(SECURITY) | RES(ALERTS) | RES(SCAN_RESULTS) | RES(TESTS)},
                             {ACT(READ) | ACT(UPDATE), RES(VULNERABILITIES)}}},
    [SCO_ROLE_MANAGER] = {"manager",
                          {{ACT(READ), ALL_RESOURCES},
                           {ALL_ACTIONS, RES(ANALYTICS) | RES(REPORTS)}}},
    [SCO_ROLE_HR_MANAGER] = {"hr_manager",
                             {{ACT(READ), RES(ANALYTICS) | RES(HR_METRICS)},
                              {ACT(CREATE), RES(REPORTS)}}},
    [SCO_ROLE_VIEWER] = {"viewer", {{ACT(READ), RES(DASHBOARDS) | RES(REPORTS)}}},
};
_Static_assert(SCO_ARRAY_LEN(roles) == SCO_ROLE_MAX_, "every role has its grants");

const char *sco_role_name(uint32_t role)
{
    return role < SCO_ROLE_MAX_ ? roles[role].name : NULL;
}

int sco_roles_parse(struct sco_str text, uint32_t *ret, struct sco_error *err)
{
    struct sco_str one;
    uint32_t bits = 0;
    while (sco_str_split(&text, ',', &one)) {
        uint32_t i = 0;
        one = sco_str_trim(one);
        if (!one.n)
            continue;
        while (i < SCO_ROLE_MAX_ && !sco_str_is(one, roles[i].name))
            i++;
        if (i == SCO_ROLE_MAX_)
            return sco_error_set(err, SCO_E_INVALID, "\"%.*s\" is no role", SCO_STR_ARG(one));
        bits |= 1u << i;
    }
    *ret = bits;
    return 0;
}

/* What cannot be done with a resource is granted to nobody. */
static void grant(struct sco_permissions *p, uint32_t acts, uint32_t on)
{
    for (uint32_t a = 0; a < SCO_ACT_MAX_; a++)
        if (acts & 1u << a)
            p->may[a] |= a == SCO_ACT_APPROVE ? on & RES(PIPELINES) : on;
}

void sco_permissions_of_roles(uint32_t bits, struct sco_permissions *ret)
{
    struct sco_permissions p = {0};
    for (uint32_t i = 0; i < SCO_ROLE_MAX_; i++)
        for (size_t k = 0; bits & 1u << i && k < SCO_ARRAY_LEN(roles[i].v); k++)
            grant(&p, roles[i].v[k].actions, roles[i].v[k].resources);
    *ret = p;
}

/* The bit of a name, all bits for "*"; 0: none. */
static uint32_t bit_of(struct sco_str name, const char *const *names, uint32_t n)
{
    if (sco_str_is(name, "*"))
        return (1u << n) - 1;
    for (uint32_t i = 0; i < n; i++)
        if (sco_str_is(name, names[i]))
            return 1u << i;
    return 0;
}

int sco_permissions_parse(struct sco_str text, struct sco_permissions *ret, struct sco_error *err)
{
    struct sco_permissions p = {0};
    struct sco_str one, rest, action = {0};
    while (sco_str_split(&text, ',', &one)) {
        one = rest = sco_str_trim(one);
        if (!one.n)
            continue;
        uint32_t acts = 0, on = 0;
        if (sco_str_split(&rest, ':', &action) && rest.p) {
            acts = sco_str_is(action, "write") ? WRITE : bit_of(action, actions, SCO_ACT_MAX_);
            on = bit_of(rest, resources, SCO_RES_MAX_);
        } else if (sco_str_is(one, "*")) {
            acts = ALL_ACTIONS;
            on = ALL_RESOURCES;
        }
        bool none = acts == ACT(APPROVE) && !(on & RES(PIPELINES));
        if (!acts || !on || none)
            return sco_error_set(err, SCO_E_INVALID,
                                 "\"%.*s\" is no permission: they are written as "
                                 "read:vulnerabilities",
                                 SCO_STR_ARG(one));
        grant(&p, acts, on);
    }
    *ret = p;
    return 0;
}

void sco_permissions_format(const struct sco_permissions *p, struct sco_buf *out)
{
    bool more = false;
    for (uint32_t r = 0; r < SCO_RES_MAX_; r++)
        for (uint32_t a = 0; a < SCO_ACT_MAX_; a++)
            if (p->may[a] & 1u << r) {
                sco_buf_addf(out, "%s%s:%s", more ? "," : "", actions[a], resources[r]);
                more = true;
            }
}

bool sco_permissions_within(const struct sco_permissions *part, const struct sco_permissions *whole)
{
    for (uint32_t a = 0; a < SCO_ACT_MAX_; a++)
        if (part->may[a] & ~whole->may[a])
            return false;
    return true;
}

bool sco_principal_may(const struct sco_principal *p, enum sco_action a, enum sco_resource r)
{
    return (unsigned)a < SCO_ACT_MAX_ && (unsigned)r < SCO_RES_MAX_ &&
           p->permissions.may[a] & 1u << r;
}

bool sco_principal_sees(const struct sco_principal *p, const char *repository)
{
    if (!p->repositories)
        return true;
    for (size_t i = 0; p->repositories[i]; i++)
        if (sco_glob_match(p->repositories[i], sco_str_c(repository)))
            return true;
    return false;
}
