/* The XML module: records and their ancestors, refusals, limits, the head for probing. */
#include "json_help.h"

#include <secureops/xml.h>

#include <dlfcn.h>
#include <setjmp.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include <secureops/fs.h>

struct seen {
    struct sco_buf text;
    int stop_after, result;
};

/* Writes each record with its ancestors as a line of JSON. */
static int note(void *user, const struct sco_node *const *above, size_t n,
                const struct sco_node *record)
{
    struct seen *s = user;
    for (size_t i = 0; i < n; i++) {
        struct sco_json_out o = {.b = &s->text};
        sco_buf_add(&s->text, above[i]->key);
        sco_json_node(&o, above[i]);
        sco_buf_addc(&s->text, '/');
    }
    struct sco_json_out o = {.b = &s->text};
    sco_buf_add(&s->text, record->key);
    sco_json_node(&o, record);
    sco_buf_addc(&s->text, '\n');
    return --s->stop_after == 0 ? s->result : 0;
}

static int read_text(struct sco_str xml, const char *const *records, struct seen *s,
                     struct sco_error *err)
{
    return sco_xml_module_v1()->read(text_file(xml), records, note, s, err);
}

static void check(const char *xml, const char *const *records, const char *want)
{
    struct seen s = {0};
    struct sco_error err = {0};
    int r = read_text(sco_str_c(xml), records, &s, &err);
    if (r < 0)
        print_error("%s: %s\n", xml, err.text);
    assert_int_equal(r, 0);
    assert_string_equal(sco_buf_z(&s.text), want);
    sco_buf_done(&s.text);
}

static const char *const items[] = {"item", NULL};

static void refused(struct sco_str xml, int code, const char *want)
{
    struct seen s = {0};
    struct sco_error err = {0};
    assert_int_equal(read_text(xml, items, &s, &err), code);
    if (!strstr(err.text, want))
        fail_msg("\"%s\" is not in \"%s\"", want, err.text);
    sco_buf_done(&s.text);
}

static void test_records(void **state)
{
    (void)state;
    check("<list/>", items, "");
    check("<item/>", items, "item{}\n");
    check("<?xml version=\"1.0\"?><item a=\"1\" b=\"x&amp;&#233;\">t&lt;<![CDATA[<c>]]></item>",
          items, "item{\"@a\":\"1\",\"@b\":\"x&\xC3\xA9\",\"#text\":\"t<<c>\"}\n");
    check("<l><item> <a>1</a>\n<a/>  <b x='y'>2<c>3</c>4</b> </item></l>", items,
          "l{}/item{\"a\":{\"#text\":\"1\"},\"a\":{},\"b\":{\"@x\":\"y\",\"c\":{\"#text\":\"3\"},"
          "\"#text\":\"24\"}}\n");
    check("<n:l xmlns:n='u' xmlns='v'><n:item n:q='1'><!-- c --><?p i?><n:a> </n:a></n:item></n:l>",
          items, "l{}/item{\"@q\":\"1\",\"a\":{\"#text\":\" \"}}\n");
}

/* Ancestors: attributes and the simple children that ended before; nothing of what is large. */
static void test_ancestors(void **state)
{
    (void)state;
    check("<r v='1'>noise<name>R</name><big><x>1</x></big><item>a</item><g h='2'><k l='m'>n</k>"
          "<item>b</item><item/></g><item>c</item><late/></r>",
          items,
          "r{\"@v\":\"1\",\"name\":{\"#text\":\"R\"}}/item{\"#text\":\"a\"}\n"
          "r{\"@v\":\"1\",\"name\":{\"#text\":\"R\"}}/g{\"@h\":\"2\",\"k\":{\"@l\":\"m\",\"#text\":"
          "\"n\"}}/item{\"#text\":\"b\"}\n"
          "r{\"@v\":\"1\",\"name\":{\"#text\":\"R\"}}/g{\"@h\":\"2\",\"k\":{\"@l\":\"m\",\"#text\":"
          "\"n\"}}/item{}\n"
          "r{\"@v\":\"1\",\"name\":{\"#text\":\"R\"}}/item{\"#text\":\"c\"}\n");
}

