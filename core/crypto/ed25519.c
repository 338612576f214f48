/* Ed25519 (RFC 8032) and the PEM files that keys come in. */
#include <secureops/crypto.h>

#include <nettle/eddsa.h>

static const uint8_t public_head[] = {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03,
                                      0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};
static const uint8_t secret_head[] = {0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06,
                                      0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20};

bool sco_ed25519_verify(const uint8_t key[SCO_ED25519_KEY_LEN], struct sco_str text,
                        const uint8_t signature[SCO_ED25519_SIGNATURE_LEN])
{
    return ed25519_sha512_verify(key, text.n, (const uint8_t *)text.p, signature) == 1;
}

void sco_ed25519_sign(const uint8_t secret[SCO_ED25519_KEY_LEN], struct sco_str text,
                      uint8_t ret[SCO_ED25519_SIGNATURE_LEN])
{
    uint8_t key[SCO_ED25519_KEY_LEN];
    ed25519_sha512_public_key(key, secret);
    ed25519_sha512_sign(key, secret, text.n, (const uint8_t *)text.p, ret);
}

void sco_ed25519_public(const uint8_t secret[SCO_ED25519_KEY_LEN], uint8_t ret[SCO_ED25519_KEY_LEN])
{
    ed25519_sha512_public_key(ret, secret);
}

/* The text between the marks of the next block called `label`; moves *at behind it. */
static bool next_block(struct sco_str pem, size_t *at, const char *label, struct sco_str *ret)
{
    char begin[64], end[64];
    snprintf(begin, sizeof begin, "-----BEGIN %s-----", label);
    snprintf(end, sizeof end, "-----END %s-----", label);
    const char *from = memmem(pem.p + *at, pem.n - *at, begin, strlen(begin));
    if (!from)
        return false;
    from += strlen(begin);
    const char *to = memmem(from, pem.n - (size_t)(from - pem.p), end, strlen(end));
    if (!to)
        return false;
    *ret = sco_str_make(from, (size_t)(to - from));
    *at = (size_t)(to - pem.p) + strlen(end);
    return true;
}

static bool decode(struct sco_str block, const uint8_t *head, size_t head_n,
                   uint8_t ret[SCO_ED25519_KEY_LEN])
{
    uint8_t der[64];
    size_t n;
    if (!sco_base64_decode(block, der, sizeof der, &n) || n != head_n + SCO_ED25519_KEY_LEN ||
        memcmp(der, head, head_n) != 0)
        return false;
    memcpy(ret, der + head_n, SCO_ED25519_KEY_LEN);
    return true;
}

int sco_ed25519_read_public(struct sco_str pem, size_t *at, uint8_t ret[SCO_ED25519_KEY_LEN])
{
    struct sco_str block;
    if (*at > pem.n || !pem.n || !next_block(pem, at, "PUBLIC KEY", &block))
        return SCO_E_NOT_FOUND;
    return decode(block, public_head, sizeof public_head, ret) ? 0 : SCO_E_INVALID;
}

int sco_ed25519_read_secret(struct sco_str pem, uint8_t ret[SCO_ED25519_KEY_LEN])
{
    struct sco_str block;
    size_t at = 0;
    if (!pem.n || !next_block(pem, &at, "PRIVATE KEY", &block))
        return SCO_E_NOT_FOUND;
    return decode(block, secret_head, sizeof secret_head, ret) ? 0 : SCO_E_INVALID;
}
