/* What is acknowledged without a gap; requests from outside; the file of JSON lines. */
#include "bus_priv.h"

#include <secureops/fs.h>

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#define TEST(name) static void name(void **state)

/* ---- window ---- */
TEST(the_cursor_does_not_pass_a_gap)
{
    struct bus_window w;
    (void)state;
    assert_int_equal(bus_window_init(&w, 3), 0); /* room for 4 */
    bus_window_start(&w, 100);
    uint64_t n[4];
    for (int i = 0; i < 4; i++)
        n[i] = bus_window_push(&w, 101 + 2 * i); /* positions may have gaps themselves */
    assert_true(bus_window_full(&w));
    bus_window_ack(&w, n[2]);
    bus_window_ack(&w, n[1]);
    assert_int_equal(w.position, 100);
    assert_int_equal(bus_window_waiting(&w), 4);
    bus_window_ack(&w, n[0]);
    assert_int_equal(w.position, 105);
    bus_window_ack(&w, n[0]); /* again: nothing */
    assert_int_equal(bus_window_waiting(&w), 1);
    assert_false(bus_window_full(&w));
    uint64_t later = bus_window_push(&w, 200);
    bus_window_start(&w, 105); /* anew: what was given up is not acknowledged any more */
    bus_window_ack(&w, later);
    bus_window_ack(&w, n[3]);
    assert_int_equal(w.position, 105);
    assert_int_equal(bus_window_waiting(&w), 0);
    uint64_t again = bus_window_push(&w, 107);
    bus_window_ack(&w, later);
    assert_int_equal(w.position, 105);
    bus_window_ack(&w, again);
    assert_int_equal(w.position, 107);
    bus_window_done(&w);
}

TEST(any_order_of_acknowledgements_ends_at_the_last)
{
    struct bus_window w;
    (void)state;
    assert_int_equal(bus_window_init(&w, 64), 0);
    bus_window_start(&w, 0);
    for (int round = 0; round < 50; round++) {
        uint64_t first = w.next;
        for (int i = 0; i < 64; i++)
            bus_window_push(&w, 1 + round * 64 + i);
        for (uint64_t i = 0; i < 64; i++) { /* 37 has no common factor with 64: each once */
            bus_window_ack(&w, first + (i * 37 + (uint64_t)round) % 64);
            assert_true(w.position <= (round + 1) * 64);
            for (uint64_t k = w.first; k < w.next; k++)
                if (k == w.first)
                    assert_false(w.v[k & 63].done);
        }
        assert_int_equal(w.position, (round + 1) * 64);
    }
    bus_window_done(&w);
}

/* ---- requests ---- */
#define ID "01234567-89AB-4def-8123-456789abcdef"
#define HEAD                                                                                       \
    "{\"event_id\":\"" ID "\",\"event_type\":\"security.scan.requested\",\"version\":\"1.0\""

TEST(a_request_is_read)
{
    struct sco_arena a = {0};
    struct bus_request q;
    struct sco_error err;
    (void)state;
    assert_int_equal(
        bus_request_parse(SCO_STR(HEAD
                                  ",\"timestamp\":\"2026-01-01T00:00:00Z\",\"data\":{\"target\":"
                                  "{\"kind\":\"repository\"},\"n\":1.50},\"metadata\":{"
                                  "\"correlation_id\":\"c\",\"x\":null}}"),
                          &a, &q, &err),
        0);
    assert_string_equal(q.event_id, "01234567-89ab-4def-8123-456789abcdef");
    assert_string_equal(q.correlation_id, "c");
    assert_string_equal(q.data.p, "{\"target\":{\"kind\":\"repository\"},\"n\":1.50}");
    assert_int_equal(bus_request_parse(SCO_STR(HEAD ",\"data\":{}}"), &a, &q, &err), 0);
    assert_null(q.correlation_id);
    sco_arena_done(&a);
}

TEST(what_is_no_request_says_why)
{
    static const struct {
        const char *text, *why;
    } bad[] = {
        {"", "no JSON"},
        {"\xff\xfe", "no JSON"},
        {"[]", "no JSON object"},
        {"{}", "event_id"},
        {"{\"event_id\":\"x\"}", "event_id"},
        {"{\"event_id\":7}", "event_id"},
        {"{\"event_id\":\"" ID "\",\"event_type\":\"security.scan.started\"}", "event_type"},
        {"{\"event_id\":\"" ID "\",\"event_type\":\"security.scan.requested\",\"version\":\"2.0\","
         "\"data\":{}}",
         "version"},
        {HEAD "}", "data"},
        {HEAD ",\"data\":[]}", "data"},
        {HEAD ",\"data\":{}} {}", "no JSON"},
    };
    (void)state;
    for (size_t i = 0; i < SCO_ARRAY_LEN(bad); i++) {
        struct sco_arena a = {0};
        struct bus_request q;
        struct sco_error err = {0};
        assert_int_equal(bus_request_parse(sco_str_c(bad[i].text), &a, &q, &err), SCO_E_INVALID);
        if (!strstr(err.text, bad[i].why))
            fail_msg("%s: \"%s\"", bad[i].text, err.text);
        sco_arena_done(&a);
    }
    struct sco_buf b = {0};
    bus_rejection_write(&b,
                        &(struct bus_record){
                            .topic = "t", .partition = 2, .offset = 7, .value = SCO_STR("a\xff\"")},
                        "why");
    assert_string_equal(sco_buf_z(&b),
                        "{\"reason\":\"why\",\"topic\":\"t\",\"partition\":2,"
                        "\"offset\":7,\"size\":3,\"message\":\"a\xef\xbf\xbd\\\"\"}");
    sco_buf_done(&b);
}

