/* Risk: bounds, growth in every term, and the sentence that explains it. */
#include "data_test.h"

static const struct sco_package fixed = {.name = "a", .fixed_version = "2"};

static double risk(const struct sco_finding *f)
{
    double r = sco_risk_score(f, NULL);
    assert_true(r >= 0 && r <= 100);
    return r;
}

static void known_exploited_critical(void **state)
{
    (void)state;
    for (uint32_t type = 1; type < SCO_TYPE_MAX_; type++) {
        struct sco_finding f = {.type = (uint8_t)type, .severity = SCO_SEV_CRITICAL, .kev = 1};
        assert_true(risk(&f) == 100);
        f.cvss_score = 3; /* the tool's severity stands */
        assert_true(risk(&f) == 100);
    }
}

/* Every combination of the others, each term in turn from low to high. */
static void monotone(void **state)
{
    (void)state;
    for (unsigned bits = 0; bits < 7 * 5 * 11 * 2 * 2 * 11; bits++) {
        unsigned x = bits;
        struct sco_finding f = {.type = (uint8_t)(1 + x % 7)};
        f.severity = (uint8_t)(1 + (x /= 7) % 5);
        f.cvss_score = (float)((x /= 5) % 11);
        f.kev = (x /= 11) % 2;
        f.package = (x /= 2) % 2 ? &fixed : NULL;
        f.epss = (float)((x /= 2) % 11) / 10;
        double r = risk(&f);
        struct sco_finding g = f;
        g.kev = 1;
        assert_true(risk(&g) >= r);
        g = f;
        g.package = &fixed;
        assert_true(risk(&g) >= r);
        g = f;
        g.epss = f.epss < 1 ? f.epss + 0.1f : 1;
        assert_true(risk(&g) >= r);
        g = f;
        g.severity = (uint8_t)(f.severity + (f.severity < SCO_SEV_CRITICAL));
        assert_true(risk(&g) >= r);
        g = f;
        g.cvss_score += f.cvss_score > 0 && f.cvss_score < 10 ? 1.0f : 0;
        assert_true(risk(&g) >= r);
    }
}

static void hostile_numbers(void **state)
{
    (void)state;
    struct sco_finding f = {.type = 200, .severity = 200};
    f.cvss_score = 1e30f;
    f.epss = -5;
    risk(&f);
    f.cvss_score = f.epss = __builtin_nanf("");
    risk(&f);
}

static void is(const struct sco_finding *f, double want, const char *text)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    double r = sco_risk_score(f, &b);
    assert_string_equal(sco_buf_z(&b), text);
    assert_true(r > want - 0.01 && r < want + 0.01);
}

static void explained(void **state)
{
    (void)state;
    struct sco_finding f = {.type = SCO_TYPE_SCA, .severity = SCO_SEV_HIGH, .cvss_score = 7.5f};
    is(&f, 48.8, "CVSS 7.5 x 6.5 = 48.8");
    f.epss = 0.97f;
    is(&f, 63.3, "CVSS 7.5 x 6.5 = 48.8; EPSS 97 % x 15 = +14.6");
    f.package = &fixed;
    f.kev = 1;
    is(&f, 92.5, "CVSS 7.5 x 6.5 = 48.8; known exploited +40.0; fix available +3.8");
    struct sco_finding s = {.type = SCO_TYPE_SECRET, .severity = SCO_SEV_HIGH};
    is(&s, 68, "severity HIGH as 8.0 x 6.5 = 52.0; SECRET +16.0");
    struct sco_finding k = {.type = SCO_TYPE_SAST, .severity = SCO_SEV_CRITICAL, .kev = 1};
    is(&k, 100,
       "severity CRITICAL as 9.5 x 6.5 = 61.8; known exploited +40.0; SAST +9.5; "
       "at most 100");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_exploited_critical),
        cmocka_unit_test(monotone),
        cmocka_unit_test(hostile_numbers),
        cmocka_unit_test(explained),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
