/* Vulnerability ids, CWEs, CVSS and severity of a reported finding. */
#include "encoder_priv.h"

#include <math.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static size_t digits(struct sco_str s, size_t from)
{
    size_t i = from;
    while (i < s.n && is_digit(s.p[i]))
        i++;
    return i - from;
}

/* CVE-2021-44228, in upper case. */
static bool is_cve(struct sco_str s)
{
    return sco_str_starts(s, "CVE-") && digits(s, 4) == 4 && s.n > 9 && s.p[8] == '-' &&
           digits(s, 9) >= 4 && 9 + digits(s, 9) == s.n;
}

/* GHSA-jfh8-c2jp-5v3q, in upper case. */
static bool is_ghsa(struct sco_str s)
{
    if (s.n != 19 || !sco_str_starts(s, "GHSA-"))
        return false;
    for (size_t i = 5; i < s.n; i++) {
        bool dash = i == 9 || i == 14;
        char c = s.p[i];
        if (dash ? c != '-' : !(is_digit(c) || (c >= 'A' && c <= 'Z')))
            return false;
    }
    return true;
}

static struct sco_str canonical(struct sco_encoder *e, struct sco_str id)
{
    id = enc_upper(e, enc_line(e, id, 128, "ids"));
    if (is_ghsa(id)) {
        struct sco_str tail = enc_lower(e, id);
        if (tail.p)
            memcpy((char *)tail.p, "GHSA", 4); /* our own copy */
        return tail;
    }
    return id;
}

static void add_unique(struct sco_str_list *l, struct sco_str *v, struct sco_str s, size_t max)
{
    if (!s.n || !s.p)
        return;
    for (size_t i = 0; i < l->n; i++)
        if (sco_str_eq(v[i], s))
            return;
    if (l->n < max)
        v[l->n++] = s;
}

void enc_ids(struct sco_encoder *e, const struct sco_report_finding *f, struct norm *n)
{
    size_t given = f->ids.n < FINDING_IDS_MAX ? f->ids.n : FINDING_IDS_MAX;
    struct sco_str rule = enc_trim(f->rule_id);
    bool rule_counts =
        rule.n < 64 && (sco_str_starts(rule, "CVE-") || sco_str_starts(rule, "GHSA-"));
    if (!given && !rule_counts)
        return;
    struct sco_str *v = enc_alloc(e, (given + 1) * sizeof *v);
    if (!v)
        return;
    n->aliases.v = v;
    for (size_t i = 0; i < given + rule_counts; i++) {
        bool own = i == given; /* the rule id comes last, and only as a CVE or GHSA */
        struct sco_str id = canonical(e, own ? rule : f->ids.v[i]);
        if (!n->cve_id.p && is_cve(id))
            n->cve_id = id;
        else if (!(n->cve_id.p && sco_str_eq(id, n->cve_id)) &&
                 (!own || is_cve(id) || is_ghsa(enc_upper(e, id))))
            add_unique(&n->aliases, v, id, FINDING_IDS_MAX);
    }
}

/* The number of "CWE-79: text", "cwe79", "79"; 0 when it is none. */
static uint32_t cwe_number(struct sco_str s)
{
    s = enc_trim(s);
    if (s.n >= 3 && sco_str_is_nocase(sco_str_make(s.p, 3), "cwe")) {
        s = sco_str_make(s.p + 3, s.n - 3);
        if (s.n && strchr("-_ :", s.p[0]) && s.p[0])
            s = sco_str_make(s.p + 1, s.n - 1);
    }
    size_t len = digits(s, 0);
    if (!len || len > 6 || (len < s.n && (is_digit(s.p[len]) || !strchr(" :;,-(\t", s.p[len]))))
        return 0;
    uint32_t v = 0;
    for (size_t i = 0; i < len; i++)
        v = v * 10 + (uint32_t)(s.p[i] - '0');
    return v;
}

static struct sco_str cwe_text(struct sco_encoder *e, uint32_t number)
{
    enum { SIZE = 16 };
    char *p = enc_alloc(e, SIZE), *at = p ? p + SIZE : NULL;
    if (!p)
        return sco_str_make(NULL, 0);
    do
        *--at = (char)('0' + number % 10);
    while (number /= 10);
    struct sco_str prefix = SCO_STR("CWE-");
    at -= prefix.n;
    memcpy(at, prefix.p, prefix.n);
    return sco_str_make(at, (size_t)(p + SIZE - at));
}

void enc_cwes(struct sco_encoder *e, const struct sco_report_finding *f, struct norm *n)
{
    size_t given = f->cwes.n < FINDING_CWES_MAX ? f->cwes.n : FINDING_CWES_MAX;
    struct sco_str *v = given ? enc_alloc(e, given * sizeof *v) : NULL;
    n->cwes.v = v;
    for (size_t i = 0; v && i < given; i++) {
        uint32_t number = cwe_number(f->cwes.v[i]);
        if (number)
            add_unique(&n->cwes, v, cwe_text(e, number), FINDING_CWES_MAX);
    }
}

/* "(AV:N/...)" of version 2 loses its parentheses. */
static struct sco_str bare_vector(struct sco_str s)
{
    s = enc_trim(s);
    if (s.n > 2 && s.p[0] == '(' && s.p[s.n - 1] == ')')
        s = sco_str_make(s.p + 1, s.n - 2);
    return s;
}

static double settle_cvss(struct sco_encoder *e, const struct sco_report_finding *f, struct norm *n)
{
    double score = 0;
    struct sco_str vector = bare_vector(f->cvss_vector);
    if (vector.n && sco_cvss_score(vector, &score) == 0)
        n->cvss_vector = enc_text(e, vector, FINDING_TEXT_MAX, "cvss_vector");
    else {
        score = f->cvss_score > 0 && f->cvss_score <= 10 ? f->cvss_score : 0;
        if (vector.n)
            enc_note(e, "cvss_vector_invalid", enc_text(e, vector, 256, "cvss_vector"));
    }
    n->cvss_hundredths = (int32_t)lround(score * 100);
    return score;
}

void enc_severity(struct sco_encoder *e, const struct sco_report_finding *f, struct norm *n)
{
    double score = settle_cvss(e, f, n);
    struct sco_str word = enc_line(e, f->severity_text, 128, "original_severity");
    uint32_t severity = f->severity <= SCO_SEV_CRITICAL ? f->severity : SCO_SEV_UNKNOWN;
    if (!severity && word.n)
        severity = sco_severity_from_word(word);
    if (!severity && (score > 0 || n->cvss_vector.n))
        severity = sco_severity_from_score(score);
    if (word.n && (!severity || !sco_str_is_nocase(word, sco_severity_name(severity))))
        enc_note(e, "original_severity", word);
    if (!severity) {
        enc_note(e, "severity_unknown", sco_str_c("true"));
        severity = SCO_SEV_INFO;
    }
    n->severity = severity;
    if (f->epss > 0 && f->epss <= 1)
        n->epss_millionths = (int32_t)lround(f->epss * 1e6);
}
