/* Documents that are judged, packs that are uploaded, waivers. `secureops` is a stand-in. */
#include "content.h"

#include <secureops/fs.h>

#define T struct content *t = *state

static void documents(void **state)
{
    T;
    t->run_status = 1;
    t->run_output = "{\"results\":[{\"verdict\":\"fail\",\"file_path\":\"sub/Dockerfile\"},"
                    "{\"verdict\":\"pass\"}],\"documents\":[],\"summary\":{}}";
    expect(t, 200, "POST", "/iac/scan",
           "{\"files\":[{\"path\":\"sub/Dockerfile\",\"content\":\"FROM debian\\n\"}],"
           "\"policies\":[\"docker-*\",\"CKV_DOCKER_2\"],\"frameworks\":[\"cis-docker@1.2.0\"]}");
    assert_string_equal(t->run_saw, "FROM debian\n");
    assert_non_null(strstr(t->run_args, "policy eval . "));
    assert_non_null(strstr(t->run_args, "--policy docker-*,CKV_DOCKER_2 "));
    assert_non_null(strstr(t->run_args, "--framework cis-docker@1.2.0 "));
    assert_string_equal(at(t, "result"), "failed");
    assert_string_equal(at(t, "results"), "1"); /* what passed was not asked for */
    assert_string_equal(at(t, "results.0.file_path"), "sub/Dockerfile");
    assert_true(strlen(t->run_dir) > 0);
    assert_false(sco_fs_is_dir(t->run_dir)); /* gone */
    t->run_status = 3;
    expect(t, 200, "POST", "/iac/scan",
           "{\"all\":true,\"files\":[{\"path\":\"sub/Dockerfile\",\"content\":\"\"}]}");
    assert_string_equal(at(t, "result"), "incomplete");
    assert_string_equal(at(t, "results"), "2");
    t->run_status = 2;
    expect(t, 422, "POST", "/iac/scan",
           "{\"files\":[{\"path\":\"sub/Dockerfile\",\"content\":\"\"}]}");
    static const char *const bad[] = {
        "{\"files\":[]}",
        "{\"files\":[{\"path\":\"../x\",\"content\":\"\"}]}",
        "{\"files\":[{\"path\":\"a/../../x\",\"content\":\"\"}]}",
        "{\"files\":[{\"path\":\"/etc/x\",\"content\":\"\"}]}",
        "{\"files\":[{\"path\":\"a//x\",\"content\":\"\"}]}",
        "{\"files\":[{\"path\":\"\",\"content\":\"\"}]}",
        "{\"files\":[{\"path\":\"a\\u0001\",\"content\":\"\"}]}",
        "{\"files\":[{\"path\":\"a\",\"content\":1}]}",
        "{\"files\":[{\"path\":\"secureops.yaml\",\"content\":\"\"}]}",
        "{\"files\":[{\"path\":\"a\",\"content\":\"\"},{\"path\":\"a\",\"content\":\"\"}]}",
        "{\"files\":[{\"path\":\"a\",\"content\":\"\"},{\"path\":\"a/b\",\"content\":\"\"}]}",
        "{\"files\":[{\"path\":\"a\",\"content\":\"\"}],\"policies\":[\"--config\"]}",
        "{\"files\":[{\"path\":\"a\",\"content\":\"\"}],\"skip\":[\"a,b\"]}",
    };
    for (size_t i = 0; i < SCO_ARRAY_LEN(bad); i++)
        expect(t, 400, "POST", "/iac/scan", bad[i]);
    char part[300], body[400]; /* as long as a path may be, and no file system takes it */
    memset(part, 'a', sizeof part);
    for (size_t n = 201; n <= 255; n += 9) {
        snprintf(body, sizeof body, "{\"files\":[{\"path\":\"%.*s\",\"content\":\"\"}]}", (int)n,
                 part);
        expect(t, 400, "POST", "/iac/scan", body);
    }
}

static void what_there_is(void **state)
{
    T;
    t->run_output = "{\"policies\":[]}\n";
    expect(t, 200, "GET", "/iac/policies?framework=cis-docker", NULL);
    assert_non_null(strstr(t->run_args, "policy list --format json --framework cis-docker"));
    expect(t, 400, "GET", "/iac/policies?framework=--x", NULL);
    expect(t, 200, "GET", "/iac/policies/k8s-privileged", NULL);
    expect(t, 404, "GET", "/iac/policies/--config", NULL);
    expect(t, 200, "GET", "/iac/compliance/frameworks", NULL);
    t->run_status = 2;
    expect(t, 404, "GET", "/iac/policies/unknown", NULL);
    says(t, "there is no policy unknown");
    expect(t, 422, "GET", "/iac/policies", NULL);
    t->o.run = NULL;
    expect(t, 501, "GET", "/iac/policies", NULL);
}