static void test_records_in_records(void **state)
{
    static const char *const both[] = {"suite", "case", NULL};
    (void)state;
    check("<suites><suite n='1'><p>q</p><suite n='2'><case/></suite></suite></suites>", both,
          "suites{}/suite{\"@n\":\"1\",\"p\":{\"#text\":\"q\"}}/suite{\"@n\":\"2\"}/case{}\n"
          "suites{}/suite{\"@n\":\"1\",\"p\":{\"#text\":\"q\"}}/suite{\"@n\":\"2\",\"case\":{}}\n"
          "suites{}/"
          "suite{\"@n\":\"1\",\"p\":{\"#text\":\"q\"},\"suite\":{\"@n\":\"2\",\"case\":{}}}\n");
}

static void test_encodings(void **state)
{
    (void)state;
    check("\xEF\xBB\xBF<item>\xC3\xA9</item>", items, "item{\"#text\":\"\xC3\xA9\"}\n");
    check("<?xml version='1.0' encoding='ISO-8859-1'?><item>\xE9</item>", items,
          "item{\"#text\":\"\xC3\xA9\"}\n");
    SCO_AUTO(sco_buf) struct sco_buf wide = {0};
    sco_buf_add(&wide, SCO_STR("\xFF\xFE"));
    for (const char *p = "<item>x</item>"; *p; p++) {
        sco_buf_addc(&wide, *p);
        sco_buf_addc(&wide, 0);
    }
    struct seen s = {0};
    struct sco_error err;
    assert_int_equal(read_text(sco_buf_str(&wide), items, &s, &err), 0);
    assert_string_equal(sco_buf_z(&s.text), "item{\"#text\":\"x\"}\n");
    sco_buf_done(&s.text);
    refused(SCO_STR("<?xml version='1.0' encoding='GB2312'?><item>\xB0\xA1\xB0\x20</item>"),
            SCO_E_PARSE, "line ");
    refused(SCO_STR("<?xml version='1.0' encoding='x-none'?><item/>"), SCO_E_PARSE, "x-none");
    sco_buf_addc(&wide, 'x'); /* one character too much */
    sco_buf_addc(&wide, 0);
    refused(sco_buf_str(&wide), SCO_E_PARSE, "Extra content");
}

static void test_stop(void **state)
{
    static const int results[] = {1, SCO_E_FORMAT};
    (void)state;
    for (size_t i = 0; i < SCO_ARRAY_LEN(results); i++) {
        struct seen s = {.stop_after = 2, .result = results[i]};
        assert_int_equal(read_text(SCO_STR("<l><item/><item/><item/></l>"), items, &s, NULL),
                         results[i]);
        assert_string_equal(sco_buf_z(&s.text), "l{}/item{}\nl{}/item{}\n");
        sco_buf_done(&s.text);
    }
}

/* ---- refusals ---------------------------------------------------------------------------------
 */

static void test_malformed(void **state)
{
    (void)state;
    refused(SCO_STR(""), SCO_E_PARSE, ": the file is empty");
    refused(SCO_STR(" "), SCO_E_PARSE, "line 1");
    refused(SCO_STR("{}"), SCO_E_PARSE, "line 1, column 1: ");
    refused(SCO_STR("<a>\n<b>\n</a>"), SCO_E_PARSE, "line 3, column 5: Opening and ending tag");
    refused(SCO_STR("<a/><b/>"), SCO_E_PARSE, "Extra content");
    refused(SCO_STR("<a>&nbsp;</a>"), SCO_E_PARSE, "nbsp");
    refused(SCO_STR("<a b='1' b='2'/>"), SCO_E_PARSE, "redefined");
    refused(SCO_STR("<a>\x01</a>"), SCO_E_PARSE, "line 1");
    refused(SCO_STR("<a>\xFF</a>"), SCO_E_PARSE, "line 1");
    /* libxml2 takes this for UCS-4, and for a good document with nothing in it */
    refused(sco_str_make("<\0\0\0\0\0\0\0\0>", 10), SCO_E_PARSE, ": line 1, column 1: ");
    assert_int_equal(sco_xml_module_v1()->read("/nonexistent", items, note, NULL, NULL),
                     SCO_E_NOT_FOUND);
    assert_int_equal(sco_xml_module_v1()->read("/", items, note, NULL, NULL), SCO_E_IO);
}