/* ---- the file ---- */
struct file {
    char *dir, path[256];
    struct bus_sink *sink;
};

static int file_set_up(void **state)
{
    struct sco_error err;
    struct file *f = calloc(1, sizeof *f);
    assert_int_equal(sco_fs_mkdtemp(NULL, "sco-bus-", &f->dir, &err), 0);
    snprintf(f->path, sizeof f->path, "%s/events.jsonl", f->dir);
    assert_int_equal(bus_jsonl_new(f->path, &f->sink, &err), 0);
    *state = f;
    return 0;
}

static int file_tear_down(void **state)
{
    struct file *f = *state;
    f->sink->ops->free(f->sink);
    sco_fs_remove_tree(f->dir);
    free(f->dir);
    free(f);
    return 0;
}

static void put_line(struct file *f, int64_t position)
{
    struct sco_error err;
    char text[64];
    snprintf(text, sizeof text, "{\"event_id\":\"%d\"}", (int)position);
    struct sco_event e = {.position = position};
    assert_int_equal(f->sink->ops->put(f->sink, &e, sco_str_c(text), &err), 0);
}

static void written_is(struct file *f, int64_t want)
{
    struct sco_error err;
    int64_t at = 0;
    size_t waiting = 9;
    assert_int_equal(f->sink->ops->poll(f->sink, 0, &at, &waiting, &err), 0);
    assert_int_equal(at, want);
    assert_int_equal(waiting, 0);
}

static void content_is(const char *path, const char *want)
{
    struct sco_error err;
    struct sco_buf b = {0};
    assert_int_equal(sco_fs_read(path, 1 << 20, &b, &err), 0);
    assert_string_equal(sco_buf_z(&b), want);
    sco_buf_done(&b);
}

static void content_set(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static void start_at(struct file *f, int64_t position)
{
    struct sco_error err;
    assert_int_equal(f->sink->ops->open(f->sink, position, &err), 0);
}

TEST(lines_are_whole_and_private)
{
    struct file *f = *state;
    struct stat st;
    start_at(f, 4);
    written_is(f, 4);
    put_line(f, 5);
    put_line(f, 6);
    content_is(f->path, "");
    written_is(f, 6);
    put_line(f, 7);
    f->sink->ops->close(f->sink); /* given up */
    start_at(f, 6);
    put_line(f, 7);
    written_is(f, 7);
    content_is(f->path, "{\"event_id\":\"5\"}\n{\"event_id\":\"6\"}\n{\"event_id\":\"7\"}\n");
    assert_int_equal(stat(f->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

TEST(a_rotated_file_is_left)
{
    struct file *f = *state;
    char old[300];
    snprintf(old, sizeof old, "%s.1", f->path);
    start_at(f, 0);
    put_line(f, 1);
    written_is(f, 1);
    assert_int_equal(rename(f->path, old), 0);
    put_line(f, 2);
    written_is(f, 2);
    content_is(old, "{\"event_id\":\"1\"}\n");
    content_is(f->path, "{\"event_id\":\"2\"}\n");
    assert_int_equal(unlink(f->path), 0);
    content_set(f->path, ""); /* made by who rotated it */
    put_line(f, 3);
    written_is(f, 3);
    content_is(f->path, "{\"event_id\":\"3\"}\n");
}

TEST(half_a_line_is_repaired)
{
    struct file *f = *state;
    content_set(f->path, "{\"event_id\":\"1\"}\n{\"event_id\":\"2\",\"da");
    start_at(f, 1);
    put_line(f, 2);
    written_is(f, 2);
    content_is(f->path, "{\"event_id\":\"1\"}\n{\"event_id\":\"2\"}\n");
    f->sink->ops->close(f->sink);
    content_set(f->path, "{\"ev"); /* the first one */
    start_at(f, 0);
    content_is(f->path, "");
    f->sink->ops->close(f->sink);
    content_set(f->path, "somebody's notes"); /* none of ours: nothing of it is lost */
    start_at(f, 0);
    put_line(f, 1);
    written_is(f, 1);
    content_is(f->path, "somebody's notes\n{\"event_id\":\"1\"}\n");
}

TEST(no_room_and_no_folder_are_errors)
{
    struct file *f = *state;
    struct sco_error err;
    struct bus_sink *s = NULL;
    int64_t at = 3;
    size_t waiting = 0;
    char path[300];
    snprintf(path, sizeof path, "%s/none/x.jsonl", f->dir);
    assert_int_equal(bus_jsonl_new(path, &s, &err), 0);
    assert_int_equal(s->ops->open(s, 0, &err), SCO_E_NOT_FOUND);
    s->ops->free(s);
    assert_int_equal(bus_jsonl_new("/dev/full", &s, &err), 0);
    assert_int_equal(s->ops->open(s, 0, &err), 0);
    struct sco_event e = {.position = 1};
    assert_int_equal(s->ops->put(s, &e, SCO_STR("{}"), &err), 0);
    assert_int_equal(s->ops->poll(s, 0, &at, &waiting, &err), SCO_E_IO);
    assert_int_equal(at, 3);
    s->ops->free(s);
}

#define WITH_FILE(name) cmocka_unit_test_setup_teardown(name, file_set_up, file_tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_cursor_does_not_pass_a_gap),
        cmocka_unit_test(any_order_of_acknowledgements_ends_at_the_last),
        cmocka_unit_test(a_request_is_read),
        cmocka_unit_test(what_is_no_request_says_why),
        WITH_FILE(lines_are_whole_and_private),
        WITH_FILE(a_rotated_file_is_left),
        WITH_FILE(half_a_line_is_repaired),
        WITH_FILE(no_room_and_no_folder_are_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
