/* Heads, targets, chunks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "http_priv.h"

static struct http_head head;

static int parse(const char *text)
{
    const char *why = NULL;
    size_t scanned = 0;
    struct sco_str s = sco_str_c(text);
    long end = http_head_end(s, &scanned);
    if (end < 0)
        return (int)-end;
    assert_int_equal(end, s.n);
    int r = http_head_parse(s, &head, &why);
    if (r)
        assert_non_null(why);
    return r;
}

static void test_good(void **state)
{
    (void)state;
    assert_int_equal(parse("GET /a/b%20c?x=1&y HTTP/1.1\r\nHost: h:80\r\nA:  b \t\r\n\r\n"), 0);
    assert_true(sco_str_is(head.method, "GET"));
    assert_true(sco_str_is(head.path, "/a/b%20c"));
    assert_true(sco_str_is(head.query, "x=1&y"));
    assert_true(sco_str_is(http_head_get(&head, "a"), "b"));
    assert_true(head.keep_alive && !head.chunked && head.content_length == -1);
    assert_int_equal(parse("GET / HTTP/1.0\r\n\r\n"), 0);
    assert_false(head.keep_alive);
    assert_int_equal(parse("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"), 0);
    assert_true(head.keep_alive);
    assert_int_equal(parse("GET / HTTP/1.1\r\nHost: h\r\nConnection: x, Close\r\n\r\n"), 0);
    assert_false(head.keep_alive);
    assert_int_equal(parse("POST / HTTP/1.1\r\nHost: [::1]:8\r\nContent-Length: 12\r\n\r\n"), 0);
    assert_int_equal(head.content_length, 12);
    assert_int_equal(parse("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n\r\n"), 0);
    assert_true(head.chunked);
    assert_int_equal(parse("GET http://H:1/p?q HTTP/1.1\r\nHost: h:1\r\n\r\n"), 0);
    assert_true(sco_str_is(head.path, "/p"));
    assert_int_equal(parse("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n"), 0);
    assert_true(head.asterisk);
}

static void test_refused(void **state)
{
    static const struct {
        int status;
        const char *text;
    } all[] = {
        {400, "GET / HTTP/1.1\nHost: h\n\n"},
        {400, "\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n"},
        {400, "GET /\r\n\r\n"},
        {400, "GET  / HTTP/1.1\r\nHost: h\r\n\r\n"},
        {400, "GET / HTTP/1.1 \r\nHost: h\r\n\r\n"},
        {400, "GET / http/1.1\r\nHost: h\r\n\r\n"},
        {400, "G(T / HTTP/1.1\r\nHost: h\r\n\r\n"},
        {505, "PRI * HTTP/2.0\r\n\r\n"},
        {505, "GET / HTTP/2.0\r\nHost: h\r\n\r\n"},
        {400, "GET /a#b HTTP/1.1\r\nHost: h\r\n\r\n"},
        {400, "GET /\x80 HTTP/1.1\r\nHost: h\r\n\r\n"},
        {400, "GET a HTTP/1.1\r\nHost: h\r\n\r\n"},
        {400, "GET * HTTP/1.1\r\nHost: h\r\n\r\n"},
        {400, "GET http://other/ HTTP/1.1\r\nHost: h\r\n\r\n"},
        {400, "GET http://h HTTP/1.1\r\nHost: h\r\n\r\n"},
        {400, "CONNECT h:443 HTTP/1.1\r\nHost: h\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: \r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: a b\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: u@h\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: h:99999\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: h\r\n folded: x\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: h\r\nA : b\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: h\r\nnothing\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: h\r\n: b\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: h\r\nA: b\x01\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: h\r\nA: b\rc\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1, 1\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +1\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0x1\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9999999999999999999\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n"
              "\r\n"},
        {400, "POST / HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n"
              "\r\n"},
        {501, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"},
        {501, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: \x0b"
              "chunked\r\n\r\n"},
        {417, "POST / HTTP/1.1\r\nHost: h\r\nExpect: wonders\r\n\r\n"},
    };
    (void)state;
    for (size_t i = 0; i < SCO_ARRAY_LEN(all); i++) {
        int got = parse(all[i].text);
        bool same = got == all[i].status || (all[i].status == 501 && got == 400);
        if (!same)
            fail_msg("%d instead of %d: %s", got, all[i].status, all[i].text);
    }
}

static void test_limits(void **state)
{
    (void)state;
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    sco_buf_addz(&b, "GET /");
    for (int i = 0; i < HTTP_TARGET_MAX; i++)
        sco_buf_addc(&b, 'a');
    sco_buf_addz(&b, " HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_int_equal(parse(sco_buf_z(&b)), 414);
    sco_buf_clear(&b);
    sco_buf_addz(&b, "GET / HTTP/1.1\r\nHost: h\r\n");
    for (int i = 0; i < HTTP_HEADERS_MAX; i++)
        sco_buf_addf(&b, "a%d: b\r\n", i);
    sco_buf_addz(&b, "\r\n");
    assert_int_equal(parse(sco_buf_z(&b)), 431);
    sco_buf_clear(&b);
    sco_buf_addz(&b, "GET / HTTP/1.1\r\nHost: h\r\nA: ");
    for (int i = 0; i < HTTP_HEAD_MAX; i++)
        sco_buf_addc(&b, 'a');
    assert_int_equal(parse(sco_buf_z(&b)), 431);
}

/* A head in any two pieces is the head. */
static void test_pieces(void **state)
{
    static const char text[] = "GET / HTTP/1.1\r\nHost: h\r\n\r\nGET";
    (void)state;
    size_t scanned = 0;
    for (size_t n = 0; n < sizeof text - 4; n++)
        assert_int_equal(http_head_end(sco_str_make(text, n), &scanned), 0);
    assert_int_equal(http_head_end(sco_str_make(text, sizeof text - 1), &scanned), sizeof text - 4);
}

