/* Plans: what is accepted, values with what is unknown and sensitive in them, actions, places. */
#include "plan_help.h"

#define ENTRY(address, type, change)                                                               \
    "{'address':'" address "','mode':'managed','type':'" type "','name':'x','change':{" change "}" \
    "}"
#define BUCKET(change) ENTRY("aws_s3_bucket.x", "aws_s3_bucket", change)
#define CREATE "'actions':['create'],'before':null,"

/* ---- the envelope ---- */
static void test_version(void **state)
{
    (void)state;
    static const struct {
        const char *version;
        enum sco_iac_status status;
        const char *reason;
    } rows[] = {
        {"'format_version':'0.1',", SCO_IAC_PARSED, NULL},
        {"'format_version':'0.2',", SCO_IAC_PARSED, NULL},
        {"'format_version':'1.0',", SCO_IAC_PARSED, NULL},
        {"'format_version':'1.2',", SCO_IAC_PARSED, NULL},
        {"'format_version':'1.99.3',", SCO_IAC_PARSED, NULL},
        {"", SCO_IAC_FAILED, "no format_version"},
        {"'format_version':'2.0',", SCO_IAC_FAILED, "format_version 2.0 is not supported"},
        {"'format_version':'10.1',", SCO_IAC_FAILED, "0.1 to 1.x are"},
        {"'format_version':'0.0',", SCO_IAC_FAILED, "format_version 0.0 is not supported"},
        {"'format_version':'1',", SCO_IAC_FAILED, "not a version"},
        {"'format_version':'new',", SCO_IAC_FAILED, "not a version"},
        {"'format_version':1.2,", SCO_IAC_FAILED, "not a version"},
    };
    struct plan_set f = {0};
    for (size_t i = 0; i < SCO_ARRAY_LEN(rows); i++) {
        SCO_AUTO(sco_buf) struct sco_buf b = {0};
        sco_buf_addf(&b, "{%s'resource_changes':[%s]}", rows[i].version,
                     BUCKET(CREATE "'after':{}"));
        const struct sco_iac_doc *d = plan_load(&f, sco_buf_z(&b));
        assert_status(d, rows[i].status, rows[i].reason);
        assert_int_equal(d->format, SCO_IAC_FORMAT_TERRAFORM_PLAN);
        assert_int_equal(f.set.n_resources, rows[i].reason ? 0 : 2);
        assert_int_equal(d->n_resources, f.set.n_resources);
        assert_int_equal(d->root != NULL, rows[i].reason == NULL);
    }
    plan_done(&f);
}

static void test_what_is_no_plan(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum sco_iac_status status;
        const char *reason;
    } rows[] = {
        {"", SCO_IAC_FAILED, "empty"},
        {" \n", SCO_IAC_FAILED, "empty"},
        {"[command]/usr/bin/terraform-bin show -json p\n{'format_version':'1.2'}", SCO_IAC_FAILED,
         "text before the JSON of the plan (\"[command]/usr/bin/terraform-bin show -json p\")"},
        {"{'format_version':'1.2','resource_changes':[]}\n::debug::Terraform exited with code 0.",
         SCO_IAC_FAILED, "plan.json:2:1: more text after the end"},
        {"{'format_version':'1.2','resource_changes':[]}\n::debug::x", SCO_IAC_FAILED,
         "terraform show -json"},
        {"{'format_version':'1.2'}{'format_version':'1.2'}", SCO_IAC_FAILED, "one plan a file"},
        {"{'format_version':'1.2','resource_changes':[}", SCO_IAC_FAILED, "plan.json:1:45: "},
        {"{'format_version':'1.2','planned_values':{'a':[", SCO_IAC_FAILED, "plan.json:1:"},
        {"[]", SCO_IAC_FAILED, "no object"},
        {"{'format_version':'1.0','values':{'root_module':{}}}", SCO_IAC_SKIPPED, "a state"},
        {"{'format_version':'1.0','provider_schemas':{}}", SCO_IAC_FAILED, "nothing of a plan"},
    };
    struct plan_set f = {0};
    for (size_t i = 0; i < SCO_ARRAY_LEN(rows); i++) {
        const struct sco_iac_doc *d = plan_load(&f, rows[i].text);
        assert_status(d, rows[i].status, rows[i].reason);
        assert_int_equal(f.set.n_resources, 0);
        assert_null(d->root);
    }
    plan_done(&f);
}