static void packs(void **state)
{
    T;
    SCO_AUTO(sco_buf) struct sco_buf upload = {0}, kept = {0}, text = {0};
    sco_buf_addf(&upload, "%s/upload", t->w->dir);
    sco_buf_addf(&kept, "%s/policies/mine.tar", t->w->dir);
    assert_int_equal(sco_fs_write(sco_buf_z(&upload), SCO_STR("an archive"), 0600, &t->err), 0);
    t->run_output = "{\"cases\":[],\"passed\":2,\"failed\":0}\n";
    next.body_file = sco_buf_z(&upload);
    expect(t, 201, "POST", "/iac/policies?name=mine", NULL);
    assert_string_equal(header(t, "Location"), "/api/v1/iac/policies/packs/mine");
    assert_string_equal(at(t, "tests.passed"), "2");
    /* loaded beside what there is */
    assert_non_null(strstr(t->run_args, "policy list "));
    assert_non_null(strstr(t->run_args, "/mine.tar "));
    assert_non_null(strstr(t->run_args, "/.new-"));
    assert_int_equal(sco_fs_read(sco_buf_z(&kept), 100, &text, &t->err), 0);
    assert_string_equal(sco_buf_z(&text), "an archive");
    expect(t, 200, "GET", "/iac/policies/packs", NULL);
    assert_string_equal(at(t, "items"), "1");
    assert_string_equal(at(t, "items.0.name"), "mine");
    assert_string_equal(at(t, "items.0.signed"), "false");
    expect(t, 200, "GET", "/iac/policies", NULL); /* in force with the next command */
    assert_non_null(strstr(t->run_args, "--policies "));
    assert_non_null(strstr(t->run_args, "/policies/mine.tar"));
    /* One that has the id of another would be the end of them all. */
    assert_int_equal(sco_fs_write(sco_buf_z(&upload), SCO_STR("alike"), 0600, &t->err), 0);
    t->list_status = 2;
    next.body_file = sco_buf_z(&upload);
    expect(t, 422, "POST", "/iac/policies?name=alike", NULL);
    says(t, "does not go with");
    assert_non_null(strstr(t->run_args, "/policies/mine.tar,"));
    next.body_file = sco_buf_z(&upload); /* the next version of itself is not beside itself */
    expect(t, 422, "POST", "/iac/policies?name=mine", NULL);
    assert_null(strstr(t->run_args, "/policies/mine.tar"));
    t->list_status = 0;
    /* One that fails is not kept, and does not take the place of the one that is there. */
    assert_int_equal(sco_fs_write(sco_buf_z(&upload), SCO_STR("worse"), 0600, &t->err), 0);
    t->run_status = 1;
    next.body_file = sco_buf_z(&upload);
    expect(t, 422, "POST", "/iac/policies?name=mine", NULL);
    says(t, "cases");
    t->run_status = 2;
    next.body_file = sco_buf_z(&upload);
    expect(t, 422, "POST", "/iac/policies?name=other", NULL);
    sco_buf_done(&text);
    assert_int_equal(sco_fs_read(sco_buf_z(&kept), 100, &text, &t->err), 0);
    assert_string_equal(sco_buf_z(&text), "an archive");
    static const char *const names[] = {"", "../x", "A", "-x", "a.b"};
    for (size_t i = 0; i < SCO_ARRAY_LEN(names); i++) {
        char path[60];
        snprintf(path, sizeof path, "/iac/policies?name=%s", names[i]);
        next.body_file = sco_buf_z(&upload);
        expect(t, 400, "POST", path, NULL);
    }
    t->run_status = 0;
    send_header("X-Signature", "c2lnbmF0dXJl"); /* too short for one */
    next.body_file = sco_buf_z(&upload);
    expect(t, 400, "POST", "/iac/policies?name=mine", NULL);
    SCO_AUTO(sco_buf) struct sco_buf signature = {0};
    sco_base64_encode(sco_str_make((char[64]){1}, 64), &signature);
    send_header("X-Signature", sco_buf_z(&signature));
    next.body_file = sco_buf_z(&upload);
    expect(t, 201, "POST", "/iac/policies?name=mine", NULL);
    expect(t, 200, "GET", "/iac/policies/packs", NULL);
    assert_string_equal(at(t, "items.0.signed"), "true");
    next.body_file = sco_buf_z(&upload); /* another without: not with the signature of that */
    expect(t, 201, "POST", "/iac/policies?name=mine", NULL);
    expect(t, 200, "GET", "/iac/policies/packs", NULL);
    assert_string_equal(at(t, "items.0.signed"), "false");
    expect(t, 204, "DELETE", "/iac/policies/packs/mine", NULL);
    expect(t, 404, "DELETE", "/iac/policies/packs/mine", NULL);
    expect(t, 404, "DELETE", "/iac/policies/packs/..", NULL);
    /* They decide for every repository: not for who is bound to some. */
    static const char *const mine[] = {"https://git.example.com/mine/*", NULL};
    next.body_file = sco_buf_z(&upload);
    expect(t, 201, "POST", "/iac/policies?name=mine", NULL);
    next.who = t->c.who;
    next.who.repositories = mine;
    next.body_file = sco_buf_z(&upload);
    expect(t, 403, "POST", "/iac/policies?name=mine", NULL);
    expect(t, 403, "DELETE", "/iac/policies/packs/mine", NULL);
    expect(t, 403, "POST", "/waivers", "{\"policy\":\"k8s-privileged\",\"reason\":\"x\"}");
    expect(t, 403, "DELETE", "/waivers/0123456789abcdef", NULL);
    expect(t, 200, "GET", "/iac/policies/packs", NULL);
    assert_string_equal(at(t, "items"), "1");
}

