/* SHA-256, HMAC with it, random bytes. */
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

int sco_hmac_sha256(struct sco_str key, struct sco_str text, uint8_t out[SCO_SHA256_LEN]);
int sco_random(void *p, size_t n);
void sco_hex(const uint8_t *p, size_t n, char *out); /* 2n characters and NUL */
void sco_uuid4(char out[37]);
