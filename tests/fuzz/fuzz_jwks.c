/* Key sets of an issuer: keys or an error. A key that was taken verifies nothing that it has not
 * signed, and gives its memory back. */
#include "auth_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct jwks keys;
    uint8_t signature[64] = {1};
    static const char *const algs[] = {"RS256", "ES256", "EdDSA", "none"};
    if (jwks_parse(sco_str_make((const char *)data, size), &keys, NULL) < 0)
        return 0;
    SCO_BUG_ON(keys.n > JWK_MAX);
    for (size_t i = 0; i < keys.n && i < 4; i++)
        for (size_t k = 0; k < SCO_ARRAY_LEN(algs); k++) {
            struct jwt t = {.alg = sco_str_c(algs[k]),
                            .signed_part = SCO_STR("a.b"),
                            .signature = signature,
                            .n_signature = sizeof signature};
            (void)!jwk_verify(&keys.v[i], &t);
        }
    struct jwk copy;
    if (keys.n) {
        jwk_copy(&keys.v[0], &copy);
        jwk_done(&copy);
    }
    jwks_done(&keys);
    return 0;
}