static bool decodes(const char *in, const char *out)
{
    char text[64];
    size_t n;
    if (!http_decode(sco_str_c(in), false, text, &n))
        return false;
    return strcmp(text, out) == 0 && n == strlen(out);
}

static void test_decode(void **state)
{
    (void)state;
    assert_true(decodes("a%2Fb%c3%a9+", "a/b\xc3\xa9+"));
    static const char *const bad[] = {"%00", "a%0", "%", "%zz", "%0a", "%7f", "%ff", "%c3"};
    for (size_t i = 0; i < SCO_ARRAY_LEN(bad); i++)
        assert_false(decodes(bad[i], ""));
    struct sco_str s[HTTP_SEGMENTS_MAX];
    assert_int_equal(http_segments(SCO_STR("/"), s), 0);
    assert_int_equal(http_segments(SCO_STR("/a/b"), s), 2);
    assert_int_equal(http_segments(SCO_STR("/a/..%2fb"), s), 2);
    assert_int_equal(http_segments(SCO_STR("/a//b"), s), -1);
    assert_int_equal(http_segments(SCO_STR("/a/../b"), s), -1);
    assert_int_equal(http_segments(SCO_STR("/a/%2e%2E/b"), s), -1);
    assert_int_equal(http_segments(SCO_STR("/a/.%2e"), s), -1);
    assert_int_equal(http_segments(SCO_STR("/./a"), s), -1);
    assert_int_equal(http_segments(SCO_STR("a"), s), -1);
}

/* Gives the text in pieces of `step` bytes. The content, or NULL: malformed or not whole. */
static const char *unchunk(const char *text, size_t step)
{
    static char out[256];
    struct http_chunks c = {0};
    size_t at = 0, n = strlen(text), got = 0;
    int r = 1;
    while (r > 0 && at < n) {
        size_t used, take = n - at < step ? n - at : step;
        struct sco_str data;
        r = http_chunks_take(&c, sco_str_make(text + at, take), &used, &data);
        if (r < 0)
            return NULL;
        memcpy(out + got, data.p, data.n);
        got += data.n;
        at += used;
    }
    out[got] = 0;
    return r == 0 && at == n ? out : NULL;
}

static void test_chunks(void **state)
{
    (void)state;
    for (size_t step = 1; step < 64; step++) {
        assert_string_equal(
            unchunk("5\r\nhello\r\n1;x=y\r\n \r\n0A\r\n0123456789\r\n0\r\n\r\n", step),
            "hello 0123456789");
        assert_string_equal(unchunk("1\r\na\r\n0\r\nA: b\r\nC: d\r\n\r\n", step), "a");
        assert_null(unchunk("5\nhello\n0\r\n\r\n", step));
        assert_null(unchunk("5\r\nhelloo\r\n0\r\n\r\n", step));
        assert_null(unchunk("\r\n", step));
        assert_null(unchunk("-1\r\n", step));
        assert_null(unchunk("0x5\r\nhello\r\n0\r\n\r\n", step));
        assert_null(unchunk("5 \r\nhello\r\n0\r\n\r\n", step));
        assert_null(unchunk("FFFFFFFFFFFFFFFFF\r\n", step));
        assert_null(unchunk("1\r\na\r\n0\r\nA: b\n\r\n", step));
        assert_null(unchunk("1\r\na\r\n0\r\n\rx\r\n", step));
    }
}

static void test_lists(void **state)
{
    (void)state;
    assert_true(http_list_has(SCO_STR("br, GZIP;q=0.5"), "gzip"));
    assert_false(http_list_has(SCO_STR("gzip;q=0"), "gzip"));
    assert_false(http_list_has(SCO_STR("xgzip, gzipx"), "gzip"));
    assert_false(http_list_has(sco_str_make(NULL, 0), "gzip"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),   cmocka_unit_test(test_refused),
        cmocka_unit_test(test_limits), cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_decode), cmocka_unit_test(test_chunks),
        cmocka_unit_test(test_lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
