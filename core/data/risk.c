/* Risk, 0 to 100: how soon somebody should look at a finding. The formula is in
 * docs/finding-model.md; every term grows or stays when its input grows. */
#include "finding_priv.h"

#include <math.h>

static const double weight_base = 6.5, weight_kev = 25, weight_epss = 15, weight_fix = 5;

/* What the type says beyond severity: a leaked secret works for whoever reads it; a dynamic test
 * has reached the weakness; whether code uses a vulnerable package is not known. */
static const double weight_type[SCO_TYPE_MAX_] = {
    [SCO_TYPE_SECRET] = 20, [SCO_TYPE_DAST] = 15, [SCO_TYPE_SAST] = 10, [SCO_TYPE_IAC] = 10};

static double midpoint(uint32_t severity)
{
    static const double mid[SCO_SEV_MAX_] = {
        [SCO_SEV_INFO] = 0.5, [SCO_SEV_LOW] = 2.5,      [SCO_SEV_MEDIUM] = 5.5,
        [SCO_SEV_HIGH] = 8.0, [SCO_SEV_CRITICAL] = 9.5,
    };
    return severity < SCO_SEV_MAX_ ? mid[severity] : 0;
}

/* "12.3", whatever the locale's decimal point; 0 to 1000. */
static void add_tenths(struct sco_buf *b, double v)
{
    char text[8];
    size_t at = sizeof text;
    unsigned t = (unsigned)lround(v * 10);
    text[--at] = (char)('0' + t % 10);
    text[--at] = '.';
    do
        text[--at] = (char)('0' + (t /= 10) % 10);
    while (t >= 10 && at);
    sco_buf_add(b, sco_str_make(text + at, sizeof text - at));
}

static void add_term(struct sco_buf *b, const char *name, double v)
{
    if (!b || v < 0.05)
        return;
    sco_buf_addz(b, name);
    add_tenths(b, v);
}

static void add_base(struct sco_buf *b, const struct sco_finding *f, double base)
{
    if (!b)
        return;
    if (f->cvss_score > 0)
        sco_buf_addz(b, "CVSS ");
    else {
        sco_buf_addz(b, "severity ");
        sco_buf_addz(b, sco_severity_name(f->severity));
        sco_buf_addz(b, " as ");
    }
    add_tenths(b, base);
    sco_buf_addz(b, " x 6.5 = ");
    add_tenths(b, base * weight_base);
}

static double clamp(double v, double max)
{
    return v > 0 ? (v < max ? v : max) : 0; /* also for NaN */
}

static void add_exploitation(struct sco_buf *b, const struct sco_finding *f, double epss)
{
    if (!b)
        return;
    if (f->kev)
        add_term(b, "; known exploited +", weight_kev + epss);
    else if (epss >= 0.05) {
        sco_buf_addz(b, "; EPSS ");
        sco_buf_add_i64(b, lround(clamp((double)f->epss, 1) * 100));
        sco_buf_addz(b, " % x 15 = +");
        add_tenths(b, epss);
    }
}

double sco_risk_score(const struct sco_finding *f, struct sco_buf *explain)
{
    double base = f->cvss_score > 0 ? clamp((double)f->cvss_score, 10) : midpoint(f->severity);
    double epss = weight_epss * (f->kev ? 1 : clamp((double)f->epss, 1));
    double type = f->type < SCO_TYPE_MAX_ ? weight_type[f->type] * base / 10 : 0;
    bool fixed = f->package && f->package->fixed_version;
    double fix = fixed ? weight_fix * base / 10 : 0;
    double sum = weight_base * base + (f->kev ? weight_kev : 0) + epss + type + fix;

    add_base(explain, f, base);
    add_exploitation(explain, f, epss);
    if (type > 0 && explain) {
        sco_buf_addz(explain, "; ");
        sco_buf_addz(explain, sco_type_name(f->type));
        sco_buf_addz(explain, " +");
        add_tenths(explain, type);
    }
    add_term(explain, "; fix available +", fix);
    if (f->kev && f->severity == SCO_SEV_CRITICAL && sum < 100) {
        if (explain)
            sco_buf_addz(explain, "; critical and known exploited: 100");
        sum = 100;
    }
    double risk = round(fmin(sum, 100) * 10) / 10;
    if (explain && sum > 100)
        sco_buf_addz(explain, "; at most 100");
    return risk;
}