static void load_bytes(struct plan_set *f, struct sco_str bytes, const char *name)
{
    sco_iac_set_done(&f->set);
    int r = sco_iac_add_text(&f->set, bytes, name, SCO_IAC_FORMAT_NONE, 0, &f->err);
    assert_int_equal(r, 1);
    assert_int_equal(f->set.docs[0].format, SCO_IAC_FORMAT_TERRAFORM_PLAN);
}

static void test_encodings(void **state)
{
    (void)state;
    static const char plan[] =
        "{\"format_version\":\"1.2\",\r\n \"resource_changes\":[{\"address\":\"a_b.c\",\"type\":"
        "\"a_b\",\r\n\"change\":{\"actions\":[\"create\"],\"after\":{\"name\":\"\xc3\xa9\"}}}]}"
        "\r\n";
    struct plan_set f = {0};
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    sco_buf_addz(&b, "\xef\xbb\xbf");
    sco_buf_addz(&b, plan);
    load_bytes(&f, sco_buf_str(&b), "tfplan.json");
    assert_string_equal(plan_value(&f, "a_b.c", "values"), "{name:'\xc3\xa9'}");
    struct sco_iac_place place;
    sco_iac_place(&f.set, sco_iac_path(plan_find(&f, "a_b.c")->node, "values.name"), &place);
    assert_int_equal(place.line, 3);

    for (int big = 0; big < 2; big++) {
        sco_buf_clear(&b);
        sco_buf_add(&b, sco_str_make(big ? "\xfe\xff" : "\xff\xfe", 2));
        for (const char *p = plan; *p; p++) {
            char unit = *p == '\xc3' ? *++p + 0x40 : *p; /* the one letter beyond ASCII */
            if (big)
                sco_buf_addc(&b, 0);
            sco_buf_addc(&b, unit);
            if (!big)
                sco_buf_addc(&b, 0);
        }
        load_bytes(&f, sco_buf_str(&b), "tfplan.json");
        assert_string_equal(plan_value(&f, "a_b.c", "values"), "{name:'\xc3\xa9'}");
    }
    load_bytes(&f, sco_str_make("PK\3\4\x14\0\0\0\0", 9), "x.tfplan");
    assert_status(&f.set.docs[0], SCO_IAC_FAILED, "terraform show -json");
    plan_done(&f);
}

static void test_coverage(void **state)
{
    (void)state;
    struct plan_set f = {0};
    static const char frame[] = "{'format_version':'1.2','resource_changes':[],%s}";
    static const struct {
        const char *member, *reason;
    } rows[] = {
        {"'errored':true", "errored: true"},
        {"'complete':false", "complete: false"},
        {"'errored':false,'complete':true", NULL},
        {"'resource_drift':[{'address':'a_b.c'}],'prior_state':{'values':{}}", NULL},
    };
    for (size_t i = 0; i < SCO_ARRAY_LEN(rows); i++) {
        SCO_AUTO(sco_buf) struct sco_buf b = {0};
        sco_buf_addf(&b, "%.*s%s}", (int)strlen(frame) - 3, frame, rows[i].member);
        const struct sco_iac_doc *d = plan_load(&f, sco_buf_z(&b));
        assert_status(d, rows[i].reason ? SCO_IAC_PARTIAL : SCO_IAC_PARSED, rows[i].reason);
        assert_non_null(d->root);
        assert_int_equal(f.set.n_resources, 1);
    }
    assert_status(
        plan_entries(&f, "{'address':'a_b.c','type':'a_b'},7," BUCKET(CREATE "'after':{}"), ""),
        SCO_IAC_PARTIAL, "2 entries");
    assert_int_equal(f.set.n_resources, 2);
    const struct sco_iac_doc *d = plan_load(
        &f, "{'format_version':'1.2','resource_changes':[" BUCKET(CREATE "'after':{}") "]}");
    assert_status(d, SCO_IAC_PARSED, NULL);
    assert_non_null(d->notes);
    assert_non_null(strstr(d->notes[0], "no configuration"));
    assert_status(plan_load(&f, "{'format_version':'1.2','resource_changes':{}}"), SCO_IAC_PARTIAL,
                  "1 entries");
    plan_done(&f);
}

