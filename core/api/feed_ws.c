/* The feed over a WebSocket (RFC 6455): frames are wslay's, bytes go through the bufferevent. What
 * a reader sends is not looked at, but for control frames. */
#include "feed_priv.h"

#include "http_priv.h"

#include <secureops/crypto.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <openssl/evp.h>
#include <wslay/wslay.h>

enum { KEY_LEN = 24, NONCE_LEN = 16, SHA1_LEN = 20 };
static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/* ---- handshake ---- */
static bool header_has(const struct api_call *c, const char *name, const char *word)
{
    const char *value = api_request_header(c, name);
    return value && http_list_has(sco_str_c(value), word);
}

int feed_ws_accept(struct api_call *c, char out[32], struct sco_error *err)
{
    const char *key = api_request_header(c, "Sec-WebSocket-Key");
    const char *version = api_request_header(c, "Sec-WebSocket-Version");
    uint8_t nonce[NONCE_LEN + 2], digest[SHA1_LEN];
    size_t n = 0;
    unsigned len = 0;
    if (!header_has(c, "Upgrade", "websocket") || !header_has(c, "Connection", "upgrade")) {
        api_header(c, "Upgrade", "websocket");
        return api_problem(c, 426, err, "this is a WebSocket");
    }
    if (!version || strcmp(version, "13") != 0) {
        api_header(c, "Sec-WebSocket-Version", "13");
        return api_problem(c, 426, err, "version 13 of WebSocket is wanted");
    }
    if (!key || strlen(key) != KEY_LEN ||
        !sco_base64_decode(sco_str_c(key), nonce, sizeof nonce, &n) || n != NONCE_LEN)
        return api_fault(c, err, "Sec-WebSocket-Key", "is no key");
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    sco_buf_addf(&b, "%s%s", key, guid);
    if (b.failed || !EVP_Digest(b.p, b.n, digest, &len, EVP_sha1(), NULL))
        return sco_error_set(err, SCO_E_INTERNAL, "SHA-1 cannot be had");
    sco_buf_clear(&b);
    sco_base64_encode(sco_str_make((const char *)digest, sizeof digest), &b);
    if (b.failed)
        return sco_error_nomem(err);
    snprintf(out, 32, "%s", sco_buf_z(&b));
    return 0;
}

/* ---- wslay's callbacks ---- */
static ssize_t on_recv(wslay_event_context_ptr ws, uint8_t *buf, size_t n, int flags, void *user)
{
    struct feed_client *c = user;
    (void)flags;
    int got = evbuffer_remove(bufferevent_get_input(c->b), buf, n);
    if (got > 0)
        return got;
    wslay_event_set_error(ws, WSLAY_ERR_WOULDBLOCK);
    return -1;
}

static ssize_t on_send(wslay_event_context_ptr ws, const uint8_t *p, size_t n, int flags,
                       void *user)
{
    struct feed_client *c = user;
    (void)flags;
    if (bufferevent_write(c->b, p, n) == 0)
        return (ssize_t)n;
    wslay_event_set_error(ws, WSLAY_ERR_CALLBACK_FAILURE);
    return -1;
}

int feed_ws_open(struct feed_client *c, struct sco_error *err)
{
    static const struct wslay_event_callbacks callbacks = {.recv_callback = on_recv,
                                                           .send_callback = on_send};
    if (wslay_event_context_server_init(&c->ws, &callbacks, c) != 0) {
        c->ws = NULL;
        return sco_error_nomem(err);
    }
    wslay_event_config_set_max_recv_msg_length(c->ws, FEED_INPUT_MAX);
    return 0;
}

void feed_ws_free(struct feed_client *c)
{
    wslay_event_context_free(c->ws);
    c->ws = NULL;
}

/* ---- messages ---- */
/* A reader that cannot be written to any more is dropped by the timer. */
static void queue(struct feed_client *c, uint8_t opcode, struct sco_str text)
{
    struct wslay_event_msg m = {
        .opcode = opcode, .msg = (const uint8_t *)text.p, .msg_length = text.n};
    if (wslay_event_queue_msg(c->ws, &m) != 0 || wslay_event_send(c->ws) != 0) {
        c->state = FEED_CLOSING;
        c->close_at = 0;
    }
}

void feed_ws_text(struct feed_client *c, struct sco_str text)
{
    queue(c, WSLAY_TEXT_FRAME, text);
}

void feed_ws_ping(struct feed_client *c)
{
    queue(c, WSLAY_PING, SCO_STR(""));
}

void feed_ws_close(struct feed_client *c, const char *why)
{
    size_t n = strlen(why);
    uint16_t code =
        c->feed->stopping ? WSLAY_CODE_GOING_AWAY : (uint16_t)WSLAY_CODE_POLICY_VIOLATION;
    if (wslay_event_queue_close(c->ws, code, (const uint8_t *)why, n) == 0)
        wslay_event_send(c->ws);
}

bool feed_ws_read(struct feed_client *c)
{
    /* what is wrong with a frame, and its own close, are answered by wslay */
    bool fine = wslay_event_recv(c->ws) == 0 && wslay_event_send(c->ws) == 0;
    if (fine && wslay_event_get_close_sent(c->ws) && c->state != FEED_CLOSING) {
        c->state = FEED_CLOSING;
        c->close_at = sco_mono_ms() + FEED_BEAT_MS / 3;
    }
    bool said = wslay_event_get_close_sent(c->ws) && wslay_event_get_close_received(c->ws);
    return fine && !(said && !evbuffer_get_length(bufferevent_get_output(c->b)));
}
