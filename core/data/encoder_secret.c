/* Secrets end here: the wire gets a digest and a preview, and every text of the finding is searched
 * for the value. Nothing in this file may log or put a value into an error. */
#include "encoder_priv.h"

/* A fixed key, so that one secret has one digest on every machine; a key of one's own makes
 * digests useless to others (docs/adr/0003-secret-digests.md). */
static const char default_key[] = "secureops/secret/v1";

enum {
    REPLACE_MIN = 6,  /* shorter values are replaced only where they stand alone */
    LINE_MIN = 16,    /* lines of a longer value that are looked for by themselves */
    PREVIEW_MIN = 16, /* from here on the first characters may be shown */
    PREVIEW_CHARS = 4,
};

static void add_part(struct sco_encoder *e, struct sco_str s)
{
    if (!s.n || e->n_secrets == ENC_SECRET_PARTS)
        return;
    for (size_t i = 0; i < e->n_secrets; i++)
        if (sco_str_eq(e->secrets[i], s))
            return;
    e->secrets[e->n_secrets++] = s;
}

/* Longest first, since a part may lie within another one. */
static void sort_parts(struct sco_encoder *e)
{
    for (size_t i = 1; i < e->n_secrets; i++)
        for (size_t j = i; j && e->secrets[j].n > e->secrets[j - 1].n; j--) {
            struct sco_str t = e->secrets[j];
            e->secrets[j] = e->secrets[j - 1];
            e->secrets[j - 1] = t;
        }
}

static bool is_word(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* The tool has hidden the value already: "***", "REDACTED", "[redacted]", "xxxx". */
static bool is_masked(struct sco_str s)
{
    size_t same = 1;
    while (same < s.n && s.p[same] == s.p[0])
        same++;
    bool mask = s.n && strchr("*xX.#-_", s.p[0]) && s.p[0];
    return (mask && same == s.n) || sco_str_is_nocase(s, "redacted") ||
           sco_str_is_nocase(s, "[redacted]") || sco_str_is_nocase(s, "<redacted>");
}

static struct sco_str preview(struct sco_encoder *e, struct sco_str s)
{
    struct sco_buf b = {0};
    size_t shown = 0;
    while (s.n >= PREVIEW_MIN && shown < PREVIEW_CHARS && s.p[shown] > 0x20 && s.p[shown] < 0x7F)
        shown++;
    sco_buf_add(&b, sco_str_make(s.p, shown));
    sco_buf_addz(&b, "****");
    sco_buf_addz(&b, s.n < 8    ? " (under 8 bytes)"
                     : s.n < 16 ? " (8 to 15 bytes)"
                     : s.n < 32 ? " (16 to 31 bytes)"
                     : s.n < 64 ? " (32 to 63 bytes)"
                                : " (64 bytes or more)");
    return enc_take(e, &b);
}

void enc_secret(struct sco_encoder *e, const struct sco_report_finding *f, struct norm *n)
{
    struct sco_str value = f->secret, trimmed = sco_str_trim(f->secret), line;
    if (!trimmed.n || is_masked(trimmed))
        return;
    add_part(e, value);
    add_part(e, trimmed);
    for (struct sco_str rest = trimmed; sco_str_split(&rest, '\n', &line);) {
        line = sco_str_trim(line);
        if (line.n >= LINE_MIN && !sco_str_starts(line, "-----"))
            add_part(e, line);
    }
    sort_parts(e);

    uint8_t md[SCO_SHA256_LEN];
    char *hex = enc_alloc(e, 2 * sizeof md + 1);
    struct sco_str key = e->digest_key.n ? sco_buf_str(&e->digest_key) : sco_str_c(default_key);
    if (!hex || sco_hmac_sha256(key, trimmed, md) < 0) {
        e->failed = true;
        return;
    }
    sco_hex(md, sizeof md, hex);
    n->secret_digest = sco_str_make(hex, 2 * sizeof md);
    n->secret_preview = preview(e, trimmed);
}

/* First place of `part` in s from `from` on, or SIZE_MAX. */
static size_t find_part(struct sco_str s, size_t from, struct sco_str part)
{
    while (from < s.n) {
        const char *at = memmem(s.p + from, s.n - from, part.p, part.n);
        if (!at)
            return SIZE_MAX;
        size_t i = (size_t)(at - s.p), end = i + part.n;
        if (part.n >= REPLACE_MIN ||
            ((!i || !is_word(s.p[i - 1])) && (end == s.n || !is_word(s.p[end]))))
            return i;
        from = i + 1;
    }
    return SIZE_MAX;
}

struct sco_str enc_redact(struct sco_encoder *e, struct sco_str s)
{
    for (size_t k = 0; k < e->n_secrets; k++) {
        struct sco_str part = e->secrets[k];
        size_t at = find_part(s, 0, part), done = 0;
        if (at == SIZE_MAX)
            continue;
        struct sco_buf b = {0};
        for (; at != SIZE_MAX; at = find_part(s, done, part)) {
            sco_buf_add(&b, sco_str_make(s.p + done, at - done));
            sco_buf_addz(&b, "[redacted]");
            done = at + part.n;
        }
        sco_buf_add(&b, sco_str_make(s.p + done, s.n - done));
        s = enc_take(e, &b);
    }
    return s;
}