static void test_planned_values(void **state)
{
    (void)state;
    struct plan_set f = {0};
    const struct sco_iac_doc *d = plan_load(
        &f, "{'format_version':'0.1','planned_values':{'root_module':{'resources':["
            "{'address':'a_b.c','mode':'managed','type':'a_b','name':'c','values':{'x':1,'p':'s',"
            "'key':null},'sensitive_values':{'p':true}}],'child_modules':[{'address':'module.m',"
            "'resources':[{'address':'module.m.a_b.c','mode':'managed','type':'a_b','name':'c',"
            "'values':{}}],'child_modules':[{'address':'module.m.module.n','resources':[{'address':"
            "'module.m.module.n.data.a_b.c','mode':'data','type':'a_b','name':'c','values':{'y':"
            "2}}]}]}]}},'configuration':{'root_module':{'resources':[{'address':'a_b.c',"
            "'expressions':{'key':{'references':['a_key.k.arn','a_key.k']},'id':{'references':"
            "['local.x']},'x':{'references':['local.x']},'z':{'constant_value':1}}}]}}}");
    assert_status(d, SCO_IAC_PARTIAL, "no resource_changes");
    assert_int_equal(f.set.n_resources, 4);
    assert_string_equal(plan_value(&f, "a_b.c", "values"), "{x:1,p:!'s',key:?,id:?}");
    assert_string_equal(plan_value(&f, "a_b.c", "will_exist"), "true");
    assert_string_equal(plan_value(&f, "a_b.c", "is_new"), "?");
    assert_string_equal(plan_value(&f, "a_b.c", "actions"), "absent");
    assert_string_equal(plan_value(&f, "module.m.a_b.c", "values"), "{}");
    assert_string_equal(plan_value(&f, "module.m.a_b.c", "references"), "{}");
    assert_string_equal(plan_find(&f, "module.m.module.n.data.a_b.c")->selectors[1],
                        "terraform:data");
    struct sco_buf p = {0};
    assert_true(
        sco_iac_pointer(d->root, sco_iac_path(plan_find(&f, "a_b.c")->node, "values.x"), &p));
    assert_string_equal(sco_buf_z(&p), "/planned_values/root_module/resources/0/values/x");
    sco_buf_done(&p);
    assert_status(plan_load(&f, "{'format_version':'1.0','planned_values':{'root_module':{}}}"),
                  SCO_IAC_PARSED, NULL);
    plan_done(&f);
}