static void waivers(void **state)
{
    T;
    char path[60];
    expect(t, 200, "GET", "/waivers", NULL);
    assert_string_equal(at(t, "items"), "0");
    expect(t, 201, "POST", "/waivers",
           "{\"policy\":\"k8s-privileged\",\"resource\":\"DaemonSet.kube-system.*\","
           "\"reason\":\"the agent: \\\"needs\\\" it # really\\n- x\",\"expires\":\"2100-01-31\"}");
    snprintf(path, sizeof path, "/waivers/%s", at(t, "id"));
    assert_string_equal(at(t, "owner"), "ada@example.com");
    expect(t, 201, "POST", "/waivers",
           "{\"policy\":\"CKV_X\",\"path\":\"deploy/**\",\"reason\":\"x\",\"owner\":\"bob\"}");
    expect(t, 409, "POST", "/waivers",
           "{\"policy\":\"CKV_X\",\"path\":\"deploy/**\",\"reason\":\"x\",\"owner\":\"bob\"}");
    expect(t, 200, "GET", "/waivers", NULL);
    assert_string_equal(at(t, "items"), "2");
    assert_string_equal(at(t, "items.0.reason"), "the agent: \"needs\" it # really\n- x");
    assert_string_equal(at(t, "items.1.owner"), "bob");
    static const char *const bad[][2] = {
        {"{\"policy\":\"*\",\"reason\":\"x\"}", "waive everything"},
        {"{\"policy\":\"a\"}", "reason"},
        {"{\"reason\":\"a\"}", "policy"},
        {"{\"policy\":\"a\",\"reason\":\"x\",\"expires\":\"soon\"}", "date"}};
    for (size_t i = 0; i < SCO_ARRAY_LEN(bad); i++) {
        expect(t, 400, "POST", "/waivers", bad[i][0]);
        says(t, bad[i][1]);
        assert_null(strstr(t->err.text, t->w->dir)); /* not where it is kept */
    }
    t->run_output = "{\"policies\":[]}";
    expect(t, 200, "GET", "/iac/policies", NULL);
    assert_non_null(strstr(t->run_args, "--waivers "));
    expect(t, 204, "DELETE", path, NULL);
    expect(t, 404, "DELETE", path, NULL);
    expect(t, 200, "GET", "/waivers", NULL);
    assert_string_equal(at(t, "items"), "1");
    snprintf(path, sizeof path, "/waivers/%s", at(t, "items.0.id"));
    expect(t, 204, "DELETE", path, NULL);
    expect(t, 200, "GET", "/waivers", NULL);
    assert_string_equal(at(t, "items"), "0");
}

int main(void)
{
#define C(name) cmocka_unit_test_setup_teardown(name, content_set_up, content_tear_down)
    const struct CMUnitTest tests[] = {C(documents), C(what_there_is), C(packs), C(waivers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
