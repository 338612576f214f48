/* What one plugin of a CI platform makes of any delivery: lines "Name: value", an empty line, the
 * body. Beside not crashing: nothing is genuine without a proof, a failure has a reason, and what
 * is translated is JSON with an event in it. */
#include <fake_host.h>

#include <secureops/base.h>
#include <secureops/crypto.h>

#include <stdlib.h>

enum { HEADERS_MAX = 32 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void lower(char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i] >= 'A' && p[i] <= 'Z')
            p[i] = (char)(p[i] + 32);
}

static void split(struct fake_host *fh, struct sco_str text, struct sco_pair *headers,
                  struct sco_delivery *d)
{
    struct sco_str line;
    while (text.n && d->n_headers < HEADERS_MAX && sco_str_split(&text, '\n', &line) && line.n) {
        const char *colon = memchr(line.p, ':', line.n);
        if (!colon)
            continue;
        size_t n = (size_t)(colon - line.p);
        struct sco_str name = sco_arena_str(&fh->arena, sco_str_make(line.p, n));
        lower((char *)(uintptr_t)name.p, name.n);
        headers[d->n_headers++] =
            (struct sco_pair){name, sco_str_trim(sco_str_make(colon + 1, line.n - n - 1))};
    }
    d->headers = headers;
    d->body = text;
}

static void check_records(struct fake_host *fh)
{
    struct sco_str rest = sco_buf_str(&fh->records), line;
    size_t n = 0;
    while (rest.n && sco_str_split(&rest, '\n', &line)) {
        const struct sco_node *root = NULL;
        struct sco_error err = {0};
        if (!line.n)
            continue;
        SCO_BUG_ON(!sco_str_starts(line, "event "));
        struct sco_str json = sco_str_make(line.p + 6, line.n - 6);
        SCO_BUG_ON(sco_json_parse(json, &fh->arena, &root, &err) < 0);
        SCO_BUG_ON(!sco_text(sco_get(root, "event")).n || !sco_text(sco_get(root, "platform")).n);
        SCO_BUG_ON(!sco_is(sco_get(root, "details"), SCO_NODE_MAP) ||
                   !sco_is(sco_get(root, "context"), SCO_NODE_MAP));
        n++;
    }
    SCO_BUG_ON(!n);
}

static int equal(const struct sco_host *h, struct sco_str given, struct sco_str secret)
{
    (void)h;
    return given.n && secret.n;
}

/* What is behind the proof: whatever was given is right. */
static void verify_genuine(const uint8_t *data, size_t size)
{
    static const char *const options[] = {"webhook_secret", "s", NULL};
    struct fake_host *fh = fake_host_new();
    struct sco_pair headers[HEADERS_MAX];
    struct sco_delivery d = {.struct_size = sizeof d, .received_ms = 1700000000000};
    struct sco_receipt receipt = {.struct_size = sizeof receipt};
    SCO_BUG_ON(!fh || fake_host_open(fh, sco_plugin_v1(), options) < 0);
    struct sco_crypto_api crypto = *fh->h.crypto;
    crypto.equal = equal;
    fh->h.crypto = &crypto;
    split(fh, sco_str_make((const char *)data, size), headers, &d);
    int r = fh->plugin->ci->verify(fh->ctx, &d, &receipt, &fh->e);
    SCO_BUG_ON(r > 0 || r < SCO_E_INTERNAL || (r < 0 && !fh->error[0]));
    SCO_BUG_ON(r < 0 && (receipt.id.n || receipt.native_event.n));
    SCO_BUG_ON(fh->broken);
    fake_host_free(fh);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    verify_genuine(data, size);
    struct fake_host *fh = fake_host_new();
    struct sco_pair headers[HEADERS_MAX];
    struct sco_delivery d = {.struct_size = sizeof d, .received_ms = 1700000000000};
    struct sco_receipt receipt = {.struct_size = sizeof receipt};
    SCO_BUG_ON(!fh || fake_host_open(fh, sco_plugin_v1(), NULL) < 0);
    split(fh, sco_str_make((const char *)data, size), headers, &d);
    const struct sco_ci *ci = fh->plugin->ci;
    int r = ci->verify(fh->ctx, &d, &receipt, &fh->e);
    SCO_BUG_ON(r >= 0 || !fh->error[0]); /* no secret is configured */
    fh->error[0] = 0;
    r = ci->translate(fh->ctx, &d, &fh->e);
    SCO_BUG_ON(r > 0 || r < SCO_E_INTERNAL || (r < 0 && !fh->error[0]));
    if (r == 0)
        check_records(fh);
    SCO_BUG_ON(fh->broken);
    fake_host_free(fh);
    return 0;
}
