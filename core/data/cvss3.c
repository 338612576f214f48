/* CVSS 3.0 and 3.1 base score. Specification: "Common Vulnerability Scoring System v3.1", FIRST,
 * sections 7.1, 7.4 and appendix A (rounding). */
#include "cvss_priv.h"

#include <math.h>

enum { AV, AC, PR, UI, S, C, I, A };

static const struct cvss_metric metrics[] = {
    [AV] = {"AV", "N A L P", true}, [AC] = {"AC", "L H", true}, [PR] = {"PR", "N L H", true},
    [UI] = {"UI", "N R", true},     [S] = {"S", "U C", true},   [C] = {"C", "H L N", true},
    [I] = {"I", "H L N", true},     [A] = {"A", "H L N", true}, {"E", "X H F P U", false},
    {"RL", "X U W T O", false},     {"RC", "X C R U", false},   {"CR", "X H M L", false},
    {"IR", "X H M L", false},       {"AR", "X H M L", false},   {"MAV", "X N A L P", false},
    {"MAC", "X L H", false},        {"MPR", "X N L H", false},  {"MUI", "X N R", false},
    {"MS", "X U C", false},         {"MC", "X H L N", false},   {"MI", "X H L N", false},
    {"MA", "X H L N", false},
};

/* 3.1 rounds up on an integer, so that binary fractions do not lift 4.0 to 4.1. */
static double roundup(double x, bool is_31)
{
    if (!is_31)
        return ceil(x * 10 - 1e-9) / 10;
    int64_t i = llround(x * 100000);
    int64_t tenths = i / 10000 + (i % 10000 != 0);
    return (double)tenths / 10;
}

int cvss3_score(struct sco_str s, bool is_31, double *ret)
{
    static const double av[] = {.85, .62, .55, .2}, ac[] = {.77, .44}, ui[] = {.85, .62};
    static const double pr[2][3] = {{.85, .62, .27}, {.85, .68, .5}};
    static const double cia[] = {.56, .22, 0};
    uint8_t v[SCO_ARRAY_LEN(metrics)];
    if (cvss_parse(s, metrics, SCO_ARRAY_LEN(metrics), v) < 0)
        return SCO_E_FORMAT;
    bool changed = v[S] == 1;
    double iss = 1 - (1 - cia[v[C]]) * (1 - cia[v[I]]) * (1 - cia[v[A]]);
    double impact = changed ? 7.52 * (iss - .029) - 3.25 * pow(iss - .02, 15) : 6.42 * iss;
    double exploitability = 8.22 * av[v[AV]] * ac[v[AC]] * pr[changed][v[PR]] * ui[v[UI]];
    if (impact <= 0)
        *ret = 0;
    else
        *ret = roundup(fmin((changed ? 1.08 : 1) * (impact + exploitability), 10), is_31);
    return 0;
}
