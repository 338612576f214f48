/* JUnit XML: read back with libxml2. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <libxml/parser.h>
#include <stdlib.h>

#include "hostile.h"
#include "scan_fixture.h"

static xmlDoc *load(const struct sco_buf *b)
{
    xmlDoc *d =
        xmlReadMemory(b->p, (int)b->n, "report.xml", NULL, XML_PARSE_NONET | XML_PARSE_HUGE);
    if (!d)
        fprintf(stderr, "%s\n", b->p);
    assert_non_null(d);
    return d;
}

static xmlNode *child(xmlNode *parent, const char *name, int number)
{
    for (xmlNode *c = parent->children; c; c = c->next)
        if (c->type == XML_ELEMENT_NODE && strcmp((const char *)c->name, name) == 0 && !number--)
            return c;
    return NULL;
}

static void is(xmlNode *n, const char *name, const char *want)
{
    assert_non_null(n);
    xmlChar *v = xmlGetProp(n, (const xmlChar *)name);
    assert_non_null(v);
    assert_string_equal((const char *)v, want);
    xmlFree(v);
}

static void shape(void **state)
{
    (void)state;
    struct sco_scan s;
    fixture_init(&s);
    fixture_run(&s, "trivy", "Trivy", SCO_RUN_STATUS_COMPLETED);
    struct sco_finding *f =
        fixture_finding(&s, SCO_TYPE_SAST, SCO_SEV_HIGH, "Trivy", "R<1>", "Use of \"eval\" & co");
    f->description = "first line\nsecond <b>line</b>";
    f = fixture_finding(&s, SCO_TYPE_SAST, SCO_SEV_INFO, "Trivy", "R2", "Other");
    f->line = 0;
    f = fixture_finding(&s, SCO_TYPE_SAST, SCO_SEV_HIGH, "Trivy", "R3", "Third");
    fixture_suppress(&s, f, SCO_SUPPRESS_INLINE, "wanted", NULL);
    fixture_finding(&s, SCO_TYPE_SECRET, SCO_SEV_HIGH, "Alien", "R3", "Of a tool without a run");
    SCO_AUTO(sco_buf) struct sco_buf b = fixture_report(&s, SCO_REPORT_JUNIT, NULL);
    xmlDoc *d = load(&b);
    xmlNode *root = xmlDocGetRootElement(d), *suite = child(root, "testsuite", 0);
    is(root, "tests", "5");
    is(root, "failures", "3");
    is(root, "skipped", "1");
    is(root, "time", "2.500");
    is(suite, "name", "Trivy");
    is(suite, "tests", "4");
    is(suite, "failures", "2");
    is(suite, "errors", "0");
    is(suite, "timestamp", "2026-01-02T03:04:05");
    is(child(suite, "testcase", 0), "name", "scan of app");
    xmlNode *c = child(suite, "testcase", 1);
    is(c, "classname", "Trivy/R<1>");
    is(c, "name", "Use of \"eval\" & co (src/file.c:10)");
    is(c, "file", "src/file.c");
    is(c, "line", "10");
    xmlNode *failure = child(c, "failure", 0);
    is(failure, "type", "HIGH");
    is(failure, "message", "HIGH: Use of \"eval\" & co");
    xmlChar *body = xmlNodeGetContent(failure);
    assert_non_null(strstr((const char *)body, "first line\nsecond <b>line</b>\nLocation: src/"));
    xmlFree(body);
    assert_null(xmlGetProp(child(suite, "testcase", 2), (const xmlChar *)"line"));
    is(child(child(suite, "testcase", 3), "skipped", 0), "message", "wanted");
    is(child(root, "testsuite", 1), "name", "Alien");
    xmlFreeDoc(d);
    fixture_done(&s);
}

static void every_status(void **state)
{
    (void)state;
    struct sco_scan s;
    fixture_init(&s);
    static const char *const names[] = {"A", "B", "C", "D", "E", "F"};
    for (int i = 0; i < SCO_RUN_STATUS_MAX_; i++) {
        fixture_run(&s, names[i], names[i], (enum sco_run_status)i)->reason = "because <of> it";
        s.runs[i].hint = "do this";
    }
    fixture_run(&s, "G", "G", SCO_RUN_STATUS_MISSING)->reason = "because <of> it";
    s.runs[6].required = true;
    SCO_AUTO(sco_buf) struct sco_buf b = fixture_report(&s, SCO_REPORT_JUNIT, NULL);
    xmlDoc *d = load(&b);
    xmlNode *root = xmlDocGetRootElement(d);
    static const char *const kinds[] = {NULL,      "error",   "error", "error",
                                        "skipped", "skipped", "error"};
    is(root, "errors", "4");
    is(root, "skipped", "2");
    is(root, "tests", "7");
    for (int i = 0; i < 7; i++) {
        xmlNode *c = child(child(root, "testsuite", i), "testcase", 0);
        assert_non_null(c);
        if (!kinds[i]) {
            assert_null(c->children);
            continue;
        }
        SCO_AUTO(sco_buf) struct sco_buf want = {0};
        sco_buf_addf(&want, "%s: because <of> it", sco_run_status_name(s.runs[i].status));
        is(child(c, kinds[i], 0), "message", sco_buf_z(&want));
    }
    is(child(child(child(root, "testsuite", 3), "testcase", 0), "error", 0), "type", "timeout");
    xmlFreeDoc(d);
    fixture_done(&s);
}

static void hostile(void **state)
{
    (void)state;
    for (int i = 0; i < HOSTILE; i++) {
        const char *z = hostile_texts[i];
        struct sco_scan s;
        fixture_init(&s);
        s.target = z;
        struct sco_scanner_run *r = fixture_run(&s, z, z, SCO_RUN_STATUS_FAILED);
        r->reason = r->hint = r->version = r->tool = z;
        struct sco_finding *f = fixture_finding(&s, SCO_TYPE_SAST, SCO_SEV_LOW, z, z, z);
        f->description = f->remediation = f->file_path = f->resource = f->cve_id = z;
        f = fixture_finding(&s, SCO_TYPE_SAST, SCO_SEV_LOW, z, z, z);
        fixture_package(&s, f, z, z, NULL);
        fixture_suppress(&s, f, SCO_SUPPRESS_INLINE, z, z);
        SCO_AUTO(sco_buf) struct sco_buf b = fixture_report(&s, SCO_REPORT_JUNIT, NULL);
        xmlFreeDoc(load(&b));
        assert_true(sco_utf8_valid(sco_buf_str(&b)));
        assert_null(strchr(b.p, 0x1b));
        assert_null(strstr(b.p, "\xe2\x80\xae"));
        fixture_done(&s);
    }
}

static void long_text(void **state)
{
    (void)state;
    struct sco_scan s;
    fixture_init(&s);
    SCO_AUTO(sco_buf) struct sco_buf text = {0};
    for (int i = 0; i < 200000; i++)
        sco_buf_addz(&text, i % 10 ? "<&>" : "\n");
    struct sco_finding *f = fixture_finding(&s, SCO_TYPE_SAST, SCO_SEV_LOW, "T", "R", "t");
    f->description = f->title = sco_buf_z(&text);
    SCO_AUTO(sco_buf) struct sco_buf b = fixture_report(&s, SCO_REPORT_JUNIT, NULL);
    xmlFreeDoc(load(&b));
    fixture_done(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shape),
        cmocka_unit_test(every_status),
        cmocka_unit_test(hostile),
        cmocka_unit_test(long_text),
    };
    int r = cmocka_run_group_tests(tests, NULL, NULL);
    xmlCleanupParser();
    return r;
}
