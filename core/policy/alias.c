/* Ids of other tools in one form, so that KSV017, AVD-KSV-0017 and KSV-0017 are the same check. */
#include "policy_priv.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool starts(struct sco_str s, const char *z)
{
    size_t n = strlen(z);
    return s.n >= n && strncasecmp(s.p, z, n) == 0;
}

static void add_upper(struct sco_buf *out, struct sco_str s)
{
    for (size_t i = 0; i < s.n; i++)
        sco_buf_addc(out, s.p[i] >= 'a' && s.p[i] <= 'z' ? (char)(s.p[i] - 32) : s.p[i]);
}

/* "KSV017", "DS002", "AWS-0107": letters and a number, as Trivy writes them. */
static bool split_number(struct sco_str s, struct sco_str *ret_word, struct sco_str *ret_number)
{
    size_t i = 0;
    while (i < s.n && is_letter(s.p[i]))
        i++;
    *ret_word = sco_str_make(s.p, i);
    if (i < s.n && s.p[i] == '-')
        i++;
    *ret_number = sco_str_make(s.p + i, s.n - i);
    for (size_t k = i; k < s.n; k++)
        if (!is_digit(s.p[k]))
            return false;
    return ret_word->n >= 2 && ret_number->n >= 3 && ret_number->n <= 5;
}

void pl_alias_normal(struct sco_buf *out, struct sco_str s)
{
    struct sco_str word, number;
    if (starts(s, "AVD-") && s.n > 4 && !strchr("*?[{", s.p[4])) /* "AVD-*" is not all ids */
        s = sco_str_make(s.p + 4, s.n - 4);
    if (!split_number(s, &word, &number) || starts(s, "DL") || starts(s, "SC")) {
        add_upper(out, s);
        return;
    }
    add_upper(out, word);
    sco_buf_addc(out, '-');
    for (size_t i = number.n; i < 4; i++)
        sco_buf_addc(out, '0');
    sco_buf_add(out, number);
}

static bool is_uuid(struct sco_str s)
{
    if (s.n != 36)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        char c = (char)(s.p[i] | 32);
        if (dash ? s.p[i] != '-' : !is_digit(s.p[i]) && !(c >= 'a' && c <= 'f'))
            return false;
    }
    return true;
}

bool pl_alias_valid(struct sco_str s)
{
    if (starts(s, "kics:"))
        return is_uuid(sco_str_make(s.p + 5, s.n - 5));
    bool special = false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool mark = c == '-' || c == '_' || c == ':' || c == '.' || c == '/';
        if (!is_letter(c) && !is_digit(c) && !mark)
            return false;
        special = special || is_digit(c) || c == ':';
    }
    return s.n >= 3 && s.n <= 128 && special && is_letter(s.p[0]);
}
