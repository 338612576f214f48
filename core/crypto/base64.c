/* Base64 by Nettle. A file of its own: who decodes does not load what Ed25519 and RSA need. */
#include <secureops/crypto.h>

#include <nettle/base64.h>

bool sco_base64_decode(struct sco_str text, uint8_t *out, size_t cap, size_t *ret_n)
{
    struct base64_decode_ctx ctx;
    size_t n = 0;
    base64_decode_init(&ctx);
    for (size_t i = 0; i < text.n; i++) {
        uint8_t one;
        int r = base64_decode_single(&ctx, &one, text.p[i]);
        if (r < 0 || (r == 1 && n == cap))
            return false;
        if (r == 1)
            out[n++] = one;
    }
    if (!base64_decode_final(&ctx))
        return false;
    *ret_n = n;
    return true;
}
