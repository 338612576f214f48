/* The wire form of a finding: one JSON object on one line, members in the order of the decoder's
 * table, absent ones left out.
 *
 * A long text that comes for the second time is sent as ["text"], which gives it the next number
 * (from 0), and from then on as that number. Only what was sent counts: when a finding cannot be
 * written, its definitions are not numbered. */
#include "encoder_priv.h"
#include "json_put.h"

static char *put_escape(char *p, char c)
{
    static const char digits[] = "0123456789abcdef", from[] = "\"\\\n\r\t", to[] = "\"\\nrt";
    const char *at = c ? strchr(from, c) : NULL;
    *p++ = '\\';
    if (at) {
        *p++ = to[at - from];
        return p;
    }
    *p++ = 'u';
    *p++ = '0';
    *p++ = '0';
    *p++ = digits[(unsigned char)c >> 4];
    *p++ = digits[c & 15];
    return p;
}

static inline char *put_byte(char *p, char c)
{
    if (sco_json_is_special((unsigned char)c))
        return put_escape(p, c);
    *p = c;
    return p + 1;
}

/* Eight bytes hold a quote, a backslash or a control character (may say yes for none, never no for
 * one). */
static inline bool needs_care(uint64_t w)
{
    const uint64_t ones = 0x0101010101010101u, high = 0x8080808080808080u;
    uint64_t quote = w ^ (ones * '"'), slash = w ^ (ones * '\\');
    return (((w - ones * 0x20) & ~w) | ((quote - ones) & ~quote) | ((slash - ones) & ~slash)) &
           high;
}

/* The bytes of s as content of a JSON string at p, where there is room for the worst of them. */
static inline char *put_content(char *p, struct sco_str s)
{
    size_t i = 0;
#ifdef SCO_JSON_SSE2
    while (i + 16 <= s.n) {
        __m128i x = _mm_loadu_si128((const __m128i *)(const void *)(s.p + i));
        unsigned special = sco_json_special16(x);
        _mm_storeu_si128((__m128i *)(void *)p, x); /* what is behind a special one is redone */
        unsigned plain = special ? (unsigned)__builtin_ctz(special) : 16;
        p += plain;
        i += plain;
        if (special)
            p = put_escape(p, s.p[i++]);
    }
#endif
    for (uint64_t w; i + 8 <= s.n; i += 8) {
        memcpy(&w, s.p + i, 8);
        if (needs_care(w))
            break;
        memcpy(p, &w, 8);
        p += 8;
    }
    for (; i < s.n; i++)
        p = put_byte(p, s.p[i]);
    return p;
}

static void put_str(struct sco_buf *out, struct sco_str s)
{
    enum { ESCAPE_MAX = 6 };
    if (put_plain(out, s))
        return;
    if (s.n > SIZE_MAX / 8 || !put_room(out, s.n * ESCAPE_MAX + 2)) {
        out->failed = true;
        return;
    }
    char *p = out->p + out->n;
    *p++ = '"';
    p = put_content(p, s);
    *p++ = '"';
    out->n = (size_t)(p - out->p);
}

static void put_text(struct sco_encoder *e, struct sco_buf *out, struct sco_str s)
{
    uint32_t number;
    bool define = false;
    if (s.n >= WIRE_LONG && enc_is_known(e, ENC_TEXTS, s, &number, &define)) {
        put_int(out, number);
        return;
    }
    if (define)
        put_char(out, '[');
    put_str(out, s);
    if (define)
        put_char(out, ']');
}

#define MEMBER(out, key, s)                                                                        \
    do {                                                                                           \
        if ((s).n) {                                                                               \
            PUT_KEY(out, key);                                                                     \
            put_str(out, s);                                                                       \
        }                                                                                          \
    } while (0)
#define MEMBER_TEXT(out, key, s)                                                                   \
    do {                                                                                           \
        if ((s).n) {                                                                               \
            PUT_KEY(out, key);                                                                     \
            put_text(e, out, s);                                                                   \
        }                                                                                          \
    } while (0)
#define MEMBER_INT(out, key, v)                                                                    \
    do {                                                                                           \
        if ((v) > 0) {                                                                             \
            PUT_KEY(out, key);                                                                     \
            put_int(out, (uint32_t)(v));                                                           \
        }                                                                                          \
    } while (0)

static void put_list(struct sco_encoder *e, struct sco_buf *out, struct sco_str_list l, bool text)
{
    put_char(out, '[');
    for (size_t i = 0; i < l.n; i++) {
        if (i)
            put_char(out, ',');
        if (text)
            put_text(e, out, l.v[i]);
        else
            put_str(out, l.v[i]);
    }
    put_char(out, ']');
}

static void put_package(struct sco_buf *out, const struct norm *n)
{
    if (!n->package_name.n && !n->purl.n)
        return;
    PUT_KEY(out, "package");
    put_char(out, '{');
    MEMBER(out, "name", n->package_name);
    MEMBER(out, "version", n->package_version);
    MEMBER(out, "ecosystem", n->ecosystem);
    MEMBER(out, "purl", n->purl);
    MEMBER(out, "fixed_version", n->fixed_version);
    put_char(out, '}');
}

static void put_tool(struct sco_buf *out, const struct norm *n)
{
    PUT_KEY(out, "tools");
    PUT_LIT(out, "[{");
    MEMBER(out, "name", n->tool_name);
    MEMBER(out, "version", n->tool_version);
    MEMBER(out, "rule_id", n->rule_id);
    PUT_KEY(out, "severity");
    put_str(out, sco_str_c(sco_severity_name(n->severity)));
    PUT_LIT(out, "}]");
}

