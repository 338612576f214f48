/* CVSS scores: golden values of the specifications, every vector of the shared corpus, and what
 * must be refused. */
#include "data_test.h"

#include <stdio.h>

static int tenths(const char *vector)
{
    double score = -1;
    int r = sco_cvss_score(sco_str_c(vector), &score);
    return r < 0 ? r : (int)(score * 10 + 0.5);
}

static void golden(void **state)
{
    (void)state;
    static const struct {
        const char *vector;
        int tenths;
    } v[] = {
        {"AV:N/AC:L/Au:N/C:N/I:N/A:C", 78},
        {"AV:N/AC:L/Au:N/C:C/I:C/A:C", 100},
        {"AV:L/AC:H/Au:N/C:C/I:C/A:C", 62},
        {"AV:N/AC:L/Au:N/C:P/I:P/A:P", 75},
        {"AV:N/AC:M/Au:N/C:N/I:P/A:N", 43},
        {"AV:L/AC:L/Au:N/C:N/I:N/A:N", 0},
        {"AV:N/AC:L/Au:N/C:N/I:N/A:C/E:F/RL:OF/RC:C/CDP:H/TD:H/CR:M/IR:M/AR:H", 78},
        {"CVSS:3.0/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 98},
        {"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 98},
        {"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H", 100},
        {"CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N", 61},
        {"CVSS:3.1/AV:L/AC:H/PR:L/UI:N/S:U/C:H/I:H/A:H", 70},
        {"CVSS:3.1/AV:N/AC:H/PR:N/UI:N/S:U/C:H/I:N/A:N", 59},
        {"CVSS:3.1/AV:P/AC:H/PR:H/UI:R/S:U/C:N/I:N/A:N", 0},
        {"CVSS:3.1/A:H/C:H/I:H/S:U/UI:N/PR:N/AC:L/AV:N/E:U/RL:O/RC:U/MAV:P", 98},
        {"CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:H/SI:H/SA:H", 100},
        {"CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", 93},
        {"CVSS:4.0/AV:P/AC:H/AT:P/PR:H/UI:A/VC:H/VI:H/VA:H/SC:H/SI:H/SA:H/E:U", 41},
        {"CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:N/VI:N/VA:N/SC:N/SI:N/SA:N", 0},
        {"CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:H/SI:H/SA:H/S:P/AU:Y/U:Red", 100},
    };
    for (size_t i = 0; i < SCO_ARRAY_LEN(v); i++)
        if (tenths(v[i].vector) != v[i].tenths)
            fail_msg("%s: %d, not %d", v[i].vector, tenths(v[i].vector), v[i].tenths);
}

static void refused(void **state)
{
    (void)state;
    static const char *const v[] = {
        "",
        "CVSS:3.1/",
        "CVSS:3.1",
        "CVSS:5.0/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
        "cvss:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
        "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H",          /* one missing */
        "CVSS:3.1/AV:N/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", /* twice */
        "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H/",     /* an empty one */
        "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:Q",      /* no such value */
        "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:HH",
        "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:",
        "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A",
        "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H/ZZ:H", /* no such metric */
        "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H L",    /* within the table's text */
        "CVSS:3.1/AV:N/AC:L/Au:N/C:P/I:P/A:P",               /* of another version */
        "AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
        "AV:N/AC:L/Au:N/C:P/I:P",
        "AV:N/AC:L/Au:N/C:P/I:P/A:P/A:P",
        "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:H/SI:S/SA:H", /* S only as MSI */
        "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:H/SI:H",
        "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:H/SI:H/SA:H/U:red",
    };
    for (size_t i = 0; i < SCO_ARRAY_LEN(v); i++) {
        double score = -1;
        if (sco_cvss_score(sco_str_c(v[i]), &score) != SCO_E_FORMAT)
            fail_msg("accepted: %s", v[i]);
        assert_true(score == -1);
    }
    assert_int_equal(sco_cvss_score(sco_str_make(NULL, 0), NULL), SCO_E_FORMAT);
}

/* A vector of 4.0 whose modified metrics say the same as another one's base metrics. */
static void modified(void **state)
{
    (void)state;
    assert_int_equal(tenths("CVSS:4.0/AV:P/AC:H/AT:P/PR:H/UI:A/VC:L/VI:L/VA:L/SC:L/SI:L/SA:L"
                            "/MAV:N/MAC:L/MAT:N/MPR:N/MUI:N/MVC:H/MVI:H/MVA:H/MSC:N/MSI:N/MSA:N"),
                     93);
    assert_int_equal(tenths("CVSS:4.0/AV:P/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:H/SI:H/SA:H"
                            "/MAV:N/MSI:S/MSA:X/E:X/CR:X"),
                     100);
}

static size_t check_file(const char *dir, const char *name)
{
    char path[1024], line[512];
    size_t n = 0;
    snprintf(path, sizeof path, "%s/cvss/%s", dir, name);
    FILE *f = fopen(path, "r");
    if (!f)
        return 0;
    while (fgets(line, sizeof line, f)) {
        char *dash = strstr(line, " - ");
        if (!dash)
            continue;
        *dash = 0;
        const char *p = dash + 3 + (dash[3] == '(');
        int want = (int)(strtod(p, NULL) * 10 + 0.5);
        if (tenths(line) != want)
            fail_msg("%s: %s is %d, not %d tenths", name, line, tenths(line), want);
        n++;
    }
    fclose(f);
    return n;
}

static void corpus(void **state)
{
    (void)state;
    const char *dir = getenv("SECUREOPS_CORPUS");
    static const char *const files[] = {"vectors_simple3.txt", "vectors_simple31.txt",
                                        "vectors_simple4.txt", "vectors_supplemental4.txt",
                                        "vectors_threat4.txt", "vectors_security4.txt"};
    char fallback[512];
    size_t n = 0;
    if (!dir) {
        const char *source = getenv("SECUREOPS_SOURCE");
        snprintf(fallback, sizeof fallback, "%s/../shared/corpus", source ? source : ".");
        dir = fallback;
    }
    for (size_t i = 0; i < SCO_ARRAY_LEN(files); i++)
        n += check_file(dir, files[i]);
    if (!n) {
        print_message("no corpus at %s: set SECUREOPS_CORPUS\n", dir);
        skip();
    }
    print_message("%zu vectors\n", n);
    assert_true(n >= 6000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden),
        cmocka_unit_test(refused),
        cmocka_unit_test(modified),
        cmocka_unit_test(corpus),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