static void test_cut_at_every_byte(void **state)
{
    static const char xml[] = "<?xml version=\"1.0\"?><!DOCTYPE r><r a='1'><!-- c --><item>x&amp;"
                              "<![CDATA[y]]></item><?p q?><b/></r>";
    (void)state;
    for (size_t n = 1; n < sizeof xml - 1; n++)
        refused(sco_str_make(xml, n), SCO_E_PARSE, "line 1");
    check(xml, items, "r{\"@a\":\"1\"}/item{\"#text\":\"x&y\"}\n");
}

static void test_entities(void **state)
{
    (void)state;
    refused(SCO_STR("<!DOCTYPE r [<!ENTITY a 'x'><!ENTITY b '&a;&a;'>]><r>&b;</r>"), SCO_E_PARSE,
            "the DOCTYPE declares entities");
    refused(SCO_STR("<!DOCTYPE r [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><r>&a;</r>"),
            SCO_E_PARSE, "the DOCTYPE declares entities");
    refused(SCO_STR("<!DOCTYPE r [<!ENTITY % p SYSTEM 'http://localhost/x'>%p;]><r/>"), SCO_E_PARSE,
            "the DOCTYPE declares entities");
    refused(SCO_STR("<!DOCTYPE r [<!ENTITY a SYSTEM 'x' NDATA y>]><r/>"), SCO_E_PARSE,
            "the DOCTYPE declares entities");
    refused(SCO_STR("<!DOCTYPE r SYSTEM 'file:///etc/passwd'><r>&a;</r>"), SCO_E_PARSE,
            "a reference to an entity other than the five");
    refused(SCO_STR("<!DOCTYPE r SYSTEM 'x.dtd'><r b='&a;'/>"), SCO_E_PARSE,
            "a reference to an entity other than the five");
    refused(SCO_STR("<!DOCTYPE r [<!ATTLIST r a CDATA 'much'>]><r/>"), SCO_E_PARSE,
            "the DOCTYPE declares default attributes");
    check("<!DOCTYPE r SYSTEM 'file:///nonexistent.dtd'><r><item/></r>", items, "r{}/item{}\n");
    check("<!DOCTYPE r [<!ELEMENT r ANY><!ATTLIST r a CDATA #IMPLIED>]><r><item/></r>", items,
          "r{}/item{}\n");
}

static void repeat(struct sco_buf *b, const char *z, size_t n)
{
    while (n--)
        sco_buf_addz(b, z);
}

static void test_limits(void **state)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    (void)state;
    repeat(&b, "<a>", SCO_XML_DEPTH_MAX + 1);
    refused(sco_buf_str(&b), SCO_E_LIMIT, "SCO_XML_DEPTH_MAX");

    sco_buf_clear(&b); /* libxml2 compares each attribute with each other one */
    sco_buf_addz(&b, "<a ");
    for (int i = 0; i < 500000; i++)
        sco_buf_addf(&b, "a%d='' ", i);
    sco_buf_addz(&b, "/>");
    refused(sco_buf_str(&b), SCO_E_LIMIT, "SCO_XML_QUOTES_MAX");

    sco_buf_clear(&b);
    sco_buf_addz(&b, "<a><!--");
    repeat(&b, "0123456789abcdef", SCO_XML_MARKUP_MAX / 16 + 4096);
    sco_buf_addz(&b, "--></a>");
    refused(sco_buf_str(&b), SCO_E_LIMIT, "SCO_XML_MARKUP_MAX");
}

static void test_depth_that_is_allowed(void **state)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct seen s = {0};
    struct sco_error err = {0};
    (void)state;
    repeat(&b, "<item>", SCO_XML_DEPTH_MAX);
    repeat(&b, "</item>", SCO_XML_DEPTH_MAX);
    assert_int_equal(read_text(sco_buf_str(&b), items, &s, &err), 0);
    sco_buf_done(&s.text);
}

/* Many records, large texts between them: no record sees anything of the one before. */
static void test_many_records(void **state)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct seen s = {0};
    (void)state;
    sco_buf_addz(&b, "<l>");
    for (int i = 0; i < 20000; i++)
        sco_buf_addf(&b, "<item n='%d'><t>%0*d</t></item> <skip><x>%d</x></skip>", i, i % 300, i,
                     i);
    sco_buf_addz(&b, "</l>");
    assert_int_equal(read_text(sco_buf_str(&b), items, &s, NULL), 0);
    const char *last = strstr(sco_buf_z(&s.text), "\"19999\"");
    assert_non_null(last);
    assert_int_equal(strncmp(last - 14, "l{}/item{\"@n\":", 14), 0);
    sco_buf_done(&s.text);
}

