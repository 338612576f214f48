/* Text of scanners in Markdown. Whatever could be syntax becomes a character reference, which never
 * is; what platforms make links of in the finished text (@name, #12, !3, user@host, http://,
 * www.) is broken by a space of no width. */
#include "markdown_priv.h"

enum { ONE_MAX = 16 }; /* bytes that one character may become, and "..." */

static bool breaks(const char *p, const char *end)
{
    if (p + 1 >= end || p[1] == ' ')
        return false;
    if (strchr("@#!%~$^&:", *p) && *p)
        return true;
    bool www = (*p | 32) == 'w' && p[1] == '.';
    return www; /* after the last w */
}

static void add_char(struct sco_buf *b, const char *p, const char *end)
{
    if (strchr("\\`*_{}[]()#+-!|<>&~@:$^=%\"'", *p) && *p)
        sco_buf_addf(b, "&#%d;", *p);
    else
        sco_buf_addc(b, *p);
    if (breaks(p, end))
        sco_buf_addz(b, "&#8203;");
}

static struct sco_str cut(struct sco_str s, size_t max)
{
    if (s.n <= max)
        return s;
    while (max && ((unsigned char)s.p[max] & 0xC0) == 0x80)
        max--;
    return sco_str_make(s.p, max);
}

void markdown_text(struct sco_buf *b, const char *z, size_t max)
{
    SCO_AUTO(sco_buf) struct sco_buf safe = {0};
    sco_buf_add_printable(&safe, sco_str_trim(sco_str_c(z)));
    size_t from = b->n;
    for (size_t i = 0; i < safe.n; i++) {
        bool starts = ((unsigned char)safe.p[i] & 0xC0) != 0x80;
        if (starts && b->n - from + ONE_MAX > max) {
            sco_buf_addz(b, "...");
            break;
        }
        add_char(b, safe.p + i, safe.p + safe.n);
    }
    b->failed |= safe.failed;
}

void markdown_code(struct sco_buf *b, const char *z, size_t max)
{
    SCO_AUTO(sco_buf) struct sco_buf safe = {0};
    sco_buf_add_printable(&safe, sco_str_trim(sco_str_c(z)));
    struct sco_str s = cut(sco_buf_str(&safe), max);
    bool plain = s.n > 0;
    for (size_t i = 0; i < s.n; i++) /* a code span knows no escapes, a table does */
        plain = plain && !strchr("`|\\", s.p[i]);
    b->failed |= safe.failed;
    if (!plain) {
        markdown_text(b, z, max);
        return;
    }
    sco_buf_addc(b, '`');
    sco_buf_add(b, s);
    if (s.n < safe.n)
        sco_buf_addz(b, "...");
    sco_buf_addc(b, '`');
}

void markdown_url_path(struct sco_buf *b, const char *path)
{
    static const char digits[] = "0123456789ABCDEF";
    for (const unsigned char *p = (const unsigned char *)path; *p; p++) {
        unsigned char low = *p | 32;
        bool plain = (low >= 'a' && low <= 'z') || (*p >= '0' && *p <= '9') || strchr("/-._", *p);
        if (plain) {
            sco_buf_addc(b, (char)*p);
        } else {
            sco_buf_addc(b, '%');
            sco_buf_addc(b, digits[*p >> 4]);
            sco_buf_addc(b, digits[*p & 15]);
        }
    }
}

bool markdown_is_url(const char *z)
{
    struct sco_str s = sco_str_c(z);
    if (s.n > MARKDOWN_URL_MAX || (!sco_str_starts(s, "https://") && !sco_str_starts(s, "http://")))
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] > '~' || strchr("<>()[]\"'\\`|{}^", s.p[i]))
            return false;
    return true;
}
