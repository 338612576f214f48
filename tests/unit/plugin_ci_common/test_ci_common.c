/* What the plugins of CI platforms share: JSON, cutting, escaping, times, paths, pages, and what a
 * client makes of answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_host.h"

#include "../../../plugins/common/ci_client.h"
#include "../../../plugins/common/ci_event.h"

#include <stdlib.h>

static struct fake_host *fh;
static const struct sco_host *h;

static int setup(void **state)
{
    (void)state;
    fh = fake_host_new();
    h = &fh->h;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    assert_string_equal(fh->fault, "");
    fh = fake_host_free(fh);
    return 0;
}

#define assert_str(s, z)                                                                           \
    do {                                                                                           \
        struct sco_str s_ = (s);                                                                   \
        char t_[4096];                                                                             \
        snprintf(t_, sizeof t_, "%.*s", SCO_STR_ARG(s_));                                          \
        assert_string_equal(t_, z);                                                                \
    } while (0)

/* ---- JSON ------------------------------------------------------------------------------------ */

static void test_json(void **state)
{
    (void)state;
    struct ci_json j = ci_json_new(h);
    ci_json_begin(&j, '{');
    ci_json_kstr(&j, "a", SCO_STR("q\"\\\n\x01\x7f\xff\xc3\xa4\xed\xa0\x80"));
    ci_json_kstr(&j, "b", sco_str_make(NULL, 0));
    ci_json_kopt(&j, "c", sco_str_make(NULL, 0));
    ci_json_kint(&j, "d", INT64_MIN);
    ci_json_key(&j, "e");
    ci_json_begin(&j, '[');
    ci_json_int(&j, 1);
    ci_json_str(&j, SCO_STR(""));
    ci_json_end(&j, ']');
    ci_json_kbool(&j, "f", 1);
    ci_json_end(&j, '}');
    assert_str(ci_json_text(&j),
               "{\"a\":\"q\\\"\\\\\\n\\u0001\\u007f\xEF\xBF\xBD\xC3\xA4\xEF\xBF\xBD\xEF\xBF\xBD"
               "\xEF\xBF\xBD\",\"b\":null,\"d\":-9223372036854775808,\"e\":[1,\"\"],\"f\":true}");
}

static void test_json_node(void **state)
{
    static const char text[] = "{\"a\":[1,-2.5e3,\"x\\n\",null,true,{}],\"b\":9007199254740993}";
    struct sco_reader *r;
    const struct sco_node *root;
    struct ci_json j = ci_json_new(h);
    (void)state;
    assert_int_equal(h->data->open_mem(h, sco_str_c(text), &r, NULL), 0);
    assert_int_equal(h->data->read(r, NULL, &root, NULL), 1);
    ci_json_node(&j, root);
    assert_str(ci_json_text(&j), text);
    h->data->close(r);
}

/* ---- text ------------------------------------------------------------------------------------ */

static void test_cut(void **state)
{
    struct sco_str s = SCO_STR("ab\xF0\x9F\x98\x80"
                               "c");
    (void)state;
    static const size_t ends[] = {0, 1, 2, 2, 2, 2, 6, 7, 7};
    for (size_t max = 0; max < 9; max++)
        assert_int_equal(ci_cut(s, max).n, ends[max]);
    assert_str(ci_line(h, SCO_STR(" a \t\r\n b\x01 "), 100), "a b");
    assert_str(ci_line(h, SCO_STR("0123456789"), 8), "01234...");
    assert_str(ci_line(h, SCO_STR("0123456789"), 10), "0123456789");
}

