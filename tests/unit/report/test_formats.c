/* HTML, CSV and GitLab's formats: what they must have to be taken, and hostile texts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <jansson.h>
#include <libxml/HTMLparser.h>
#include <stdlib.h>

#include "hostile.h"
#include "scan_fixture.h"

static void fill(struct sco_scan *s, const char *text)
{
    fixture_init(s);
    struct sco_scanner_run *run = fixture_run(s, "trivy", text, SCO_RUN_STATUS_FAILED);
    run->counts = true;
    run->reason = text;
    static const uint32_t types[] = {SCO_TYPE_SAST, SCO_TYPE_SECRET, SCO_TYPE_IAC, SCO_TYPE_SCA,
                                     SCO_TYPE_QUALITY};
    for (size_t i = 0; i < SCO_ARRAY_LEN(types); i++) {
        struct sco_finding *f = fixture_finding(s, types[i], (uint32_t)i + 1, text, text, text);
        f->description = f->remediation = text;
        f->cwe_ids = fixture_strs(s, (const char *[]){"CWE-79", NULL});
        f->references = fixture_strs(
            s, (const char *[]){"https://example.com/?a=1&b=2", "javascript:alert(1)", text, NULL});
        if (i == 2)
            f->line = 0;
        if (i == 3)
            f->baseline = SCO_BASELINE_UNCHANGED;
    }
    struct sco_finding *f = fixture_finding(s, SCO_TYPE_SAST, SCO_SEV_HIGH, "T", "S", "suppressed");
    fixture_suppress(s, f, SCO_SUPPRESS_INLINE, text, NULL);
    fixture_finding(s, SCO_TYPE_SAST, SCO_SEV_HIGH, "T", "N", "no file")->file_path = NULL;
    fixture_count(s);
    fixture_gate(s, SCO_GATE_FAILED, 1, text);
}

/* ---- HTML ---- */
static void walk(xmlNode *n, size_t *links, size_t *details)
{
    static const char *const known[] = {
        "html",    "head", "meta", "title", "style", "body", "h1", "h2",   "p",
        "span",    "ul",   "li",   "code",  "table", "tr",   "th", "td",   "details",
        "summary", "dl",   "dt",   "dd",    "pre",   "a",    "br", "tbody"};
    for (; n; n = n->next) {
        if (n->type == XML_ELEMENT_NODE) {
            size_t i = 0;
            while (i < SCO_ARRAY_LEN(known) && strcmp((const char *)n->name, known[i]) != 0)
                i++;
            if (i == SCO_ARRAY_LEN(known))
                fail_msg("element %s", n->name);
            *details += strcmp((const char *)n->name, "details") == 0;
            for (xmlAttr *a = n->properties; a; a = a->next)
                assert_false(strncmp((const char *)a->name, "on", 2) == 0);
            xmlChar *href = xmlGetProp(n, (const xmlChar *)"href");
            if (href) {
                assert_memory_equal(href, "http", 4);
                ++*links;
            }
            xmlFree(href);
        }
        walk(n->children, links, details);
    }
}

static void html(void **state)
{
    (void)state;
    for (size_t i = 0; i < HOSTILE; i++) {
        struct sco_scan s;
        size_t links = 0, details = 0;
        fill(&s, hostile_texts[i]);
        SCO_AUTO(sco_buf) struct sco_buf b = fixture_report(&s, SCO_REPORT_HTML, NULL);
        assert_true(sco_utf8_valid(sco_buf_str(&b)));
        xmlDoc *d = htmlReadMemory(b.p, (int)b.n, "r.html", "UTF-8",
                                   HTML_PARSE_NOERROR | HTML_PARSE_NOWARNING | HTML_PARSE_NONET);
        assert_non_null(d);
        walk(xmlDocGetRootElement(d), &links, &details);
        assert_int_equal(details, s.findings.n);
        assert_int_equal(links, 5);
        assert_non_null(strstr(b.p, "default-src 'none'"));
        assert_null(strstr(b.p, "<script"));
        xmlFreeDoc(d);
        fixture_done(&s);
    }
}

/* ---- CSV ---- */
/* Reads one row back; returns the number of fields. */
static size_t row(const char **p, char fields[32][600])
{
    size_t n = 0;
    while (true) {
        size_t k = 0;
        bool quoted = **p == '"';
        *p += quoted;
        while (quoted ? !(**p == '"' && (*p)[1] != '"') : !strchr(",\r\n", **p)) {
            assert_true(**p != 0);
            *p += quoted && **p == '"';
            if (k + 1 < sizeof fields[0])
                fields[n][k++] = **p;
            ++*p;
        }
        fields[n++][k] = 0;
        *p += quoted;
        if (**p != ',') {
            assert_memory_equal(*p, "\r\n", 2);
            *p += 2;
            return n;
        }
        ++*p;
        assert_true(n < 32);
    }
}

