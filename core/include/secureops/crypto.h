/* SHA-256, HMAC with it, AES-256-GCM, Ed25519, RS256, random bytes. */
#pragma once

#include <secureops/base.h>

enum { SCO_SHA256_LEN = 32 };

/* Incremental SHA-256 with an unambiguous encoding of fields: each is preceded by its length. */
struct sco_sha256;
struct sco_sha256 *sco_sha256_new(void); /* one per thread; reused by begin */
struct sco_sha256 *sco_sha256_free(struct sco_sha256 *h);
void sco_sha256_begin(struct sco_sha256 *h);
void sco_sha256_add(struct sco_sha256 *h, struct sco_str bytes);   /* as they are */
void sco_sha256_field(struct sco_sha256 *h, struct sco_str field); /* u32 length, bytes; {NULL,0}
                                                                      is a length of 2^32-1 */
int sco_sha256_end(struct sco_sha256 *h, uint8_t out[SCO_SHA256_LEN]); /* 0, or SCO_E_INTERNAL */

void sco_sha256_of(struct sco_str bytes, uint8_t out[SCO_SHA256_LEN]); /* all at once */
int sco_hmac_sha256(struct sco_str key, struct sco_str text, uint8_t out[SCO_SHA256_LEN]);
int sco_random(void *p, size_t n);
void sco_hex(const uint8_t *p, size_t n, char *out); /* 2n characters and NUL */
void sco_uuid4(char out[37]);

/* ---- sealing: AES-256-GCM with a random 96-bit nonce ----
 * out: version byte 1, nonce, ciphertext, 16 bytes of tag. `context` is authenticated with it (what
 * the secret is for), so that one cannot stand in for another. */
enum { SCO_SEAL_KEY_LEN = 32, SCO_SEAL_EXTRA = 1 + 12 + 16 };
int sco_seal(const uint8_t key[SCO_SEAL_KEY_LEN], struct sco_str context, struct sco_str plain,
             struct sco_buf *out, struct sco_error *err) SCO_NODISCARD;
/* SCO_E_PERMISSION: another key or context, or changed. Appends. */
int sco_unseal(const uint8_t key[SCO_SEAL_KEY_LEN], struct sco_str context, struct sco_str sealed,
               struct sco_buf *out, struct sco_error *err) SCO_NODISCARD;
/* HKDF-SHA256 (RFC 5869) without salt: keys for other uses out of one. */
int sco_hkdf(struct sco_str key, const char *info, uint8_t *out, size_t n) SCO_NODISCARD;
/* Same time whatever differs. */
bool sco_equal_secret(const void *a, const void *b, size_t n) SCO_NODISCARD;
void sco_wipe(void *p, size_t n); /* not optimised away */
void sco_base64_encode(struct sco_str bytes, struct sco_buf *out);
void sco_base64url_encode(struct sco_str bytes, struct sco_buf *out); /* without padding */
/* Strict: no padding, no white space, no bits left over. false: malformed, or longer than cap. */
bool sco_base64url_decode(struct sco_str text, uint8_t *out, size_t cap,
                          size_t *ret_n) SCO_NODISCARD;

/* ---- Ed25519 ---- */
enum { SCO_ED25519_KEY_LEN = 32, SCO_ED25519_SIGNATURE_LEN = 64 };
bool sco_ed25519_verify(const uint8_t key[SCO_ED25519_KEY_LEN], struct sco_str text,
                        const uint8_t signature[SCO_ED25519_SIGNATURE_LEN]) SCO_NODISCARD;
void sco_ed25519_sign(const uint8_t secret[SCO_ED25519_KEY_LEN], struct sco_str text,
                      uint8_t ret[SCO_ED25519_SIGNATURE_LEN]);
void sco_ed25519_public(const uint8_t secret[SCO_ED25519_KEY_LEN],
                        uint8_t ret[SCO_ED25519_KEY_LEN]);
/* The next key of a PEM file from byte *at on, which moves behind it. SCO_E_NOT_FOUND: no further
 * one; SCO_E_INVALID: a key of another kind. */
int sco_ed25519_read_public(struct sco_str pem, size_t *at,
                            uint8_t ret[SCO_ED25519_KEY_LEN]) SCO_NODISCARD;
int sco_ed25519_read_secret(struct sco_str pem, uint8_t ret[SCO_ED25519_KEY_LEN]) SCO_NODISCARD;
/* Base64 with white space between; false: malformed, or longer than cap. */
bool sco_base64_decode(struct sco_str text, uint8_t *out, size_t cap, size_t *ret_n) SCO_NODISCARD;

/* ---- RSA ---- */
/* RS256: RSASSA-PKCS1-v1_5 with SHA-256. pem: PKCS #1 or PKCS #8, at least 2048 bits. Appends.
 * SCO_E_INVALID: no such key. */
int sco_rs256_sign(struct sco_str pem, struct sco_str text, struct sco_buf *out,
                   struct sco_error *err) SCO_NODISCARD;