/* ---- actions ---- */
static void test_actions(void **state)
{
    (void)state;
    static const struct {
        const char *actions, *after, *flags; /* exists, new, replaced, destroyed */
    } rows[] = {
        {"'no-op'", "{}", "true false false false"},
        {"'create'", "{}", "true true false false"},
        {"'read'", "{}", "true false false false"},
        {"'update'", "{}", "true false false false"},
        {"'delete'", "null", "false false false true"},
        {"'forget'", "null", "false false false false"},
        {"'delete','create'", "{}", "true false true true"},
        {"'create','delete'", "{}", "true false true true"},
        {"'create','forget'", "{}", "true false true false"},
        {"", "{}", "true false false false"},
        {"", "null", "false false false false"},
        {"'grow'", "{}", "true false false false"},
    };
    struct plan_set f = {0};
    for (size_t i = 0; i < SCO_ARRAY_LEN(rows); i++) {
        SCO_AUTO(sco_buf) struct sco_buf b = {0};
        sco_buf_addf(&b,
                     "{'address':'aws_s3_bucket.x','mode':'managed','type':'aws_s3_bucket','name':"
                     "'x','change':{'actions':[%s],'before':{},'after':%s}}",
                     rows[i].actions, rows[i].after);
        assert_status(plan_entries(&f, sco_buf_z(&b), ""), SCO_IAC_PARSED, NULL);
        const struct sco_iac_resource *r = plan_find(&f, "aws_s3_bucket.x");
        static const char *const names[] = {"will_exist", "is_new", "is_replaced", "is_destroyed"};
        sco_buf_clear(&b);
        for (size_t k = 0; k < SCO_ARRAY_LEN(names); k++)
            sco_buf_addf(&b, "%s%s", k ? " " : "", plan_show(&f, sco_iac_get(r->node, names[k])));
        assert_string_equal(sco_buf_z(&b), rows[i].flags);
        assert_string_equal(r->selectors[0], "terraform:change");
        if (rows[i].flags[0] == 't') {
            assert_string_equal(r->selectors[1], "terraform:resource");
            assert_string_equal(r->selectors[2], "terraform:aws_s3_bucket");
            assert_null(r->selectors[3]);
        } else {
            assert_null(r->selectors[1]);
        }
        assert_string_equal(r->type, "aws_s3_bucket");
    }
    plan_done(&f);
}

static void test_entry(void **state)
{
    (void)state;
    struct plan_set f = {0};
    plan_entries(&f,
                 "{'address':'a_b.c[1]','previous_address':'a_b.d','mode':'managed','type':'a_b',"
                 "'name':'c','index':1,'provider_name':'registry.terraform.io/hashicorp/aws',"
                 "'action_reason':'replace_because_tainted','change':{'actions':['update'],"
                 "'before':{'v':1,'w':'s'},'after':{'v':2},'before_sensitive':{'w':true}}},"
                 "{'address':'a_b.c[1]','deposed':'1a2b3c4d','mode':'managed','type':'a_b','name':"
                 "'c','index':1,'change':{'actions':['delete'],'before':{'v':1},'after':null}},"
                 "{'address':'data.a_b.c','mode':'data','type':'a_b','name':'c','change':{"
                 "'actions':['read'],'before':null,'after':{'v':3}}}",
                 "");
    assert_int_equal(f.set.n_resources, 4);
    assert_string_equal(plan_value(&f, "a_b.c[1]", "previous_address"), "'a_b.d'");
    assert_string_equal(plan_value(&f, "a_b.c[1]", "action_reason"), "'replace_because_tainted'");
    assert_string_equal(plan_value(&f, "a_b.c[1]", "index"), "1");
    assert_string_equal(plan_value(&f, "a_b.c[1]", "actions"), "['update']");
    assert_string_equal(plan_value(&f, "a_b.c[1]", "values"), "{v:2}");
    assert_string_equal(plan_value(&f, "a_b.c[1]", "before"), "{v:1,w:!'s'}");
    assert_string_equal(plan_value(&f, "a_b.c[1] (deposed 1a2b3c4d)", "before"), "{v:1}");
    assert_string_equal(plan_value(&f, "a_b.c[1] (deposed 1a2b3c4d)", "values"), "null");
    assert_string_equal(plan_find(&f, "data.a_b.c")->selectors[1], "terraform:data");
    assert_string_equal(plan_find(&f, "data.a_b.c")->selectors[2], "terraform:a_b");
    plan_done(&f);
}

