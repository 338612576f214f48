/* Every role against every permission, from a table of its own: what the issue lists. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <secureops/auth.h>

/* For each resource of enum sco_resource: c r u d a, or "-". */
static const char *const want[SCO_ROLE_MAX_][SCO_RES_MAX_] = {
    [SCO_ROLE_ADMIN] = {"crud", "crud", "cruda", "crud", "crud", "crud", "crud", "crud", "crud",
                        "crud", "crud", "crud", "crud", "crud", "crud", "crud"},
    /* security vulnerabilities pipelines alerts compliance scan_results tests analytics reports
     * dashboards hr_metrics events users audit system self */
    [SCO_ROLE_SECURITY_ENGINEER] = {"crud", "crud", "r", "-", "-", "-", "-", "-", "-", "-", "-",
                                    "-", "-", "-", "-", "-"},
    [SCO_ROLE_SECURITY_ANALYST] = {"-", "r", "r", "cru", "r", "-", "-", "-", "-", "-", "-", "-",
                                   "-", "-", "-", "-"},
    [SCO_ROLE_DEVELOPER] = {"r", "ru", "cr", "r", "-", "r", "r", "-", "-", "-", "-", "-", "-", "-",
                            "-", "-"},
    [SCO_ROLE_MANAGER] = {"r", "r", "r", "r", "r", "r", "r", "crud", "crud", "r", "r", "r", "r",
                          "r", "r", "r"},
    [SCO_ROLE_HR_MANAGER] = {"-", "-", "-", "-", "-", "-", "-", "r", "c", "-", "r", "-", "-", "-",
                             "-", "-"},
    [SCO_ROLE_VIEWER] = {"-", "-", "-", "-", "-", "-", "-", "-", "r", "r", "-", "-", "-", "-", "-",
                         "-"},
};
static const char letters[SCO_ACT_MAX_ + 1] = "rcuda";

static void every_role_and_permission(void **state)
{
    (void)state;
    for (uint32_t role = 0; role < SCO_ROLE_MAX_; role++) {
        struct sco_principal p = {0};
        sco_permissions_of_roles(1u << role, &p.permissions);
        for (uint32_t res = 0; res < SCO_RES_MAX_; res++)
            for (uint32_t act = 0; act < SCO_ACT_MAX_; act++) {
                bool may = strchr(want[role][res], letters[act]) != NULL;
                if (sco_principal_may(&p, act, res) != may)
                    fail_msg("%s: action %u on resource %u", sco_role_name(role), act, res);
            }
    }
    struct sco_principal nobody = {0};
    for (uint32_t res = 0; res < SCO_RES_MAX_; res++)
        for (uint32_t act = 0; act < SCO_ACT_MAX_; act++)
            assert_false(sco_principal_may(&nobody, act, res));
    struct sco_principal all = {.permissions.may = {~0u, ~0u, ~0u, ~0u}};
    assert_false(sco_principal_may(&all, SCO_ACT_MAX_, SCO_RES_SELF));
    assert_false(sco_principal_may(&all, SCO_ACT_READ, SCO_RES_MAX_));
}

static void roles_add_up(void **state)
{
    (void)state;
    struct sco_principal p = {0};
    uint32_t roles = 0;
    assert_int_equal(sco_roles_parse(SCO_STR(" viewer, hr_manager ,"), &roles, NULL), 0);
    assert_int_equal(roles, 1 << SCO_ROLE_VIEWER | 1 << SCO_ROLE_HR_MANAGER);
    sco_permissions_of_roles(roles, &p.permissions);
    assert_true(sco_principal_may(&p, SCO_ACT_READ, SCO_RES_REPORTS));
    assert_true(sco_principal_may(&p, SCO_ACT_CREATE, SCO_RES_REPORTS));
    assert_false(sco_principal_may(&p, SCO_ACT_UPDATE, SCO_RES_REPORTS));
    roles = 77;
    assert_int_equal(sco_roles_parse(SCO_STR("viewer,root"), &roles, NULL), SCO_E_INVALID);
    assert_int_equal(sco_roles_parse(SCO_STR("Admin"), &roles, NULL), SCO_E_INVALID);
    assert_int_equal(roles, 77);
    assert_int_equal(sco_roles_parse(SCO_STR(""), &roles, NULL), 0);
    assert_int_equal(roles, 0);
    for (uint32_t i = 0; i < SCO_ROLE_MAX_; i++)
        assert_int_equal(sco_roles_parse(sco_str_c(sco_role_name(i)), &roles, NULL), 0);
    assert_null(sco_role_name(SCO_ROLE_MAX_));
}

static void permissions_as_text(void **state)
{
    (void)state;
    struct sco_permissions p, q, all;
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    assert_int_equal(
        sco_permissions_parse(SCO_STR("read:security, write:alerts,*:reports"), &p, NULL), 0);
    sco_permissions_format(&p, &b);
    assert_string_equal(sco_buf_z(&b),
                        "read:security,create:alerts,update:alerts,read:reports,create:reports,"
                        "update:reports,delete:reports");
    assert_int_equal(sco_permissions_parse(sco_buf_str(&b), &q, NULL), 0);
    assert_memory_equal(&p, &q, sizeof p);
    assert_int_equal(sco_permissions_parse(SCO_STR("*"), &all, NULL), 0);
    assert_int_equal(sco_permissions_parse(SCO_STR("*:*"), &q, NULL), 0);
    assert_memory_equal(&all, &q, sizeof q);
    assert_true(sco_permissions_within(&p, &all));
    assert_false(sco_permissions_within(&all, &p));
    static const char *const bad[] = {"read",          "read:", ":security",      "read:security:x",
                                      "reads:*",       "::",    "read:se",        "READ:*",
                                      "read;security", "**:*",  "approve:reports"};
    for (size_t i = 0; i < SCO_ARRAY_LEN(bad); i++) {
        q = p;
        assert_int_equal(sco_permissions_parse(sco_str_c(bad[i]), &q, NULL), SCO_E_INVALID);
        assert_memory_equal(&p, &q, sizeof p);
    }
}

static void scopes(void **state)
{
    (void)state;
    static const char *const some[] = {"https://git.example/web/**", "app-*", NULL};
    struct sco_principal p = {0};
    assert_true(sco_principal_sees(&p, "anything"));
    p.repositories = some;
    assert_true(sco_principal_sees(&p, "https://git.example/web/shop"));
    assert_true(sco_principal_sees(&p, "https://git.example/web/a/b"));
    assert_true(sco_principal_sees(&p, "app-one"));
    assert_false(sco_principal_sees(&p, "https://git.example/core/shop"));
    assert_false(sco_principal_sees(&p, "app-one/two"));
    assert_false(sco_principal_sees(&p, ""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_role_and_permission),
        cmocka_unit_test(roles_add_up),
        cmocka_unit_test(permissions_as_text),
        cmocka_unit_test(scopes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