static void test_cut_rows(void **state)
{
    (void)state;
    char text[4000];
    size_t n = (size_t)snprintf(text, sizeof text, "<details>\n\n````c\n```\n");
    for (int i = 0; n < sizeof text - 40; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "row %d of many\n", i);
    for (size_t max = 0; max < n; max += 7) {
        struct sco_str cut = ci_cut_rows(h, sco_str_make(text, n), max, "% more lines.");
        if (max < 600)
            continue;
        assert_true(cut.n <= max);
        const char *z = sco_cstr(h, cut);
        assert_non_null(strstr(z, " more lines.\n"));
        assert_non_null(strstr(z, "\n````\n\n</details>\n")); /* the inner fence is text */
        assert_null(strstr(z, "man\n"));
    }
    assert_int_equal(ci_cut_rows(h, sco_str_make(text, n), n, "%").n, n);
}

static void test_escape(void **state)
{
    (void)state;
    assert_str(ci_markdown(h, SCO_STR("<b>|a|\n@x #1 `c` [l](u)"), 100),
               "&lt;b&gt;\\|a\\| &#64;x &#35;1 \\`c\\` \\[l\\]\\(u\\)");
    assert_string_equal(ci_encode(h, SCO_STR("a b/\xC3\xA4?"), ""), "a%20b%2F%C3%A4%3F");
    assert_string_equal(ci_encode(h, SCO_STR("a/b"), "/"), "a/b");
    assert_str(ci_decode(h, SCO_STR("a%2Fb+c%zz%4"), 1), "a/b c%zz%4");
    assert_str(ci_decode(h, SCO_STR("a+b"), 0), "a+b");
}