/* ---- unknown and sensitive ---- */
static void test_unknown(void **state)
{
    (void)state;
    static const struct {
        const char *after, *unknown, *values;
    } rows[] = {
        {"{'a':1}", "{}", "{a:1}"},
        {"{'a':1}", "false", "{a:1}"},
        {"{'a':1}", "{'arn':true}", "{a:1,arn:?}"},                /* a whole attribute */
        {"{'a':1,'arn':null}", "{'arn':true}", "{a:1,arn:?}"},     /* older versions */
        {"{'l':['x',null]}", "{'l':[false,true]}", "{l:['x',?]}"}, /* an element */
        {"{'l':['x',null]}", "{'l':true}", "{l:?}"},
        {"{'l':['x','y','z']}", "{'l':[false,true]}", "{l:['x',?,'z']}"}, /* shorter */
        {"{'l':['x']}", "{'l':[false,false,true]}", "{l:['x',?]}"},       /* longer */
        {"{'l':['x']}", "{'l':[false,false]}", "{l:['x']}"},
        {"{'b':[{'p':1,'q':null}]}", "{'b':[{'q':true}]}", "{b:[{p:1,q:?}]}"},
        {"{'b':[{'p':1}]}", "{'b':[{'r':[{'s':true,'t':false}]}]}", "{b:[{p:1,r:[{s:?,t:null}]}]}"},
        {"{'b':null}", "{'b':{'q':true}}", "{b:{q:?}}"},
        {"{'b':null}", "{'b':{}}", "{b:null}"},
        {"{'b':null}", "{'b':[]}", "{b:null}"},
        {"{'b':'text'}", "{'b':{'q':true}}", "{b:?}"}, /* shapes that do not fit */
        {"{'b':{'a':1}}", "{'b':[true]}", "{b:?}"},
        {"{'b':'text'}", "{'b':{'q':false}}", "{b:'text'}"},
        {"{'a':1}", "true", "?"},
        {"null", "{}", "null"},
        {"{'a':1}", "'x'", "{a:1}"},
        {"{'m':{'k1':'a'}}", "{'m':{'k2':true}}", "{m:{k1:'a',k2:?}}"},
    };
    struct plan_set f = {0};
    for (size_t i = 0; i < SCO_ARRAY_LEN(rows); i++) {
        SCO_AUTO(sco_buf) struct sco_buf b = {0};
        sco_buf_addf(&b, ENTRY("a_b.x", "a_b", CREATE "'after':%s,'after_unknown':%s"),
                     rows[i].after, rows[i].unknown);
        assert_status(plan_entries(&f, sco_buf_z(&b), ""), SCO_IAC_PARSED, NULL);
        assert_string_equal(plan_value(&f, "a_b.x", "values"), rows[i].values);
    }
    plan_done(&f);
}

static void test_sensitive(void **state)
{
    (void)state;
    static const struct {
        const char *after, *sensitive, *values;
    } rows[] = {
        {"{'a':1,'p':'s'}", "{'p':true}", "{a:1,p:!'s'}"},
        {"{'a':1,'p':'s'}", "false", "{a:1,p:'s'}"},
        {"{'a':1,'p':'s'}", "true", "!{a:!1,p:!'s'}"},
        {"{'m':{'k':'s'}}", "{'m':true}", "{m:!{k:!'s'}}"},
        {"{'l':[{'k':'s'},{'k':'t'}]}", "{'l':[{},{'k':true}]}", "{l:[{k:'s'},{k:!'t'}]}"},
        {"{'l':['s','t']}", "{'l':[true]}", "{l:![!'s',!'t']}"}, /* which one is not known */
        {"{'l':['s']}", "{'l':[false,true]}", "{l:![!'s']}"},
        {"{'l':['s','t']}", "{'l':[false]}", "{l:['s','t']}"},
        {"{'l':'s'}", "{'l':[true]}", "{l:!'s'}"},
        {"{'a':1}", "{'gone':true}", "{a:1}"},
        {"{'a':null}", "{'a':true}", "{a:!null}"},
    };
    struct plan_set f = {0};
    for (size_t i = 0; i < SCO_ARRAY_LEN(rows); i++) {
        SCO_AUTO(sco_buf) struct sco_buf b = {0};
        sco_buf_addf(&b, ENTRY("a_b.x", "a_b", CREATE "'after':%s,'after_sensitive':%s"),
                     rows[i].after, rows[i].sensitive);
        assert_status(plan_entries(&f, sco_buf_z(&b), ""), SCO_IAC_PARSED, NULL);
        assert_string_equal(plan_value(&f, "a_b.x", "values"), rows[i].values);
    }
    plan_entries(&f,
                 ENTRY("a_b.x", "a_b",
                       CREATE "'after':{},'after_unknown':{'p':true},'after_sensitive':{'p':true}"),
                 "");
    assert_string_equal(plan_value(&f, "a_b.x", "values"), "{p:!?}");
    plan_done(&f);
}

