/* CVSS 4.0 score: threat and environmental metrics take part, supplemental ones do not.
 *
 * Specification: "Common Vulnerability Scoring System version 4.0", FIRST, section 8 (scoring) with
 * the macro vectors, their scores, their highest vectors and their depths as published there and
 * in the reference calculator. The steps: effective values; six equivalence classes (EQ) give the
 * macro vector; its score is lowered by how far, on average over the classes, the vector lies
 * below the highest vector of its macro vector, in shares of the way to the next lower one. */
#include "cvss_priv.h"

#include "cvss4_tables.h"

#include <math.h>

enum { AV, AC, AT, PR, UI, VC, VI, VA, SC, SI, SA, BASE, E = BASE, CR, IR, AR, MODIFIED };

static const struct cvss_metric metrics[] = {
    /* values in the order of severity, the worst first */
    [AV] = {"AV", "N A L P", true},
    [AC] = {"AC", "L H", true},
    [AT] = {"AT", "N P", true},
    [PR] = {"PR", "N L H", true},
    [UI] = {"UI", "N P A", true},
    [VC] = {"VC", "H L N", true},
    [VI] = {"VI", "H L N", true},
    [VA] = {"VA", "H L N", true},
    [SC] = {"SC", "H L N", true},
    [SI] = {"SI", "H L N", true},
    [SA] = {"SA", "H L N", true},
    [E] = {"E", "A P U X", false},
    [CR] = {"CR", "H M L X", false},
    [IR] = {"IR", "H M L X", false},
    [AR] = {"AR", "H M L X", false},
    [MODIFIED + AV] = {"MAV", "N A L P X", false},
    [MODIFIED + AC] = {"MAC", "L H X", false},
    [MODIFIED + AT] = {"MAT", "N P X", false},
    [MODIFIED + PR] = {"MPR", "N L H X", false},
    [MODIFIED + UI] = {"MUI", "N P A X", false},
    [MODIFIED + VC] = {"MVC", "H L N X", false},
    [MODIFIED + VI] = {"MVI", "H L N X", false},
    [MODIFIED + VA] = {"MVA", "H L N X", false},
    [MODIFIED + SC] = {"MSC", "H L N X", false},
    [MODIFIED + SI] = {"MSI", "S H L N X", false},
    [MODIFIED + SA] = {"MSA", "S H L N X", false},
    {"S", "X N P", false},
    {"AU", "X N Y", false},
    {"R", "X A U I", false},
    {"V", "X D C", false},
    {"RE", "X L M H", false},
    {"U", "X Clear Green Amber Red", false},
};
_Static_assert(SCO_ARRAY_LEN(metrics) <= CVSS_METRICS_MAX, "room for the values");

/* Levels: steps below the worst value. SI and SA count from Safety: S 0, H 1, L 2, N 3. */
static void effective(const uint8_t *got, uint8_t *v)
{
    static const uint8_t values[BASE] = {4, 2, 2, 3, 3, 3, 3, 3, 3, 4, 4};
    for (int i = 0; i < BASE; i++) {
        uint8_t base = (uint8_t)(got[i] + (i == SI || i == SA));
        uint8_t modified = got[MODIFIED + i];
        v[i] = modified < values[i] ? modified : base; /* X and absent lie above */
    }
    for (int i = E; i <= AR; i++)
        v[i] = got[i] < 3 ? got[i] : 0;
}

struct macro {
    uint8_t eq[6];
};

static struct macro macro_vector(const uint8_t *v)
{
    struct macro m;
    bool all = !v[AV] && !v[PR] && !v[UI], any = !v[AV] || !v[PR] || !v[UI];
    m.eq[0] = all ? 0 : any && v[AV] != 3 ? 1 : 2;
    m.eq[1] = v[AC] || v[AT];
    m.eq[2] = !v[VC] && !v[VI] ? 0 : !v[VC] || !v[VI] || !v[VA] ? 1 : 2;
    m.eq[3] = !v[SI] || !v[SA] ? 0 : !v[SC] || v[SI] == 1 || v[SA] == 1 ? 1 : 2;
    m.eq[4] = v[E];
    m.eq[5] = !((!v[CR] && !v[VC]) || (!v[IR] && !v[VI]) || (!v[AR] && !v[VA]));
    return m;
}

