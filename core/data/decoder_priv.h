/* The engine's side of the wire, in two parts: values, and the finding made of them. */
#pragma once

#include "finding_priv.h"

/* The bytes that one member had in the finding before: most members repeat. */
struct dec_memo {
    const char *raw;
    size_t n;
    const void *value;
};

enum { DEC_MEMOS = 40 };

struct dec_definition {
    const char *text;
    bool object; /* of metadata: an object's text must not stand for a text, nor the reverse */
};

struct sco_decoder {
    struct sco_pool *pool;
    struct dec_definition *definitions;
    size_t n_definitions, cap_definitions;
    bool broken; /* a batch failed: numbers no longer agree */

    const char *start, *p, *end; /* the batch */
    int code;                    /* what went wrong; 0 */
    const char *why;
    struct sco_buf scratch; /* an unescaped string */
    struct dec_memo memos[DEC_MEMOS], tool_memos[4], package_memos[5];
};

/* All of these return false and set code and why when the text is not what they expect. */
bool dec_fail(struct sco_decoder *d, int code, const char *why);
bool dec_char(struct sco_decoder *d, char c);
bool dec_more(struct sco_decoder *d, char close, bool *first); /* false: closed, or failed */
bool dec_view(struct sco_decoder *d, struct sco_str *ret);     /* until the next call */
bool dec_str(struct sco_decoder *d, const char **ret);
bool dec_text(struct sco_decoder *d, const char **ret);     /* string, number or definition */
bool dec_metadata(struct sco_decoder *d, const char **ret); /* object, number or definition */
bool dec_int(struct sco_decoder *d, int32_t *ret);
bool dec_strs(struct sco_decoder *d, const struct sco_strs **ret, uint32_t max, bool texts);