/* Maps too large to be searched, in orders that do not fit. */
static void test_large_mirror(void **state)
{
    (void)state;
    struct plan_set f = {0};
    SCO_AUTO(sco_buf) struct sco_buf after = {0};
    SCO_AUTO(sco_buf) struct sco_buf unknown = {0};
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    enum { N = 30000 };
    for (int i = 0; i < N; i++) {
        sco_buf_addf(&after, "%s'k%d':1", i ? "," : "", i);
        sco_buf_addf(&unknown, "%s'k%d':true", i ? "," : "", N - i);
    }
    sco_buf_addf(
        &b,
        ENTRY("a_b.x", "a_b", CREATE "'after':{%s},'after_unknown':{%s},'after_sensitive':{%s}"),
        sco_buf_z(&after), sco_buf_z(&unknown), sco_buf_z(&unknown));
    int64_t start = sco_mono_ms();
    assert_status(plan_entries(&f, sco_buf_z(&b), ""), SCO_IAC_PARSED, NULL);
    assert_in_range(sco_mono_ms() - start, 0, 2000);
    assert_string_equal(plan_value(&f, "a_b.x", "values.k0"), "1");
    assert_string_equal(plan_value(&f, "a_b.x", "values.k1"), "!?");
    assert_string_equal(plan_value(&f, "a_b.x", "values.k30000"), "!?");
    plan_done(&f);
}

static void test_numbers_and_keys(void **state)
{
    (void)state;
    struct plan_set f = {0};
    const struct sco_iac_doc *d =
        plan_entries(&f,
                     ENTRY("a_b.x", "a_b",
                           CREATE "'after':{'a':9007199254740993,'b':123456789012345678901,"
                                  "'c':1.5,'d':1,'d':2}"),
                     "");
    assert_string_equal(plan_value(&f, "a_b.x", "values"),
                        "{a:9007199254740993,b:#123456789012345678901,c:1.5,d:2}");
    assert_non_null(d->notes);
    assert_non_null(strstr(d->notes[0], "\"d\" is repeated"));
    plan_done(&f);
}

