/* Stored compliance by the API: lists, one framework over repositories, its documents, attestations
 * and who may make them. */
#include "content.h"

#include <secureops/store_compliance.h>

#define T struct content *t = *state

struct assessed {
    const char *one, *two; /* statuses of the controls 1 and 2; 2 is manual */
};

static int attach(void *user, struct sco_store *s, const struct sco_scan *scan,
                  struct sco_error *err)
{
    const struct assessed *x = user;
    struct sco_new_verdict v[] = {
        {.control = "1",
         .title = "One",
         .status = x->one,
         .reason = "r",
         .evidence = "{\"policies\":[{\"id\":\"p\",\"pass\":1}]}"},
        {.control = "2",
         .title = "<script>",
         .manual = true,
         .status = x->two,
         .reason = "a person has to look",
         .evidence = "{}"},
    };
    struct sco_new_assessment a = {
        .framework = "frame", .version = "1", .title = "Frame", .v = v, .n = 2};
    return sco_store_assessment_add(s, scan->id, &a, err);
}

static void assess(struct content *t, const char *repository, const char *one, const char *two)
{
    struct assessed x = {one, two};
    struct sco_error err = {0};
    struct sco_scan *s = scan_new(t->w);
    scan_run(s, "policies", SCO_RUN_STATUS_COMPLETED);
    struct sco_store_subject sub = {
        .repository = repository, .branch = "main", .scope = "", .attach = attach, .user = &x};
    if (sco_store_save_scan(t->w->s, &sub, s, &err) < 0)
        fail_msg("%s", err.text);
    scan_free(s);
}

static void lists(void **state)
{
    T;
    assess(t, "app", "pass", "manual");
    assess(t, "app", "fail", "manual");
    assess(t, "lib", "pass", "not_applicable");
    expect(t, 200, "GET", "/iac/compliance", NULL);
    assert_string_equal(at(t, "items"), "2");
    assert_string_equal(at(t, "items.0.repository"), "lib");
    assert_string_equal(at(t, "items.0.result"), "compliant");
    assert_string_equal(at(t, "items.1.result"), "non_compliant");
    assert_string_equal(at(t, "items.1.counts.manual"), "1");
    expect(t, 200, "GET", "/iac/compliance?framework=frame@1&repository=lib&branch=main", NULL);
    assert_string_equal(at(t, "items"), "1");
    static const char *const none[] = {"framework=frame@2", "framework=other", "repository=x",
                                       "branch=dev", "team=blue"};
    for (size_t i = 0; i < SCO_ARRAY_LEN(none); i++) {
        char path[100];
        snprintf(path, sizeof path, "/iac/compliance?%s", none[i]);
        expect(t, 200, "GET", path, NULL);
        assert_string_equal(at(t, "items"), "0");
    }
    expect(t, 200, "GET", "/iac/compliance/frame/history?limit=2", NULL);
    assert_string_equal(at(t, "items"), "2");
    assert_true(strlen(at(t, "next_cursor")) > 0);
    expect(t, 200, "GET", "/iac/compliance/frame/history?to=2001-01-01", NULL);
    assert_string_equal(at(t, "items"), "0");
    expect(t, 400, "GET", "/iac/compliance/frame/history?to=yesterday", NULL);
    expect(t, 400, "GET", "/iac/compliance?stale_days=-1", NULL);
    expect(t, 400, "GET", "/iac/compliance?cursor=x", NULL);
    static const char *const globs[] = {"lib", NULL};
    next.who.repositories = globs;
    expect(t, 200, "GET", "/iac/compliance", NULL);
    assert_string_equal(at(t, "items"), "1");
    next.who.repositories = globs;
    expect(t, 200, "GET", "/iac/compliance/frame", NULL);
    assert_string_equal(at(t, "assessments"), "1");
    assert_string_equal(at(t, "result"), "compliant");
}

