/* CVSS vectors: which version, and the parser that they share. */
#include "cvss_priv.h"

static int value_index(const char *values, struct sco_str value)
{
    int i = 0;
    for (const char *p = values; *p; i++) {
        size_t n = strcspn(p, " ");
        if (n == value.n && memcmp(p, value.p, n) == 0)
            return i;
        p += n + (p[n] == ' ');
    }
    return -1;
}

static int parse_metric(struct sco_str part, const struct cvss_metric *metrics, size_t n,
                        uint8_t *got)
{
    const char *colon = part.n ? memchr(part.p, ':', part.n) : NULL;
    if (!colon)
        return SCO_E_FORMAT;
    struct sco_str name = sco_str_make(part.p, (size_t)(colon - part.p));
    struct sco_str value = sco_str_make(colon + 1, part.n - name.n - 1);
    for (size_t i = 0; i < n; i++) {
        if (!sco_str_is(name, metrics[i].name))
            continue;
        int v = value.n ? value_index(metrics[i].values, value) : -1;
        if (v < 0 || got[i] != CVSS_ABSENT)
            return SCO_E_FORMAT;
        got[i] = (uint8_t)v;
        return 0;
    }
    return SCO_E_FORMAT;
}

int cvss_parse(struct sco_str s, const struct cvss_metric *metrics, size_t n, uint8_t *got)
{
    struct sco_str part, rest = s;
    memset(got, CVSS_ABSENT, n);
    while (sco_str_split(&rest, '/', &part))
        if (parse_metric(part, metrics, n, got) < 0)
            return SCO_E_FORMAT;
    for (size_t i = 0; i < n; i++)
        if (metrics[i].required && got[i] == CVSS_ABSENT)
            return SCO_E_FORMAT;
    return 0;
}

int sco_cvss_score(struct sco_str vector, double *ret_score)
{
    enum { LONGEST = 512 };
    if (vector.n < 9 || vector.n > LONGEST)
        return SCO_E_FORMAT;
    struct sco_str rest = sco_str_make(vector.p + 9, vector.n - 9);
    if (sco_str_starts(vector, "CVSS:3.1/"))
        return cvss3_score(rest, true, ret_score);
    if (sco_str_starts(vector, "CVSS:3.0/"))
        return cvss3_score(rest, false, ret_score);
    if (sco_str_starts(vector, "CVSS:4.0/"))
        return cvss4_score(rest, ret_score);
    return cvss2_score(vector, ret_score);
}