static void test_no_memory(void **state)
{
    static const char xml[] = "<r a='1'><n>x</n><g><item b='2'>y<z>1</z></item></g></r>";
    const char *path = text_file(sco_str_c(xml));
    (void)state;
    for (long n = 0;; n++) {
        struct seen s = {0};
        struct sco_error err;
        assert_int_equal(sco_buf_reserve(&s.text, 4096), 0);
        sco_alloc_fail_at(n);
        int r = sco_xml_module_v1()->read(path, items, note, &s, &err);
        sco_alloc_fail_at(-1);
        sco_buf_done(&s.text);
        if (r == 0) {
            assert_true(n > 5);
            break;
        }
        assert_int_equal(r, SCO_E_NOMEM);
    }
}

/* ---- probing ----------------------------------------------------------------------------------
 */

static void test_head(void **state)
{
    static const char xml[] =
        "<?xml version='1.0'?>\n<!-- x -->\n<d:analysis xmlns:d='urn:x' a='1' "
        "b='2'><d:dep";
    const struct sco_xml_module *m = sco_xml_module_v1();
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    const struct sco_node *v = NULL;
    (void)state;
    for (size_t n = 0; n < sizeof xml; n++) {
        SCO_AUTO(sco_free) char *copy = sco_strdup(sco_str_make(xml, n));
        int r = m->head(sco_str_make(copy, n), &arena, &v);
        assert_int_equal(r, n >= sizeof xml - sizeof "<d:dep");
    }
    assert_true(sco_str_is(sco_text_at(v, "#name"), "analysis"));
    assert_true(sco_str_is(sco_text_at(v, "#ns"), "urn:x"));
    assert_true(sco_str_is(sco_text_at(v, "@b"), "2"));
    assert_int_equal(m->head(SCO_STR("{\"a\":1}"), &arena, &v), 0);
    assert_int_equal(m->head(SCO_STR("plain text"), &arena, &v), 0);
    assert_int_equal(m->head(SCO_STR("<a/>"), &arena, &v), 1);
    assert_int_equal(m->head(SCO_STR("<testsuites/>"), &arena, &v), 1);
    assert_null(sco_get(v, "#ns"));
    /* what read() refuses can still be told apart, so that its reason is shown */
    assert_int_equal(m->head(SCO_STR("<!DOCTYPE r [<!ENTITY a 'x'>]><r>"), &arena, &v), 1);
}

/* The module as it is shipped: one symbol, and it works from there. */
static void test_module(void **state)
{
    const char *build = getenv("SECUREOPS_BUILD");
    SCO_AUTO(sco_buf) struct sco_buf path = {0};
    (void)state;
    sco_buf_addf(&path, "%s/lib/secureops/xml.so", build ? build : ".");
    if (!sco_fs_is_file(sco_buf_z(&path))) {
        print_message("%s is not built\n", path.p);
        skip();
    }
    void *handle = dlopen(path.p, RTLD_NOW | RTLD_LOCAL);
    if (!handle)
        fail_msg("%s", dlerror());
    sco_xml_module_fn fn = (sco_xml_module_fn)(uintptr_t)dlsym(handle, SCO_XML_MODULE_SYMBOL);
    assert_non_null(fn);
    assert_int_equal(fn()->struct_size, sizeof(struct sco_xml_module));
    struct seen s = {0};
    assert_int_equal(fn()->read(text_file(SCO_STR("<item/>")), items, note, &s, NULL), 0);
    assert_string_equal(sco_buf_z(&s.text), "item{}\n");
    sco_buf_done(&s.text);
    assert_null(dlsym(handle, "sco_arena_alloc"));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_records),
        cmocka_unit_test(test_ancestors),
        cmocka_unit_test(test_records_in_records),
        cmocka_unit_test(test_encodings),
        cmocka_unit_test(test_stop),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_cut_at_every_byte),
        cmocka_unit_test(test_entities),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_depth_that_is_allowed),
        cmocka_unit_test(test_many_records),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_head),
        cmocka_unit_test(test_module),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
