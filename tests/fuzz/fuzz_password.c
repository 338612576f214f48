/* Hashes of passwords as text, and base64url: one text for each sequence of bytes. */
#include "auth_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_str text = sco_str_make((const char *)data, size);
    uint8_t out[4096];
    size_t n = 0;
    bool hash = password_is_hash(text);
    SCO_BUG_ON(hash && !sco_str_starts(text, "$scrypt$ln="));
    if (sco_base64url_decode(text, out, sizeof out, &n)) {
        sco_base64url_encode(sco_str_make((char *)out, n), &b);
        SCO_BUG_ON(!sco_str_eq(sco_buf_str(&b), text));
    }
    return 0;
}
