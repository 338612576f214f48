/* A mail as text: header fields that nobody can add lines to, a body of any length in base64. */
#include "mail_format.h"

#include <secureops/crypto.h>
#include <time.h>

enum { LINE = 76, WORD = 39, ADDRESS_MAX = 254, SUBJECT_MAX = 300 };

int mail_check_address(const char *address, struct sco_error *err)
{
    const char *at = strchr(address, '@');
    size_t n = strlen(address);
    bool good = at && at != address && at[1] && !strchr(at + 1, '@') && n <= ADDRESS_MAX;
    for (size_t i = 0; good && i < n; i++)
        good = address[i] > ' ' && address[i] < 127 && !strchr("<>()[]\\,;:\"", address[i]);
    return good ? 0 : sco_error_set(err, SCO_E_INVALID, "not a mail address");
}

/* As it is when it is plain ASCII, else as encoded words (RFC 2047). */
static void add_subject(struct sco_buf *out, const char *subject)
{
    size_t n = strlen(subject);
    bool plain = n <= LINE - 10;
    for (size_t i = 0; i < n; i++)
        plain &= subject[i] >= ' ' && subject[i] < 127;
    if (plain && !strstr(subject, "=?")) {
        sco_buf_addz(out, subject);
        return;
    }
    for (size_t at = 0; at < n;) {
        size_t take = n - at < WORD ? n - at : WORD;
        while (at + take < n && take > 1 && ((unsigned char)subject[at + take] & 0xc0) == 0x80)
            take--; /* not within a character */
        sco_buf_addf(out, "%s=?UTF-8?B?", at ? "\r\n " : "");
        sco_base64_encode(sco_str_make(subject + at, take), out);
        sco_buf_addz(out, "?=");
        at += take;
    }
}

static void add_date(struct sco_buf *out, int64_t now_ms)
{
    static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t t = (time_t)(now_ms / 1000);
    struct tm tm;
    if (gmtime_r(&t, &tm)) /* not strftime: its names follow the locale */
        sco_buf_addf(out, "Date: %s, %02d %s %d %02d:%02d:%02d +0000\r\n", days[tm.tm_wday],
                     tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min,
                     tm.tm_sec);
}

static void add_body(struct sco_buf *out, const char *text)
{
    SCO_AUTO(sco_buf) struct sco_buf coded = {0};
    sco_base64_encode(sco_str_c(text), &coded);
    for (size_t at = 0; at < coded.n; at += LINE) {
        sco_buf_add(out, sco_str_make(coded.p + at, coded.n - at < LINE ? coded.n - at : LINE));
        sco_buf_addz(out, "\r\n");
    }
    out->failed |= coded.failed;
}

int mail_format(const struct mail_text *m, struct sco_buf *out, struct sco_error *err)
{
    char id[37];
    int r = mail_check_address(m->from, err);
    if (r == 0)
        r = mail_check_address(m->to, err);
    if (r < 0)
        return r;
    if (strlen(m->subject) > SUBJECT_MAX || !sco_utf8_valid(sco_str_c(m->subject)) ||
        strpbrk(m->subject, "\r\n"))
        return sco_error_set(err, SCO_E_INVALID, "not a subject of a mail");
    sco_uuid4(id);
    add_date(out, m->now);
    sco_buf_addf(out, "From: <%s>\r\nTo: <%s>\r\nSubject: ", m->from, m->to);
    add_subject(out, m->subject);
    sco_buf_addf(out, "\r\nMessage-ID: <%s%s>\r\n", id, strchr(m->from, '@'));
    sco_buf_addz(out, "MIME-Version: 1.0\r\n"
                      "Content-Type: text/plain; charset=utf-8\r\n"
                      "Content-Transfer-Encoding: base64\r\n"
                      "Auto-Submitted: auto-generated\r\n\r\n");
    add_body(out, m->text);
    return sco_buf_check(out, err);
}