static void one_framework(void **state)
{
    T;
    expect(t, 404, "GET", "/iac/compliance/frame", NULL);
    assess(t, "app", "pass", "manual");
    assess(t, "lib", "waived", "manual");
    expect(t, 200, "GET", "/iac/compliance/frame@1", NULL);
    assert_string_equal(at(t, "result"), "undetermined");
    assert_string_equal(at(t, "controls.0.verdict"), "waived");
    assert_string_equal(at(t, "controls.0.results"), "2");
    assert_string_equal(at(t, "controls.0.results.0.evidence.policies.0.id"), "p");
    assert_string_equal(at(t, "controls.1.verdict"), "manual");
    expect(t, 200, "GET", "/iac/compliance/frame?evidence=false", NULL);
    assert_string_equal(at(t, "controls.0.results.0.evidence"), "");
    expect(t, 404, "GET", "/iac/compliance/frame@9", NULL);
    expect(t, 404, "GET", "/iac/compliance/frame?repository=x", NULL);
    expect(t, 200, "GET", "/iac/compliance/frame/report", NULL);
    assert_string_equal(at(t, "framework"), "frame");
    expect(t, 200, "GET", "/iac/compliance/frame/report?format=html", NULL);
    assert_non_null(strstr(reply(t), "&lt;script&gt;"));
    assert_null(strstr(reply(t), "<script"));
    assert_non_null(strstr(header(t, "Content-Disposition"), ".html\""));
    assert_non_null(strstr(header(t, "Content-Security-Policy"), "default-src 'none'"));
    expect(t, 200, "GET", "/iac/compliance/frame/report?format=csv", NULL);
    assert_non_null(
        strstr(reply(t), "\"frame\",\"1\",\"1\",\"One\",\"lib\",\"main\",\"\",\"waived\""));
    expect(t, 400, "GET", "/iac/compliance/frame/report?format=pdf", NULL);
}

#define ATTEST(rest) "{\"framework\":\"frame@1\",\"control\":\"2\",\"reason\":\"seen\"" rest "}"

static void attestations(void **state)
{
    T;
    expect(t, 404, "POST", "/iac/compliance/attestations", ATTEST(""));
    assess(t, "app", "pass", "manual");
    next.who.name = "ada@example.com";
    expect(t, 201, "POST", "/iac/compliance/attestations",
           ATTEST(",\"evidence\":\"https://wiki.example/a\",\"expires_at\":\"2099-12-31\""));
    assert_string_equal(at(t, "attested_by"), "ada@example.com");
    assert_string_equal(at(t, "expires_at"), "2099-12-31T23:59:59.999Z");
    expect(t, 200, "GET", "/iac/compliance", NULL);
    assert_string_equal(at(t, "items.0.result"), "compliant");
    assert_string_equal(at(t, "items.0.counts.attested"), "1");
    expect(t, 200, "GET", "/iac/compliance/frame", NULL);
    assert_string_equal(at(t, "controls.1.verdict"), "attested");
    assert_string_equal(at(t, "controls.1.results.0.attestation.attested_by"), "ada@example.com");
    expect(t, 200, "GET", "/audit?action=compliance.attest", NULL);
    assert_string_equal(at(t, "items"), "1");
    assert_string_equal(at(t, "items.0.details.control"), "2");
    expect(
        t, 201, "POST", "/iac/compliance/attestations", /* of the version assessed last */
        "{\"framework\":\"frame\",\"control\":\"2\",\"reason\":\"not so\",\"repository\":\"app\","
        "\"verdict\":\"withdrawn\"}");
    assert_string_equal(at(t, "version"), "1");
    assert_string_equal(at(t, "in_force"), "false");
    expect(t, 200, "GET", "/iac/compliance", NULL);
    assert_string_equal(at(t, "items.0.counts.manual"), "1");
    expect(t, 200, "GET", "/iac/compliance/attestations?framework=frame&control=2", NULL);
    assert_string_equal(at(t, "items"), "2");
    expect(t, 200, "GET", "/iac/compliance/attestations?repository=app", NULL);
    assert_string_equal(at(t, "items"), "1");
    static const char *const bad[] = {
        ATTEST(",\"verdict\":\"ok\""),
        ATTEST(",\"expires_at\":\"2001-01-01\""),
        ATTEST(",\"expires_at\":\"soon\""),
        ATTEST(",\"evidence\":\"javascript:alert(1)\""),
        "{\"framework\":\"frame@1\",\"control\":\"2\",\"reason\":\" \"}",
        "{\"framework\":\"frame@1\",\"control\":\"1\",\"reason\":\"seen\"}",
    };
    for (size_t i = 0; i < SCO_ARRAY_LEN(bad); i++)
        expect(t, 400, "POST", "/iac/compliance/attestations", bad[i]);
    static const char *const globs[] = {"app", NULL};
    next.who.repositories = globs;
    expect(t, 403, "POST", "/iac/compliance/attestations", ATTEST(""));
    next.who.repositories = globs;
    expect(t, 403, "POST", "/iac/compliance/attestations", ATTEST(",\"repository\":\"lib\""));
    next.who.repositories = globs;
    expect(t, 201, "POST", "/iac/compliance/attestations", ATTEST(",\"repository\":\"app\""));
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, content_set_up, content_tear_down)
    const struct CMUnitTest tests[] = {CASE(lists), CASE(one_framework), CASE(attestations)};
    return cmocka_run_group_tests_name("compliance of the API", tests, NULL, NULL);
}
