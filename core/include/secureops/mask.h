/* Secrets out of a stream of text, wherever it is cut into pieces: each one as it is, each line of
 * it, and in base64 (also as a part of more that was encoded, in both alphabets, broken into
 * lines), percent encodings and as text of JSON becomes "***". What may be the start of one is held
 * back until more is known. */
#pragma once

#include <secureops/base.h>

enum { SCO_MASK_LEAST = 4 /* bytes of a secret: a shorter one cannot be told from other text */ };

struct sco_mask {
    struct sco_str *v; /* longest first */
    size_t n, cap;
    struct sco_buf held;
    struct sco_arena arena;
};
/* SCO_E_INVALID: too short. */
int sco_mask_add(struct sco_mask *m, struct sco_str secret, struct sco_error *err) SCO_NODISCARD;
/* Appends what is certain. `end`: nothing more is to come. */
void sco_mask_feed(struct sco_mask *m, struct sco_str text, bool end, struct sco_buf *out);
void sco_mask_done(struct sco_mask *m); /* wipes */
