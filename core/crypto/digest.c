/* SHA-256 and HMAC over OpenSSL's EVP. The algorithm is fetched once per process, because each
 * implicit fetch walks the providers; short fields are gathered in a buffer, because each update
 * costs more than hashing a few bytes. Objects belong to one thread at a time. */
#include <secureops/crypto.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>
#include <stdlib.h>

enum { STAGE_SIZE = 1024 };

struct sco_sha256 {
    EVP_MD_CTX *ctx;
    bool failed;
    size_t n;
    uint8_t stage[STAGE_SIZE];
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static EVP_MD *sha256;

static void fetch(void)
{
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL); /* lives until the process ends */
}

struct sco_sha256 *sco_sha256_new(void)
{
    pthread_once(&once, fetch);
    if (!sha256)
        return NULL;
    struct sco_sha256 *h = sco_alloc(1, sizeof *h);
    if (!h)
        return NULL;
    h->ctx = EVP_MD_CTX_new();
    if (!h->ctx)
        return sco_sha256_free(h);
    sco_sha256_begin(h);
    return h;
}

struct sco_sha256 *sco_sha256_free(struct sco_sha256 *h)
{
    if (h)
        EVP_MD_CTX_free(h->ctx);
    free(h);
    return NULL;
}

void sco_sha256_begin(struct sco_sha256 *h)
{
    h->n = 0;
    h->failed = EVP_DigestInit_ex2(h->ctx, sha256, NULL) != 1;
}

static void update(struct sco_sha256 *h, const void *p, size_t n)
{
    if (n && EVP_DigestUpdate(h->ctx, p, n) != 1)
        h->failed = true;
}

static void flush(struct sco_sha256 *h)
{
    update(h, h->stage, h->n);
    h->n = 0;
}

void sco_sha256_add(struct sco_sha256 *h, struct sco_str bytes)
{
    if (!bytes.n)
        return;
    if (bytes.n > STAGE_SIZE - h->n) {
        flush(h);
        if (bytes.n > STAGE_SIZE) {
            update(h, bytes.p, bytes.n);
            return;
        }
    }
    memcpy(h->stage + h->n, bytes.p, bytes.n);
    h->n += bytes.n;
}

void sco_sha256_field(struct sco_sha256 *h, struct sco_str field)
{
    if (field.n >= UINT32_MAX)
        h->failed = true; /* would read as "absent" or as a shorter field */
    uint32_t n = field.p ? (uint32_t)field.n : UINT32_MAX;
    uint8_t len[4] = {(uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n};
    sco_sha256_add(h, sco_str_make((const char *)len, sizeof len));
    if (field.p)
        sco_sha256_add(h, field);
}

int sco_sha256_end(struct sco_sha256 *h, uint8_t out[SCO_SHA256_LEN])
{
    uint8_t md[SCO_SHA256_LEN];
    unsigned len = 0;
    flush(h);
    if (h->failed || EVP_DigestFinal_ex(h->ctx, md, &len) != 1 || len != SCO_SHA256_LEN)
        return SCO_E_INTERNAL;
    memcpy(out, md, sizeof md);
    return 0;
}

int sco_hmac_sha256(struct sco_str key, struct sco_str text, uint8_t out[SCO_SHA256_LEN])
{
    uint8_t md[SCO_SHA256_LEN];
    unsigned len = 0;
    pthread_once(&once, fetch);
    if (!sha256 || key.n > INT32_MAX)
        return SCO_E_INTERNAL;
    const unsigned char *p = (const unsigned char *)(text.p ? text.p : "");
    if (!HMAC(sha256, key.p ? key.p : "", (int)key.n, p, text.n, md, &len) || len != SCO_SHA256_LEN)
        return SCO_E_INTERNAL;
    memcpy(out, md, sizeof md);
    return 0;
}
