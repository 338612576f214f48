/* What the daemon does with a store: care, and requests that come through Kafka. */
#include "daemon_priv.h"

#include <event2/event.h>
#include <secureops/fs.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#define DAY (24 * 3600 * 1000LL)

struct world {
    char *dir;
    struct sco_store *store;
    struct event_base *base;
    struct sco_api *api;
    struct sco_threads *threads;
    struct daemon d;
};

static int set_up(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    struct sco_error err = {0};
    char where[600], listen[600];
    static const char *const hosts[] = {"git.example.com", NULL};
    assert_int_equal(sco_fs_mkdtemp(NULL, "sco-work-", &w->dir, &err), 0);
    snprintf(where, sizeof where, "%s/store.db", w->dir);
    struct sco_store_options o = {.where = where, .create = true};
    if (sco_store_open(&o, &w->store, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(
        sco_store_set_context(w->store, &(struct sco_store_context){.source = "one"}, &err), 0);
    w->base = event_base_new();
    struct sco_threads_options t = {.name = "work", .n = 1};
    assert_int_equal(sco_threads_new(w->base, &t, &w->threads, &err), 0);
    snprintf(listen, sizeof listen, "unix:%s/api.sock", w->dir);
    struct sco_api_options a = {.base = w->base,
                                .threads = w->threads,
                                .listen = listen,
                                .spool = w->dir,
                                .data = w->dir,
                                .node = "one",
                                .checkout_hosts = hosts};
    if (sco_api_new(&a, &w->api, &err) < 0)
        fail_msg("%s", err.text);
    w->d.metrics = sco_metrics_new();
    w->d.paths.mirrors = w->dir;
    w->d.paths.spool = w->dir;
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    sco_threads_free(w->threads);
    sco_api_free(w->api);
    event_base_free(w->base);
    sco_metrics_free(w->d.metrics);
    sco_store_close(w->store);
    assert_int_equal(sco_fs_remove_tree(w->dir), 0);
    free(w->dir);
    free(w);
    return 0;
}

static int request(struct world *w, const char *json, struct sco_error *err)
{
    return sco_api_requested(w->api, w->store, sco_str_c(json), err);
}

static void test_requests(void **state)
{
    struct world *w = *state;
    struct sco_error err = {0};
    struct sco_job_page p = {0};
    int r =
        request(w,
                "{\"target\":{\"kind\":\"repository\",\"location\":"
                "\"https://git.example.com/team/app\"},\"branch\":\"main\",\"fail_on\":\"high\"}",
                &err);
    if (r < 0)
        fail_msg("%s", err.text);
    assert_int_equal(sco_store_jobs(w->store, &(struct sco_job_filter){0}, &p, &err), 0);
    assert_int_equal(p.n, 1);
    assert_string_equal(p.v[0].request.origin, "kafka");
    assert_string_equal(p.v[0].request.kind, "scan");
    assert_string_equal(p.v[0].request.revision, "main");
    assert_string_equal(p.v[0].request.target_key, "https://git.example.com/team/app");
    assert_non_null(strstr(p.v[0].request.request, "\"fail_on\":\"high\""));
    assert_non_null(p.v[0].request.correlation_id);
    sco_job_page_done(&p);
}

/* As strict as the API: nothing unknown, no host or folder that is not allowed. */
static void test_bad_requests(void **state)
{
    struct world *w = *state;
    struct sco_job_page p = {0};
    static const char *const bad[] = {
        "",
        "[]",
        "{}",
        "{\"target\":{\"kind\":\"repository\"}}",
        "{\"target\":{\"location\":\"https://git.example.com/a\"},\"unknown\":1}",
        "{\"target\":{\"location\":\"https://other.example.com/a\"}}",
        "{\"target\":{\"kind\":\"directory\",\"location\":\"/etc\"}}",
        "{\"target\":{\"name\":\"no-such-target\"}}",
        "{\"target\":{\"location\":\"https://git.example.com/a\"},\"branch\":\"--upload-pack=x\"}",
        "{\"target\":{\"location\":\"https://git.example.com/a\"},\"checkout_secret\":\"other\"}",
    };
    for (size_t i = 0; i < SCO_ARRAY_LEN(bad); i++) {
        struct sco_error err = {0};
        if (request(w, bad[i], &err) != SCO_E_INVALID)
            fail_msg("%s: %s", bad[i], err.text);
        assert_true(*err.text != '\0');
    }
    assert_int_equal(sco_store_jobs(w->store, &(struct sco_job_filter){0}, &p, NULL), 0);
    assert_int_equal(p.n, 0);
    sco_job_page_done(&p);
}

static void test_care(void **state)
{
    struct world *w = *state;
    struct sco_error err = {0};
    struct sco_job_added a;
    struct sco_job_page p = {0};
    enum sco_job_state now_is;
    int64_t now = 1800000000000;
    struct sco_config c = {.retention = {.executions = 30 * DAY, .events = 30 * DAY},
                           .checkout.cache_limit = 1 << 20};
    struct sco_job_request q = {.kind = "scan",
                                .target_key = "x",
                                .revision = "",
                                .scanners = "",
                                .request = "{}",
                                .origin = "api",
                                .priority = SCO_JOB_PRIORITY};
    assert_int_equal(sco_store_job_add(w->store, &q, now, &a, &err), 0);
    assert_int_equal(sco_store_job_cancel(w->store, a.id, "somebody", now, &now_is, &err), 0);
    assert_int_equal(care_perform(&w->d, &c, w->store, now + 29 * DAY, true), 0);
    assert_int_equal(sco_store_job(w->store, a.id, &p, &err), 0);
    sco_job_page_done(&p);
    assert_int_equal(care_perform(&w->d, &c, w->store, now + 31 * DAY, false), 0);
    assert_int_equal(sco_store_job(w->store, a.id, &p, &err), 0); /* that was the hourly part */
    sco_job_page_done(&p);
    assert_int_equal(care_perform(&w->d, &c, w->store, now + 31 * DAY, true), 0);
    assert_int_equal(sco_store_job(w->store, a.id, &p, &err), SCO_E_NOT_FOUND);
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    sco_metrics_write(w->d.metrics, &b);
    assert_non_null(
        strstr(sco_buf_z(&b), "secureops_retention_removed_total{what=\"executions\"}"));
}

/* ---- uploads ---- */
static bool there(const struct world *w, const char *name)
{
    char path[700];
    snprintf(path, sizeof path, "%s/%s", w->dir, name);
    return access(path, F_OK) == 0;
}

static void put(const struct world *w, const char *name)
{
    char path[700];
    snprintf(path, sizeof path, "%s/%s", w->dir, name);
    assert_int_equal(sco_fs_write(path, SCO_STR("x"), 0600, NULL), 0);
}

#define ID(n) "00000000-0000-4000-8000-00000000000" #n

static void test_uploads(void **state)
{
    struct world *w = *state;
    struct sco_error err = {0};
    static const char *const names[] = {"import-" ID(1), "import-" ID(2), "import-" ID(3),
                                        "upload-" ID(4), "import-x"};
    static const char *const revisions[] = {"main#" ID(1), "a#b#" ID(2)};
    char ids[2][37];
    struct sco_config c = {.checkout.cache_limit = 1 << 20};
    for (size_t i = 0; i < SCO_ARRAY_LEN(names); i++)
        put(w, names[i]);
    for (size_t i = 0; i < 2; i++) {
        struct sco_job_added a;
        struct sco_job_request q = {.kind = "import",
                                    .target_key = "x",
                                    .revision = revisions[i],
                                    .scanners = "",
                                    .request = "{}",
                                    .origin = "api"};
        assert_int_equal(sco_store_job_add(w->store, &q, 1800000000000, &a, &err), 0);
        memcpy(ids[i], a.id, sizeof ids[i]);
    }
    assert_int_equal(care_perform(&w->d, &c, w->store, sco_now_ms(), false), 0);
    assert_true(there(w, names[2])); /* its job may be about to be written */
    int64_t later = sco_now_ms() + 2 * 3600000;
    assert_int_equal(care_perform(&w->d, &c, w->store, later, false), 0);
    assert_true(there(w, names[0]) && there(w, names[1]) && there(w, names[3]));
    assert_false(there(w, names[2]));
    enum sco_job_state now_is;
    struct sco_job_page p = {0};
    struct sco_job_claim claim = {
        .node = "one", .now = 1800000000000, .lease_ms = 1000, .max = 1, .target_max = 1};
    assert_int_equal(sco_store_jobs_claim(w->store, &claim, &p, &err), 0);
    assert_int_equal(p.n, 1);
    size_t done = strcmp(p.v[0].id, ids[1]) == 0; /* one is imported, by a runner that then dies */
    struct sco_job_end end = {.lease = {p.v[0].id, "one", 1}, .now = claim.now};
    assert_int_equal(sco_store_job_end(w->store, &end, &now_is, &err), 0);
    sco_job_page_done(&p);
    assert_int_equal(care_perform(&w->d, &c, w->store, later, false), 0);
    assert_false(there(w, names[done]));
    assert_true(there(w, names[!done]));
    put(w, ".hidden");
    char own[700];
    snprintf(own, sizeof own, "%s/spool", w->dir);
    assert_int_equal(sco_fs_mkdirs(own, 0700, &err), 0);
    w->d.paths.spool = own;
    put(w, "spool/upload-1");
    put(w, "spool/import-1");
    spool_clean(own);
    assert_false(there(w, "spool/upload-1"));
    assert_true(there(w, "spool/import-1"));
}

/* ---- a key that is replaced ---- */
static struct sco_auth *auth_with(uint8_t key, uint8_t old, const char *id, const char *old_id)
{
    static uint8_t keys[2][DAEMON_KEY_LEN];
    struct sco_auth *a = NULL;
    struct sco_error err = {0};
    memset(keys[0], key, sizeof keys[0]);
    memset(keys[1], old, sizeof keys[1]);
    struct sco_auth_options o = {.issuer = "x",
                                 .audience = "x",
                                 .key = sco_str_make((const char *)keys[0], DAEMON_KEY_LEN),
                                 .key_id = id};
    if (old_id) {
        o.old_key = sco_str_make((const char *)keys[1], DAEMON_KEY_LEN);
        o.old_key_id = old_id;
    }
    if (sco_auth_new(&o, &a, &err) < 0)
        fail_msg("%s", err.text);
    return a;
}

static void test_replaced_key(void **state)
{
    struct world *w = *state;
    struct sco_error err = {0};
    struct sco_config c = {.checkout.cache_limit = 1 << 20};
    SCO_AUTO(sco_buf) struct sco_buf plain = {0};
    struct sco_auth *a = auth_with(1, 0, "a", NULL);
    assert_int_equal(sco_auth_secret_put(a, w->store, "git", SCO_STR("s3cret"), &err), 0);
    sco_auth_free(a);
    w->d.auth = auth_with(2, 1, "b", "a");
    w->d.keys.has_old = true;
    assert_int_equal(care_perform(&w->d, &c, w->store, sco_now_ms(), false), 0);
    sco_auth_free(w->d.auth);
    a = auth_with(2, 0, "b", NULL); /* the old one is thrown away */
    assert_int_equal(sco_auth_secret_get(a, w->store, "git", &plain, &err), 0);
    assert_true(sco_str_is(sco_buf_str(&plain), "s3cret"));
    sco_auth_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_requests, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bad_requests, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_care, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_uploads, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_replaced_key, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