/* ---- places ---- */
static void test_places(void **state)
{
    (void)state;
    struct plan_set f = {0};
    const struct sco_iac_doc *d = plan_load(
        &f,
        "{'format_version':'1.2','resource_changes':[\n" BUCKET(CREATE "'after':{}") ",\n" ENTRY(
            "a_b.x", "a_b",
            CREATE "\n'after':{'p':'v','l':[1,\n{'q':null}]},"
                   "'after_unknown':{'arn':true,'l':[false,{'q':true}]}") "]}");
    const struct sco_iac_resource *r = plan_find(&f, "a_b.x");
    static const struct {
        const char *path, *pointer;
        uint32_t line;
    } rows[] = {
        {"values.p", "/resource_changes/1/change/after/p", 4},
        {"values.l", "/resource_changes/1/change/after/l", 4},
        {"values.arn", "/resource_changes/1/change/after/arn", 4}, /* where it would stand */
        {"address", "/resource_changes/1/address", 3},
    };
    for (size_t i = 0; i < SCO_ARRAY_LEN(rows); i++) {
        SCO_AUTO(sco_buf) struct sco_buf p = {0};
        struct sco_iac_place place;
        const struct sco_iac_node *v = sco_iac_path(r->node, rows[i].path);
        assert_true(sco_iac_pointer(d->root, v, &p));
        assert_string_equal(sco_buf_z(&p), rows[i].pointer);
        sco_iac_place(&f.set, v, &place);
        assert_int_equal(place.line, rows[i].line);
        assert_string_equal(place.file_path, "plan.json");
    }
    SCO_AUTO(sco_buf) struct sco_buf p = {0};
    const struct sco_iac_node *q =
        sco_iac_get(sco_iac_at(sco_iac_path(r->node, "values.l"), 1), "q");
    struct sco_iac_place place;
    assert_string_equal(plan_show(&f, q), "?");
    assert_true(sco_iac_pointer(d->root, q, &p));
    assert_string_equal(sco_buf_z(&p), "/resource_changes/1/change/after/l/1/q");
    sco_iac_place(&f.set, q, &place);
    assert_int_equal(place.line, 5);
    sco_buf_clear(&p);
    assert_true(sco_iac_pointer(d->root, r->node, &p));
    assert_string_equal(sco_buf_z(&p), "/resource_changes/1");
    sco_iac_place(&f.set, r->node, &place);
    assert_int_equal(place.line, 3);
    plan_done(&f);
}

/* One line of a hundred kilobytes, with letters of two bytes in it. */
static void test_long_line(void **state)
{
    (void)state;
    struct plan_set f = {0};
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    enum { N = 50000 };
    sco_buf_addz(&b, "{'format_version':'1.2','resource_changes':[{'address':'a_b.x','type':'a_b',"
                     "'name':'x','change':{'actions':['create'],'after':{'first':1,'padding':'");
    for (int i = 0; i < N; i++)
        sco_buf_addz(&b, "\xc3\xa9");
    sco_buf_addz(&b, "','last':2}}}]}");
    assert_status(plan_load(&f, sco_buf_z(&b)), SCO_IAC_PARSED, NULL);
    struct sco_iac_place first, last;
    sco_iac_place(&f.set, sco_iac_path(plan_find(&f, "a_b.x")->node, "values.first"), &first);
    sco_iac_place(&f.set, sco_iac_path(plan_find(&f, "a_b.x")->node, "values.last"), &last);
    assert_int_equal(first.line, 1);
    assert_int_equal(last.line, 1);
    const char *text = f.set.docs[0].text->bytes.p;
    size_t bytes = (size_t)(strstr(text, "\"last\":2") - strstr(text, "\"first\":1")) - 1;
    assert_int_equal(last.column - first.column, bytes - N);
    plan_done(&f);
}

/* ---- the plan itself ---- */
static void test_plan_resource(void **state)
{
    (void)state;
    struct plan_set f = {0};
    const struct sco_iac_doc *d = plan_load(
        &f, "{'format_version':'1.2','terraform_version':'1.9.5','variables':{'a':{'value':1},'p':{"
            "'value':'s'}},'planned_values':{},'prior_state':{'x':1},'timestamp':"
            "'2026-08-01T12:00:00Z','applyable':true,'complete':true,'errored':false,"
            "'output_changes':{'o':{'actions':['create'],'after':'v','after_unknown':false},'u':{"
            "'actions':['create'],'after_unknown':true},'s':{'after':'t','after_sensitive':true}},"
            "'resource_changes':[],'configuration':{'provider_config':{'aws':{'name':'aws',"
            "'expressions':{'region':{'constant_value':'x'},'secret_key':{'constant_value':'k'}}}},"
            "'root_module':{'variables':{'p':{'sensitive':true},'a':{}}}}}");
    assert_status(d, SCO_IAC_PARSED, NULL);
    assert_int_equal(f.set.n_resources, 1);
    const struct sco_iac_resource *r = &f.set.resources[0];
    assert_string_equal(r->selectors[0], "terraform");
    assert_null(r->selectors[1]);
    assert_string_equal(r->name, "plan");
    assert_ptr_equal(r->node, d->root);
    assert_string_equal(plan_value(&f, "plan", "variables"), "{a:{value:1},p:!{value:!'s'}}");
    assert_string_equal(plan_value(&f, "plan", "outputs"), "{o:'v',u:?,s:!'t'}");
    assert_string_equal(plan_value(&f, "plan", "providers.aws.expressions.region.constant_value"),
                        "'x'");
    assert_string_equal(
        plan_value(&f, "plan", "providers.aws.expressions.secret_key.constant_value"), "!'k'");
    assert_string_equal(plan_value(&f, "plan", "timestamp"), "'2026-08-01T12:00:00Z'");
    assert_string_equal(plan_value(&f, "plan", "applyable"), "true");
    assert_string_equal(plan_value(&f, "plan", "prior_state"), "absent");
    assert_string_equal(plan_value(&f, "plan", "planned_values"), "absent");
    plan_done(&f);
}

