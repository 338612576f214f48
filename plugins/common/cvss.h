/* CVSS vectors from the words of a report that has no vector string ("NETWORK", "LOW", ...).
 * Header only: a plugin links nothing. */
#pragma once

#include <secureops/plugin.h>

/* The metrics in the order of the vector. v3: AV AC PR UI S C I A; v2: AV AC Au C I A. */
#define CVSS3_METRICS 8
#define CVSS2_METRICS 6

/* The letter for a word: its first one, when that is among `allowed`; 0 otherwise. */
static inline char cvss_letter(struct sco_str word, const char *allowed)
{
    char c;
    if (!word.n)
        return 0;
    c = word.p[0];
    if (c >= 'a' && c <= 'z')
        c = (char)(c - 32);
    return c && strchr(allowed, c) ? c : 0;
}

/* {NULL, 0} when a metric is missing or not understood. `version` is "3.0" or "3.1". */
static inline struct sco_str cvss3_vector(const struct sco_host *h, struct sco_str version,
                                          const struct sco_str words[CVSS3_METRICS])
{
    static const char *const allowed[CVSS3_METRICS] = {"NALP", "LH",  "NLH", "NR",
                                                       "UC",   "HLN", "HLN", "HLN"};
    char v[CVSS3_METRICS];
    int i;
    for (i = 0; i < CVSS3_METRICS; i++)
        if (!(v[i] = cvss_letter(words[i], allowed[i])))
            return sco_str_make(NULL, 0);
    return sco_fmt(h, "CVSS:%s/AV:%c/AC:%c/PR:%c/UI:%c/S:%c/C:%c/I:%c/A:%c",
                   sco_str_is(version, "3.0") ? "3.0" : "3.1", v[0], v[1], v[2], v[3], v[4], v[5],
                   v[6], v[7]);
}

static inline struct sco_str cvss2_vector(const struct sco_host *h,
                                          const struct sco_str words[CVSS2_METRICS])
{
    static const char *const allowed[CVSS2_METRICS] = {"NAL", "HML", "NSM", "NPC", "NPC", "NPC"};
    char v[CVSS2_METRICS];
    int i;
    for (i = 0; i < CVSS2_METRICS; i++)
        if (!(v[i] = cvss_letter(words[i], allowed[i])))
            return sco_str_make(NULL, 0);
    return sco_fmt(h, "AV:%c/AC:%c/Au:%c/C:%c/I:%c/A:%c", v[0], v[1], v[2], v[3], v[4], v[5]);
}