/* Tenths, or NONE for a macro vector that does not exist. */
static int macro_score(const struct macro *m)
{
    const uint8_t *q = m->eq;
    if (q[0] > 2 || q[1] > 1 || q[2] > 2 || q[3] > 2 || q[4] > 2 || q[5] > 1)
        return NONE;
    return cvss4_scores[q[0]][q[1]][q[2]][q[3]][q[4]][q[5]];
}

static int lower_score(const struct macro *m, int eq)
{
    struct macro low = *m;
    low.eq[eq]++;
    return macro_score(&low);
}

/* EQ3 and EQ6 go down together; from (0,0) there are two ways, and the higher score counts. */
static int lower_score_36(const struct macro *m)
{
    if (m->eq[5] == 1)
        return lower_score(m, 2); /* (0,1) and (1,1); none from (2,1) */
    int by6 = lower_score(m, 5), by3 = m->eq[2] == 0 ? lower_score(m, 2) : NONE;
    if (by3 == NONE || by6 == NONE)
        return by3 == NONE ? by6 : by3;
    return by6 > by3 ? by6 : by3;
}

/* Sums of steps below the given highest values, or -1 when one value is above its own. */
static int distance(const uint8_t *v, const uint8_t *which, const uint8_t *max, size_t n)
{
    int sum = 0;
    for (size_t i = 0; i < n; i++) {
        if (v[which[i]] < max[i])
            return -1;
        sum += v[which[i]] - max[i];
    }
    return sum;
}

/* The first of the class's highest vectors that is not below the vector. The classes have no metric
 * in common, so each can be searched alone. */
static int first_distance(const uint8_t *v, const struct cvss4_max *max)
{
    for (size_t i = 0; i < max->n; i++) {
        int d = distance(v, max->metrics, max->v[i], max->n_metrics);
        if (d >= 0)
            return d;
    }
    return 0;
}

static const struct cvss4_max *max_of(const struct macro *m, int eq)
{
    switch (eq) {
    case 0:
        return &cvss4_eq1[m->eq[0]];
    case 1:
        return &cvss4_eq2[m->eq[1]];
    case 2:
        return &cvss4_eq36[m->eq[2]][m->eq[5]];
    default:
        return &cvss4_eq4[m->eq[3]];
    }
}

static double score_of(const uint8_t *v)
{
    struct macro m = macro_vector(v);
    double value = macro_score(&m) / 10.0, sum = 0;
    int n = 0;
    for (int eq = 0; eq < 5; eq++) {
        int low = eq == 2 ? lower_score_36(&m) : lower_score(&m, eq);
        if (low == NONE)
            continue;
        n++;
        if (eq == 4)
            continue; /* EQ5 has no distance, but counts in the mean */
        const struct cvss4_max *max = max_of(&m, eq);
        sum += (value - low / 10.0) * first_distance(v, max) / max->depth;
    }
    double score = n ? value - sum / n : value;
    score = score < 0 ? 0 : score > 10 ? 10 : score;
    return floor(score * 10 + 0.5 + 1e-9) / 10;
}

int cvss4_score(struct sco_str s, double *ret)
{
    uint8_t got[CVSS_METRICS_MAX], v[MODIFIED];
    if (cvss_parse(s, metrics, SCO_ARRAY_LEN(metrics), got) < 0)
        return SCO_E_FORMAT;
    effective(got, v);
    bool none = v[VC] == 2 && v[VI] == 2 && v[VA] == 2 && v[SC] == 2 && v[SI] == 3 && v[SA] == 3;
    *ret = none ? 0 : score_of(v);
    return 0;
}
