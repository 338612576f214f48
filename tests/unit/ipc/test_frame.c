/* Frames: every way to cut a stream, limits, broken streams, a peer that is gone, no memory. */
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stddef.h>
#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <secureops/ipc.h>

static void add_frame(struct sco_buf *b, char type, struct sco_str payload)
{
    for (int i = 0; i < 4; i++)
        sco_buf_addc(b, (char)(payload.n >> (8 * i)));
    sco_buf_addc(b, type);
    sco_buf_add(b, payload);
}

static void test_every_cut(void **state)
{
    (void)state;
    SCO_AUTO(sco_buf) struct sco_buf wire = {0};
    add_frame(&wire, 'H', SCO_STR("{}"));
    add_frame(&wire, 'L', SCO_STR(""));
    add_frame(&wire, 'D', SCO_STR("{\"status\":\"completed\"}"));
    for (size_t cut = 0; cut <= wire.n; cut++) {
        struct sco_frames f = {0};
        struct sco_buf seen = {0};
        for (int half = 0; half < 2; half++) {
            struct sco_str part =
                half ? sco_str_make(wire.p + cut, wire.n - cut) : sco_str_make(wire.p, cut);
            enum sco_msg type;
            struct sco_str payload;
            assert_int_equal(sco_frames_feed(&f, part, NULL), 0);
            int r;
            while ((r = sco_frames_next(&f, &type, &payload, NULL)) == 1) {
                sco_buf_addc(&seen, (char)type);
                sco_buf_add(&seen, payload);
            }
            assert_int_equal(r, 0);
        }
        assert_string_equal(sco_buf_z(&seen), "H{}LD{\"status\":\"completed\"}");
        sco_buf_done(&seen);
        sco_frames_done(&f);
    }
}

/* Nobody reads: the timeout of the socket ends the wait. */
static void test_send_timeout(void **state)
{
    (void)state;
    int pair[2];
    struct timeval tv = {.tv_usec = 20000};
    char *much = calloc(8, 1 << 20);
    assert_non_null(much);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(setsockopt(pair[0], SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof tv), 0);
    assert_int_equal(sco_frame_send(pair[0], SCO_MSG_JOB, sco_str_make(much, 8 << 20), NULL),
                     SCO_E_TIMEOUT);
    close(pair[0]);
    close(pair[1]);
    free(much);
}

static void test_limit(void **state)
{
    (void)state;
    struct sco_error err;
    struct sco_frames f = {0};
    enum sco_msg type;
    struct sco_str payload;
    assert_int_equal(sco_frames_feed(&f, sco_str_make("\x01\x00\x00\x04L", 5), &err), 0);
    assert_int_equal(sco_frames_next(&f, &type, &payload, &err), SCO_E_LIMIT);
    sco_frames_done(&f);
    assert_int_equal(sco_frames_feed(&f, sco_str_make("\x00\x00\x00\x04L", 5), &err), 0);
    assert_int_equal(sco_frames_next(&f, &type, &payload, &err), 0); /* at the limit: more needed */
    sco_frames_done(&f);
    assert_int_equal(sco_frame_send(-1, SCO_MSG_LOG, sco_str_make("", SCO_FRAME_MAX + 1u), &err),
                     SCO_E_LIMIT);
}

static void test_unknown_type(void **state)
{
    (void)state;
    for (int c = 0; c < 256; c++) {
        char head[5] = {0, 0, 0, 0, (char)c};
        struct sco_frames f = {0};
        enum sco_msg type;
        struct sco_str payload;
        assert_int_equal(sco_frames_feed(&f, sco_str_make(head, 5), NULL), 0);
        int want = c && strchr("JCHOMUTFRLPIDKA", c) ? 1 : SCO_E_FORMAT;
        assert_int_equal(sco_frames_next(&f, &type, &payload, NULL), want);
        sco_frames_done(&f);
    }
}

struct sender {
    int fd;
    size_t size;
    int result;
};

static void *send_big(void *arg)
{
    struct sender *s = arg;
    char *p = malloc(s->size);
    memset(p, 'x', s->size);
    s->result = sco_frame_send(s->fd, SCO_MSG_FINDINGS, sco_str_make(p, s->size), NULL);
    free(p);
    close(s->fd);
    return NULL;
}

/* Both ends non-blocking and a frame far above the socket's buffer. */
static void test_big_nonblocking(void **state)
{
    (void)state;
    int sv[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, sv), 0);
    struct sender s = {sv[1], 8u << 20, -1};
    pthread_t t;
    assert_int_equal(pthread_create(&t, NULL, send_big, &s), 0);
    struct sco_frames f = {0};
    enum sco_msg type;
    struct sco_str payload;
    assert_int_equal(sco_frames_read(&f, sv[0], &type, &payload, NULL), 1);
    assert_int_equal(type, SCO_MSG_FINDINGS);
    assert_int_equal(payload.n, s.size);
    assert_int_equal(payload.p[payload.n - 1], 'x');
    assert_int_equal(sco_frames_read(&f, sv[0], &type, &payload, NULL), 0);
    assert_true(f.in.cap <= 1 << 20); /* the memory of the huge frame went back */
    pthread_join(t, NULL);
    assert_int_equal(s.result, 0);
    sco_frames_done(&f);
    close(sv[0]);
}

static void test_peer_gone(void **state)
{
    (void)state;
    int sv[2];
    struct sco_error err;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv), 0);
    assert_int_equal(write(sv[1], "\x09\0\0\0Lhalf", 9), 9);
    close(sv[1]);
    assert_int_equal(sco_frame_send(sv[0], SCO_MSG_LOG, SCO_STR("x"), &err), SCO_E_IO);
    struct sco_frames f = {0};
    enum sco_msg type;
    struct sco_str payload;
    assert_int_equal(sco_frames_read(&f, sv[0], &type, &payload, &err), SCO_E_IO);
    assert_string_equal(err.text, "the stream ended inside a message");
    sco_frames_done(&f);
    close(sv[0]);
}

static void test_no_memory(void **state)
{
    (void)state;
    SCO_AUTO(sco_buf) struct sco_buf wire = {0};
    add_frame(&wire, 'H', SCO_STR("{\"version\":\"1\"}"));
    for (long nth = 0; nth < 8; nth++) {
        struct sco_frames f = {0};
        enum sco_msg type;
        struct sco_str payload;
        sco_alloc_fail_at(nth);
        int r = sco_frames_feed(&f, sco_buf_str(&wire), NULL);
        sco_alloc_fail_at(-1);
        assert_int_equal(r, nth == 0 ? SCO_E_NOMEM : 0);
        assert_int_equal(r == 0 ? sco_frames_next(&f, &type, &payload, NULL) : 1, 1);
        sco_frames_done(&f);
        int sv[2];
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv), 0);
        assert_int_equal(write(sv[1], wire.p, wire.n), (ssize_t)wire.n);
        sco_alloc_fail_at(nth);
        r = sco_frames_read(&f, sv[0], &type, &payload, NULL);
        sco_alloc_fail_at(-1);
        assert_int_equal(r, nth == 0 ? SCO_E_NOMEM : 1);
        sco_frames_done(&f);
        close(sv[0]);
        close(sv[1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_cut),       cmocka_unit_test(test_send_timeout),
        cmocka_unit_test(test_limit),           cmocka_unit_test(test_unknown_type),
        cmocka_unit_test(test_big_nonblocking), cmocka_unit_test(test_peer_gone),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