static void put_place(struct sco_buf *out, const struct sco_location *l)
{
    put_char(out, '{');
    MEMBER(out, "file_path", l->file_path);
    MEMBER_INT(out, "line_number", l->line);
    MEMBER_INT(out, "end_line", l->end_line);
    MEMBER_INT(out, "column", l->column);
    MEMBER_INT(out, "end_column", l->end_column);
    MEMBER(out, "resource", l->resource);
    put_char(out, '}');
}

static void put_places(struct sco_buf *out, const struct norm *n)
{
    if (!n->n_locations)
        return;
    PUT_KEY(out, "locations");
    put_char(out, '[');
    for (size_t i = 0; i < n->n_locations; i++) {
        if (i)
            put_char(out, ',');
        put_place(out, &n->locations[i]);
    }
    put_char(out, ']');
}

static void put_suppressions(struct sco_buf *out, const struct norm *n)
{
    if (!n->n_suppressions)
        return;
    PUT_KEY(out, "suppressions");
    put_char(out, '[');
    for (size_t i = 0; i < n->n_suppressions; i++) {
        const struct sco_suppression *s = &n->suppressions[i];
        if (i)
            put_char(out, ',');
        put_char(out, '{');
        PUT_KEY(out, "kind");
        put_str(out, sco_str_c(sco_suppression_name(s->kind)));
        MEMBER(out, "reason", s->reason);
        MEMBER(out, "expires", s->expires);
        put_char(out, '}');
    }
    put_char(out, ']');
}

/* The object's text takes part in the numbering as a whole. */
static void put_metadata(struct sco_encoder *e, struct sco_buf *out, const struct norm *n)
{
    if (!n->n_metadata)
        return;
    PUT_KEY(out, "metadata");
    size_t from = out->n;
    put_char(out, '{');
    for (size_t i = 0; i < n->n_metadata; i++) {
        if (i)
            put_char(out, ',');
        put_str(out, n->metadata[i].key);
        put_char(out, ':');
        put_str(out, n->metadata[i].value);
    }
    put_char(out, '}');
    uint32_t number;
    bool define = false;
    if (out->failed || out->n - from < WIRE_LONG)
        return;
    struct sco_str text = sco_str_make(out->p + from, out->n - from);
    if (enc_is_known(e, ENC_OBJECTS, text, &number, &define)) {
        out->n = from;
        put_int(out, number);
    } else if (define && sco_buf_reserve(out, 2) == 0) {
        memmove(out->p + from + 1, out->p + from, out->n - from);
        out->p[from] = '[';
        out->n++;
        put_char(out, ']');
    }
}

static void put_head(struct sco_encoder *e, const struct norm *n, struct sco_buf *out)
{
    static const char *const status[] = {
        [SCO_STATUS_RESOLVED] = "RESOLVED", [SCO_STATUS_FALSE_POSITIVE] = "FALSE_POSITIVE"};
    PUT_KEY(out, "vulnerability_type");
    put_str(out, sco_str_c(sco_type_name(n->type)));
    PUT_KEY(out, "severity");
    put_str(out, sco_str_c(sco_severity_name(n->severity)));
    if (n->status) {
        PUT_KEY(out, "status");
        put_str(out, sco_str_c(status[n->status]));
    }
    MEMBER(out, "rule_id", n->rule_id);
    MEMBER_TEXT(out, "title", n->title);
    MEMBER_TEXT(out, "description", n->description);
    MEMBER_TEXT(out, "remediation", n->remediation);
    MEMBER(out, "file_path", n->file_path);
    MEMBER_INT(out, "line_number", n->line);
    MEMBER_INT(out, "end_line", n->end_line);
    MEMBER_INT(out, "column", n->column);
    MEMBER_INT(out, "end_column", n->end_column);
    MEMBER(out, "resource", n->resource);
    MEMBER(out, "parameter", n->parameter);
    MEMBER(out, "commit_sha", n->commit);
    MEMBER(out, "identity", n->identity);
}

int enc_write(struct sco_encoder *e, const struct norm *n, struct sco_buf *out)
{
    size_t start = out->n;
    bool failed_before = out->failed;
    e->n_pending = 0;
    put_char(out, '{');
    put_head(e, n, out);
    put_package(out, n);
    MEMBER(out, "cve_id", n->cve_id);
    if (n->aliases.n) {
        PUT_KEY(out, "aliases");
        put_list(e, out, n->aliases, false);
    }
    if (n->cwes.n) {
        PUT_KEY(out, "cwe_ids");
        put_list(e, out, n->cwes, false);
    }
    MEMBER_INT(out, "cvss_hundredths", n->cvss_hundredths);
    MEMBER(out, "cvss_vector", n->cvss_vector);
    MEMBER_INT(out, "epss_millionths", n->epss_millionths);
    MEMBER_INT(out, "kev", (int)n->kev);
    MEMBER(out, "secret_digest", n->secret_digest);
    MEMBER(out, "secret_preview", n->secret_preview);
    if (n->references.n) {
        PUT_KEY(out, "references");
        put_list(e, out, n->references, true);
    }
    put_tool(out, n);
    put_places(out, n);
    put_suppressions(out, n);
    put_metadata(e, out, n);
    PUT_LIT(out, "}\n");
    if (out->failed) {
        out->n = start;
        out->failed = failed_before;
        return SCO_E_NOMEM;
    }
    enc_known_sent(e);
    return 0;
}
