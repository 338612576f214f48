/* UTF-8: validation, repair, terminal-safe output. Unicode 15, table 3-7 (well-formed sequences).
 */
#include <secureops/base.h>

/* Length of the well-formed sequence at p, or 0; *cp gets the code point. */
static size_t decode(const unsigned char *p, size_t n, uint32_t *cp)
{
    unsigned c = p[0];
    if (c < 0x80) {
        *cp = c;
        return 1;
    }
    if (c < 0xC2 || c > 0xF4)
        return 0;
    size_t len = c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
    if (n < len)
        return 0;
    uint32_t v = c & (0x7Fu >> len);
    for (size_t i = 1; i < len; i++) {
        if ((p[i] & 0xC0) != 0x80)
            return 0;
        v = v << 6 | (p[i] & 0x3Fu);
    }
    if ((len == 3 && v < 0x800) || (len == 4 && v < 0x10000) || v > 0x10FFFF ||
        (v >= 0xD800 && v <= 0xDFFF))
        return 0;
    *cp = v;
    return len;
}

/* First byte at or after i that is not plain ASCII, looking at eight at a time. */
static size_t skip_ascii(const unsigned char *p, size_t i, size_t n)
{
    for (uint64_t w; i + 8 <= n; i += 8) {
        memcpy(&w, p + i, 8);
        if (w & 0x8080808080808080u)
            break;
    }
    while (i < n && p[i] < 0x80)
        i++;
    return i;
}

bool sco_utf8_valid(struct sco_str s)
{
    const unsigned char *p = (const unsigned char *)s.p;
    uint32_t cp;
    for (size_t i = skip_ascii(p, 0, s.n), len; i < s.n; i = skip_ascii(p, i + len, s.n))
        if (!(len = decode(p + i, s.n - i, &cp)))
            return false;
    return true;
}

void sco_buf_add_utf8(struct sco_buf *b, struct sco_str s)
{
    if (!s.n)
        return;
    if (sco_utf8_valid(s) && !memchr(s.p, 0, s.n)) {
        sco_buf_add(b, s);
        return;
    }
    const unsigned char *p = (const unsigned char *)s.p;
    for (size_t i = 0; i < s.n;) {
        uint32_t cp;
        size_t len = decode(p + i, s.n - i, &cp);
        if (len && cp)
            sco_buf_add(b, sco_str_make(s.p + i, len));
        else
            sco_buf_addz(b, "\xEF\xBF\xBD");
        i += len ? len : 1;
    }
}

static bool is_bidi(uint32_t cp)
{
    return (cp >= 0x202A && cp <= 0x202E) || (cp >= 0x2066 && cp <= 0x2069) || cp == 0x200E ||
           cp == 0x200F || cp == 0x061C;
}

void sco_buf_add_printable(struct sco_buf *b, struct sco_str s)
{
    const unsigned char *p = (const unsigned char *)s.p;
    for (size_t i = 0; i < s.n;) {
        uint32_t cp = 0;
        size_t plain = i;
        while (plain < s.n && p[plain] >= 0x20 && p[plain] < 0x7F)
            plain++;
        sco_buf_add(b, sco_str_make(s.p + i, plain - i));
        i = plain;
        if (i == s.n)
            break;
        size_t len = decode(p + i, s.n - i, &cp);
        if (!len)
            sco_buf_addf(b, "\\x%02x", p[i]);
        else if (cp == '\n' || cp == '\r' || cp == '\t' || cp == 0x2028 || cp == 0x2029)
            sco_buf_addc(b, ' ');
        else if (cp < 0x20 || (cp >= 0x7F && cp < 0xA0))
            sco_buf_addf(b, "\\x%02x", cp);
        else if (is_bidi(cp))
            sco_buf_addf(b, "\\u%04x", cp);
        else
            sco_buf_add(b, sco_str_make(s.p + i, len));
        i += len ? len : 1;
    }
}

/* East Asian Wide and Fullwidth blocks (UAX 11) and emoji, by range; combining marks count 0. */
static size_t width_of(uint32_t cp)
{
    if ((cp >= 0x300 && cp <= 0x36F) || cp == 0x200B || cp == 0x200D ||
        (cp >= 0xFE00 && cp <= 0xFE0F))
        return 0;
    if ((cp >= 0x1100 && cp <= 0x115F) || (cp >= 0x2E80 && cp <= 0xA4CF) ||
        (cp >= 0xAC00 && cp <= 0xD7A3) || (cp >= 0xF900 && cp <= 0xFAFF) ||
        (cp >= 0xFE30 && cp <= 0xFE6F) || (cp >= 0xFF00 && cp <= 0xFF60) ||
        (cp >= 0xFFE0 && cp <= 0xFFE6) || (cp >= 0x1F300 && cp <= 0x1FAFF) ||
        (cp >= 0x20000 && cp <= 0x3FFFD))
        return 2;
    return 1;
}

size_t sco_utf8_width(struct sco_str s)
{
    size_t w = 0;
    for (size_t i = 0; i < s.n;) {
        uint32_t cp = 0;
        size_t len = decode((const unsigned char *)s.p + i, s.n - i, &cp);
        w += len ? width_of(cp) : 1;
        i += len ? len : 1;
    }
    return w;
}
