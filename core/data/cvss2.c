/* CVSS 2.0 base score. Specification: "A Complete Guide to the Common Vulnerability Scoring System
 * Version 2.0", FIRST, section 3.2.1. */
#include "cvss_priv.h"

#include <math.h>

enum { AV, AC, AU, C, I, A };

static const struct cvss_metric metrics[] = {
    [AV] = {"AV", "L A N", true},     [AC] = {"AC", "H M L", true},  [AU] = {"Au", "M S N", true},
    [C] = {"C", "N P C", true},       [I] = {"I", "N P C", true},    [A] = {"A", "N P C", true},
    {"E", "U POC F H ND", false},     {"RL", "OF TF W U ND", false}, {"RC", "UC UR C ND", false},
    {"CDP", "N L LM MH H ND", false}, {"TD", "N L M H ND", false},   {"CR", "L M H ND", false},
    {"IR", "L M H ND", false},        {"AR", "L M H ND", false},
};

int cvss2_score(struct sco_str s, double *ret)
{
    static const double av[] = {.395, .646, 1}, ac[] = {.35, .61, .71}, au[] = {.45, .56, .704};
    static const double cia[] = {0, .275, .66};
    uint8_t v[SCO_ARRAY_LEN(metrics)];
    if (cvss_parse(s, metrics, SCO_ARRAY_LEN(metrics), v) < 0)
        return SCO_E_FORMAT;
    double impact = 10.41 * (1 - (1 - cia[v[C]]) * (1 - cia[v[I]]) * (1 - cia[v[A]]));
    double exploitability = 20 * av[v[AV]] * ac[v[AC]] * au[v[AU]];
    double f = impact > 0 ? 1.176 : 0;
    double score = (0.6 * impact + 0.4 * exploitability - 1.5) * f;
    *ret = floor(score * 10 + 0.5 + 1e-9) / 10;
    return 0;
}