static void csv(void **state)
{
    (void)state;
    static const char *const more[] = {"=HYPERLINK(\"x\")", "+1", "-1", "@SUM(1)", "a,b;\"c\""};
    static char fields[32][600];
    for (size_t i = 0; i < HOSTILE + SCO_ARRAY_LEN(more); i++) {
        struct sco_scan s;
        fill(&s, i < HOSTILE ? hostile_texts[i] : more[i - HOSTILE]);
        SCO_AUTO(sco_buf) struct sco_buf b = fixture_report(&s, SCO_REPORT_CSV, NULL);
        const char *p = sco_buf_z(&b);
        size_t columns = row(&p, fields), rows = 0;
        assert_int_equal(columns, 23);
        assert_string_equal(fields[4], "title");
        for (; *p; rows++) {
            assert_int_equal(row(&p, fields), columns);
            for (size_t k = 0; k < columns; k++)
                assert_true(!fields[k][0] || !strchr("=+-@", fields[k][0]));
        }
        assert_int_equal(rows, s.findings.n);
        fixture_done(&s);
    }
}

/* ---- GitLab ---- */
static json_t *load(const struct sco_scan *s, enum sco_report_format f)
{
    SCO_AUTO(sco_buf) struct sco_buf b = fixture_report(s, f, NULL);
    json_error_t e;
    json_t *v = json_loadb(b.p, b.n, JSON_REJECT_DUPLICATES, &e);
    if (!v)
        fail_msg("%s in %s", e.text, b.p);
    return v;
}

static const char *text_at(json_t *v, const char *key, size_t max)
{
    const char *z = json_string_value(json_object_get(v, key));
    if (!z || !*z || strlen(z) > max)
        fail_msg("%s: %s", key, z ? z : "none");
    return z;
}

static void one_of(const char *z, const char *const *words)
{
    while (*words && strcmp(z, *words) != 0)
        words++;
    assert_non_null(*words);
}

static void check_tool(json_t *v)
{
    text_at(v, "id", 255);
    text_at(v, "name", 255);
    text_at(v, "version", 255);
    text_at(json_object_get(v, "vendor"), "name", 255);
}

/* What the published schema (15) requires of a report. */
static size_t check_security(json_t *v, const char *type)
{
    static const char *const severities[] = {"Info", "Unknown",  "Low", "Medium",
                                             "High", "Critical", NULL};
    json_t *scan = json_object_get(v, "scan"), *list = json_object_get(v, "vulnerabilities"), *x;
    size_t i, k;
    text_at(v, "version", 16);
    check_tool(json_object_get(scan, "analyzer"));
    check_tool(json_object_get(scan, "scanner"));
    assert_string_equal(text_at(scan, "type", 32), type);
    assert_string_equal(text_at(scan, "status", 16), "failure");
    assert_int_equal(strlen(text_at(scan, "start_time", 19)), 19);
    assert_int_equal(strlen(text_at(scan, "end_time", 19)), 19);
    json_array_foreach(json_object_get(scan, "messages"), i, x)
    {
        assert_string_equal(text_at(x, "level", 8), "fatal");
        text_at(x, "value", SIZE_MAX);
    }
    json_array_foreach(list, i, x)
    {
        json_t *ids = json_object_get(x, "identifiers"), *id, *link;
        json_t *place = json_object_get(x, "location");
        text_at(x, "id", 255);
        one_of(text_at(x, "severity", 16), severities);
        assert_true(json_array_size(ids) >= 1);
        json_array_foreach(ids, k, id)
        {
            text_at(id, "type", 255);
            text_at(id, "name", 255);
            text_at(id, "value", 255);
        }
        text_at(place, "file", SIZE_MAX);
        json_array_foreach(json_object_get(x, "links"), k, link)
            assert_memory_equal(text_at(link, "url", SIZE_MAX), "http", 4);
        if (strcmp(type, "secret_detection") == 0)
            text_at(json_object_get(place, "commit"), "sha", 64);
    }
    return json_array_size(list);
}

static void gitlab(void **state)
{
    (void)state;
    static const char *const severities[] = {"info", "minor", "major", "critical", "blocker", NULL};
    for (size_t i = 0; i < HOSTILE; i++) {
        struct sco_scan s;
        json_t *v, *x;
        size_t k;
        fill(&s, hostile_texts[i]);
        v = load(&s, SCO_REPORT_GITLAB_SAST);
        assert_int_equal(check_security(v, "sast"), 2);
        json_decref(v);
        v = load(&s, SCO_REPORT_GITLAB_SECRET_DETECTION);
        assert_int_equal(check_security(v, "secret_detection"), 1);
        json_decref(v);
        v = load(&s, SCO_REPORT_GITLAB_CODEQUALITY);
        assert_int_equal(json_array_size(v), 5);
        json_array_foreach(v, k, x)
        {
            json_t *place = json_object_get(x, "location");
            text_at(x, "description", SIZE_MAX);
            text_at(x, "check_name", 255);
            assert_int_equal(strlen(text_at(x, "fingerprint", 64)), 64);
            one_of(text_at(x, "severity", 16), severities);
            assert_true(text_at(place, "path", SIZE_MAX)[0] != '/');
            assert_true(
                json_integer_value(json_object_get(json_object_get(place, "lines"), "begin")) >= 1);
        }
        json_decref(v);
        fixture_done(&s);
    }
}

static void names(void **state)
{
    (void)state;
    for (int f = 0; f < SCO_REPORT_MAX_; f++) {
        const char *name = sco_report_format_name((enum sco_report_format)f);
        assert_string_not_equal(name, "unknown");
        assert_int_equal(sco_report_format_parse(sco_str_c(name)), f);
    }
    assert_int_equal(sco_report_format_parse(SCO_STR("pdf")), SCO_REPORT_MAX_);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(html),
        cmocka_unit_test(csv),
        cmocka_unit_test(gitlab),
        cmocka_unit_test(names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