/* Memory may end at every allocation: an error, and nothing is lost or half made. */
static void test_out_of_memory(void **state)
{
    (void)state;
    static const char text[] =
        "{\"format_version\":\"1.2\",\"errored\":true,\"variables\":{\"v\":{\"value\":1}},"
        "\"output_changes\":{\"o\":{\"after_unknown\":true}},\"resource_changes\":[{\"address\":"
        "\"module.m[0].a_b.c\",\"module_address\":\"module.m[0]\",\"mode\":\"managed\",\"type\":"
        "\"a_b\",\"name\":\"c\",\"change\":{\"actions\":[\"create\"],\"after\":{\"l\":[1]},"
        "\"after_unknown\":{\"l\":[false,{\"x\":[true]}],\"id\":true},\"after_sensitive\":{\"l\":"
        "[true]}}}],\"configuration\":{\"root_module\":{\"module_calls\":{\"m\":{\"expressions\":{"
        "\"v\":{\"references\":[\"var.v\"]}},\"module\":{\"resources\":[{\"address\":\"a_b.c\","
        "\"expressions\":{\"b\":[{\"x\":{\"references\":[\"var.v\",\"module.n.o\",\"module.n\"]}}]"
        "}}]}}}}}}";
    bool done = false;
    for (long n = 0; n < 2000 && !done; n++) {
        struct sco_iac_set set = {0};
        struct sco_error err = {0};
        sco_alloc_fail_at(n);
        int r = sco_iac_add_text(&set, sco_str_c(text), "p.json", SCO_IAC_FORMAT_TERRAFORM_PLAN, 0,
                                 &err);
        long used = sco_alloc_fail_at(-1);
        done = used <= n;
        if (r < 0) {
            assert_int_equal(r, SCO_E_NOMEM);
            assert_int_equal(err.code, SCO_E_NOMEM);
        } else { /* nothing failed, or what failed was not needed */
            assert_int_equal(r, 1);
            assert_status(&set.docs[0], SCO_IAC_PARTIAL, "errored");
            assert_int_equal(set.n_resources, 2);
            assert_int_equal(sco_iac_path(set.resources[1].node, "values.l")->n, 2);
        }
        sco_iac_set_done(&set);
    }
    assert_true(done);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_version),
        cmocka_unit_test(test_what_is_no_plan),
        cmocka_unit_test(test_encodings),
        cmocka_unit_test(test_coverage),
        cmocka_unit_test(test_planned_values),
        cmocka_unit_test(test_actions),
        cmocka_unit_test(test_entry),
        cmocka_unit_test(test_unknown),
        cmocka_unit_test(test_sensitive),
        cmocka_unit_test(test_large_mirror),
        cmocka_unit_test(test_numbers_and_keys),
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_plan_resource),
        cmocka_unit_test(test_long_line),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