static void test_paths(void **state)
{
    (void)state;
    assert_str(ci_repo_path(h, SCO_STR("sub/"), SCO_STR("./a//b.c")), "sub/a/b.c");
    assert_str(ci_repo_path(h, SCO_STR(""), SCO_STR("a")), "a");
    static const char *const bad[] = {"", "/a", "../a", "a/../../b", "a\\b", ".", "./"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_null(ci_repo_path(h, SCO_STR(""), sco_str_c(bad[i])).p);
}

/* ---- events ---------------------------------------------------------------------------------- */

static void test_times(void **state)
{
    static const struct {
        const char *text;
        int64_t seconds;
    } rows[] = {
        {"2025-09-03T17:39:26Z", 1756921166},
        {"2025-09-03T17:39:26.2111382Z", 1756921166},
        {"2025-09-03T19:39:26+02:00", 1756921166},
        {"2016-08-12 15:23:28 UTC", 1471015408},
        {"2016-08-12 15:23:28 +0200", 1471008208},
        {"2016-08-12 15:23:28 -0030", 1471017208},
        {"2016-08-12T15:23:28", 1471015408},
        {"2024-02-29T00:00:00Z", 1709164800},
        {"2024-02-30T00:00:00Z", 0},
        {"2024-13-01T00:00:00Z", 0},
        {"2024-01-01T24:00:00Z", 0},
        {"2024-01-01T00:00:00Zx", 0},
        {"2024-01-01", 0},
        {"", 0},
        {"0000-00-00T00:00:00Z", 0},
        {"2024-01-01T00:00:00+", 0},
        {"2024-01-01T00:00:00.", 1704067200},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(ci_time_text(sco_str_c(rows[i].text)), rows[i].seconds * 1000);
    struct sco_node v = {.type = SCO_NODE_INT, .i = 1471015408};
    assert_int_equal(ci_time(&v), 1471015408000);
    v.i = 1471015408999;
    assert_int_equal(ci_time(&v), 1471015408000);
    v.i = -1;
    assert_int_equal(ci_time(&v), 0);
    assert_str(ci_time_format(h, 1471015408999), "2016-08-12T15:23:28Z");
    assert_str(ci_time_format(h, 1709164800000), "2024-02-29T00:00:00Z");
    assert_null(ci_time_format(h, 0).p);
}

static void test_shas_and_refs(void **state)
{
    struct ci_event ev = ci_event_new("github");
    char sha[41];
    (void)state;
    memset(sha, '0', 40);
    sha[40] = 0;
    assert_null(ci_sha(sco_str_c(sha)).p);
    assert_true(ci_is_zeros(sco_str_c(sha)));
    sha[39] = 'f';
    assert_int_equal(ci_sha(sco_str_c(sha)).n, 40);
    sha[39] = 'g';
    assert_null(ci_sha(sco_str_c(sha)).p);
    assert_null(ci_sha(SCO_STR("abc")).p);
    ci_event_ref(&ev, SCO_STR("refs/heads/a/b"));
    assert_str(ev.branch, "a/b");
    assert_null(ev.tag.p);
    ci_event_bare(h, &ev, SCO_STR("v1"), 1);
    assert_str(ev.ref, "refs/tags/v1");
}

static void test_urls(void **state)
{
    (void)state;
    assert_str(ci_url(h, SCO_STR("https://x/a^..b c\"\n\xC3\xA4?q=1#f")),
               "https://x/a%5E..b%20c%22%0A%C3%A4?q=1#f");
    assert_null(ci_url(h, SCO_STR("javascript:alert(1)")).p);
    assert_null(ci_url(h, SCO_STR("")).p);
    assert_null(ci_url(h, sco_str_make(NULL, 0)).p);
    char text[3000];
    memset(text, 'a', sizeof text);
    memcpy(text, "http://", 7);
    assert_null(ci_url(h, sco_str_make(text, sizeof text)).p);
    assert_int_equal(ci_url(h, sco_str_make(text, 2048)).n, 2048);
}

static void test_event(void **state)
{
    struct ci_event ev = ci_event_new("jenkins");
    (void)state;
    ev.pr_number = 3;
    ev.is_delete = 0;
    assert_int_equal(ci_event_emit(h, &ev, NULL), 0);
    const char *text = sco_buf_z(&fh->records);
    assert_non_null(
        strstr(text, "event {\"platform\":\"jenkins\",\"event\":\"ignored\",\"action\":null"));
    assert_non_null(strstr(text, "\"pr_number\":3,"));
    assert_non_null(strstr(text, "\"is_fork\":null,\"is_delete\":false,"));
    assert_non_null(strstr(text, "\"details\":{},\"context\":{}}"));
}

/* ---- answers --------------------------------------------------------------------------------- */

static struct sco_pair headers[4];
static struct sco_http_response answer;
static int asked, fails;
static char last_url[300], last_headers[300];

static int fake_http(struct fake_host *host, const struct sco_http_request *q,
                     struct sco_http_response *r, struct sco_errbuf *e)
{
    (void)host;
    asked++;
    snprintf(last_url, sizeof last_url, "%s %s", q->method, q->url);
    snprintf(last_headers, sizeof last_headers, "%s", q->headers[0] ? q->headers[0] : "");
    if (fails-- > 0)
        return sco_errf(e, SCO_E_NETWORK, "reset");
    *r = answer;
    return 0;
}

static struct ci_http client(void)
{
    struct ci_http c = {.h = h, .platform = "Forge", .base = SCO_STR("https://x/api")};
    c.headers[0] = "Authorization: secret";
    c.backoff_ms = 1;
    c.wait_ms = 0;
    fh->http = fake_http;
    asked = fails = 0;
    memset(headers, 0, sizeof headers);
    answer = (struct sco_http_response){.struct_size = sizeof answer,
                                        .status = 200,
                                        .headers = headers,
                                        .n_headers = 4,
                                        .content_type = SCO_STR("text/plain"),
                                        .retry_after_ms = -1};
    ci_http_open(&c);
    return c;
}

static int get(struct ci_http *c, struct ci_answer *a)
{
    fh->error[0] = 0;
    return ci_get(c, "/thing", "the thing", a, &fh->e);
}

static void test_outcomes(void **state)
{
    static const struct {
        int status, code, asked;
    } rows[] = {{204, 0, 1},
                {401, SCO_E_PERMISSION, 1},
                {403, SCO_E_PERMISSION, 1},
                {404, SCO_E_NOT_FOUND, 1},
                {410, SCO_E_NOT_FOUND, 1},
                {409, SCO_E_INVALID, 1},
                {422, SCO_E_INVALID, 1},
                {413, SCO_E_LIMIT, 1},
                {500, SCO_E_NETWORK, CI_HTTP_TRIES},
                {502, SCO_E_NETWORK, CI_HTTP_TRIES}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct ci_http c = client();
        struct ci_answer a;
        answer.status = rows[i].status;
        assert_int_equal(get(&c, &a), rows[i].code);
        assert_int_equal(asked, rows[i].asked);
        assert_int_equal(rows[i].code != 0, fh->error[0] != 0);
        ci_http_done(&c);
    }
    assert_string_equal(last_url, "GET https://x/api/thing");
    assert_string_equal(last_headers, "Authorization: secret");
}

static void test_html_is_no_answer(void **state)
{
    struct ci_http c = client();
    struct ci_answer a;
    (void)state;
    answer.status = 203;
    answer.body = SCO_STR("<html>");
    answer.content_type = SCO_STR("text/html; charset=utf-8");
    assert_int_equal(get(&c, &a), SCO_E_FORMAT);
    assert_int_equal(asked, 1);
    ci_http_done(&c);
}

static void test_limits(void **state)
{
    struct ci_http c = client();
    struct ci_answer a;
    int64_t retry = 0;
    (void)state;
    c.retry_ms = &retry;
    fh->now = 1700000000000;
    answer.status = 429;
    answer.retry_after_ms = 90000;
    assert_int_equal(get(&c, &a), SCO_CI_LATER);
    assert_int_equal(retry, 90000);
    answer.retry_after_ms = 0; /* a floor */
    assert_int_equal(get(&c, &a), SCO_CI_LATER);
    assert_int_equal(retry, CI_HTTP_FLOOR_MS);
    answer.retry_after_ms = -1;
    headers[0] = (struct sco_pair){SCO_STR("ratelimit-remaining"), SCO_STR("0")};
    headers[1] = (struct sco_pair){SCO_STR("ratelimit-reset"), SCO_STR("1700000030")};
    assert_int_equal(get(&c, &a), SCO_CI_LATER);
    assert_int_equal(retry, 30000);
    c.limited = 0;
    memset(headers, 0, sizeof headers);
    for (int64_t wait = CI_HTTP_SECONDARY_MS; wait < 400000; wait *= 2) { /* it says nothing */
        assert_int_equal(get(&c, &a), SCO_CI_LATER);
        assert_int_equal(retry, wait);
    }
    answer.status = 503; /* without Retry-After a failure like others */
    assert_int_equal(get(&c, &a), SCO_E_NETWORK);
    answer.status = 200;
    assert_int_equal(get(&c, &a), 0);
    assert_int_equal(c.limited, 0);
    ci_http_done(&c);
}

static int finds, found_at;

static int find(void *user, struct sco_errbuf *e)
{
    (void)user;
    (void)e;
    return ++finds == found_at ? CI_FOUND : 0;
}

static void test_writes_look_before_they_repeat(void **state)
{
    struct ci_request q = {.method = "POST", .path = "/x", .what = "x", .body = SCO_STR("{}")};
    struct ci_answer a;
    (void)state;
    for (found_at = 0; found_at < 3; found_at++) {
        struct ci_http c = client();
        finds = 0;
        fails = 2;
        assert_int_equal(ci_write(&c, &q, find, NULL, &a, &fh->e), found_at ? CI_FOUND : 0);
        assert_int_equal(asked, found_at ? found_at : 3);
        assert_int_equal(finds, found_at ? found_at : 2);
        ci_http_done(&c);
    }
    struct ci_http c = client();
    found_at = 0;
    fails = 100;
    assert_int_equal(ci_write(&c, &q, find, NULL, &a, &fh->e), SCO_E_NETWORK);
    assert_int_equal(asked, CI_HTTP_TRIES);
    fails = 1;
    asked = 0;
    assert_int_equal(ci_write(&c, &q, NULL, NULL, &a, &fh->e), SCO_E_NETWORK);
    assert_int_equal(asked, 1);
    answer.status = 422; /* refused: nothing to look for */
    fails = asked = finds = 0;
    assert_int_equal(ci_write(&c, &q, find, NULL, &a, &fh->e), SCO_E_INVALID);
    assert_int_equal(asked + finds, 1);
    ci_http_done(&c);
}

static void test_pages(void **state)
{
    struct ci_http c = client();
    struct ci_answer a = {0};
    (void)state;
    a.r.headers = headers;
    a.r.n_headers = 4;
    assert_null(ci_next_page(&c, "/x?per_page=100", &a));
    headers[0] = (struct sco_pair){
        SCO_STR("link"),
        SCO_STR(
            "<https://evil/y?page=1>; rel=\"prev\", <https://evil/y?a=b&page=3>; rel=\"next\"")};
    assert_string_equal(ci_next_page(&c, "/x?per_page=100", &a), "/x?a=b&page=3");
    headers[0] = (struct sco_pair){SCO_STR("x-next-page"), SCO_STR("2")};
    assert_string_equal(ci_next_page(&c, "/x?per_page=100&page=1", &a), "/x?per_page=100&page=2");
    assert_string_equal(ci_next_page(&c, "/x", &a), "/x?page=2");
    headers[0].value = SCO_STR("");
    assert_null(ci_next_page(&c, "/x", &a));
    assert_str(ci_query(SCO_STR("https://x/?a=1&code=b%20c#f"), "code"), "b%20c");
    ci_http_done(&c);
}

/* ---- turns to write -------------------------------------------------------------------------- */

/* Two operations of an integration at once. */
static void test_turns(void **state)
{
    char dir[] = "/tmp/ci-turns-XXXXXX", path[64];
    (void)state;
    assert_non_null(mkdtemp(dir));
    fh->now = 1000000000000;
    struct ci_http a = {.h = h, .platform = "X", .cache_dir = dir, .write_gap_ms = 1000}, b = a;
    ci_http_open(&a);
    ci_http_open(&b);
    assert_int_equal(ci_http_turn(&a), 0);
    assert_int_equal(ci_http_turn(&b), 1000);
    assert_int_equal(ci_http_turn(&a), 2000);
    a.last_write = ci_mono_ms(); /* what one keeps takes no turn of the other away */
    ci_http_keep(&a);
    assert_int_equal(ci_http_turn(&b), 3000);
    fh->now += 3500;
    assert_int_equal(ci_http_turn(&a), 500);
    fh->now -= 86400000; /* a clock that was set back stops nobody for a day */
    assert_int_equal(ci_http_turn(&b), 0);
    for (size_t i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/server-state%s", dir, i ? ".lock" : "");
        assert_int_equal(unlink(path), 0);
    }
    assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_json, setup, teardown),
        cmocka_unit_test_setup_teardown(test_json_node, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cut, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cut_rows, setup, teardown),
        cmocka_unit_test_setup_teardown(test_escape, setup, teardown),
        cmocka_unit_test_setup_teardown(test_paths, setup, teardown),
        cmocka_unit_test_setup_teardown(test_times, setup, teardown),
        cmocka_unit_test_setup_teardown(test_shas_and_refs, setup, teardown),
        cmocka_unit_test_setup_teardown(test_urls, setup, teardown),
        cmocka_unit_test_setup_teardown(test_event, setup, teardown),
        cmocka_unit_test_setup_teardown(test_outcomes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_html_is_no_answer, setup, teardown),
        cmocka_unit_test_setup_teardown(test_limits, setup, teardown),
        cmocka_unit_test_setup_teardown(test_writes_look_before_they_repeat, setup, teardown),
        cmocka_unit_test_setup_teardown(test_turns, setup, teardown),
        cmocka_unit_test_setup_teardown(test_pages, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
