/* What the configuration says of a resource: references through modules, instances, blocks. */
#include "plan_help.h"

#define CREATED(address, module, type, name)                                                       \
    "{'address':'" address "'," module "'mode':'managed','type':'" type "','name':'" name          \
    "','change':{'actions':['create'],'before':null,'after':{}}}"
#define RESOURCE(type, name, rest)                                                                 \
    "{'address':'" type "." name "','mode':'managed','type':'" type "','name':'" name "'," rest "}"

static void test_arguments(void **state)
{
    (void)state;
    struct plan_set f = {0};
    plan_entries(
        &f, CREATED("a_b.c", "", "a_b", "c"),
        "'resources':[" RESOURCE(
            "a_b", "c",
            "'expressions':{'key':{'references':['aws_kms_key.k.arn','aws_kms_key.k']},"
            "'name':{'constant_value':'n'},'local':{'references':['local.x','path.module','var.v',"
            "'terraform.workspace']},'empty':{},"
            "'vpc':[{'subnets':{'references':['data.aws_subnets.s.ids','data.aws_subnets.s']},"
            "'groups':{'references':['aws_security_group.g.id','aws_security_group.g']}}],"
            "'one':{'deep':[{'x':{'references':['a_c.d']}}]}}") "]");
    assert_string_equal(
        plan_value(&f, "a_b.c", "configured"),
        "{key:true,name:true,local:true,empty:true,vpc:true,vpc[0]:true,vpc[0].subnets:true,"
        "vpc[0].groups:true,one:true,one.deep:true,one.deep[0]:true,one.deep[0].x:true}");
    const struct sco_iac_node *refs = sco_iac_get(plan_find(&f, "a_b.c")->node, "references");
    static const struct {
        const char *path, *list;
    } rows[] = {
        {"key", "['aws_kms_key.k.arn','aws_kms_key.k']"},
        {"name", "absent"},
        {"local", "['local.x','var.v']"},
        {"vpc[0].subnets", "['data.aws_subnets.s.ids','data.aws_subnets.s']"},
        {"vpc[0].groups", "['aws_security_group.g.id','aws_security_group.g']"},
        {"vpc[0]", "['data.aws_subnets.s.ids','data.aws_subnets.s','aws_security_group.g.id',"
                   "'aws_security_group.g']"},
        {"vpc", "['data.aws_subnets.s.ids','data.aws_subnets.s','aws_security_group.g.id',"
                "'aws_security_group.g']"},
        {"one.deep[0].x", "['a_c.d']"},
        {"one", "['a_c.d']"},
    };
    for (size_t i = 0; i < SCO_ARRAY_LEN(rows); i++)
        assert_string_equal(plan_show(&f, sco_iac_get(refs, rows[i].path)), rows[i].list);
    plan_done(&f);
}

/* Older plans name the attribute only, or the resource only. */
static void test_forms(void **state)
{
    (void)state;
    struct plan_set f = {0};
    plan_entries(&f, CREATED("a_b.c", "", "a_b", "c") "," CREATED("a_b.d", "", "a_b", "d"),
                 "'resources':[" RESOURCE(
                     "a_b", "c",
                     "'expressions':{'k':{'references':['a_x.y.arn']},'l':{'references':["
                     "'a_x.y[0].id','a_x.y[0]','a_x.y','a_z.y[\\'q.r\\'].id','a_z.y[\\'q.r\\']',"
                     "'a_z.y']},'m':{'references':['nonsense','',5,'a_x.y']}}") "]");
    assert_string_equal(plan_value(&f, "a_b.c", "references"),
                        "{k:['a_x.y.arn','a_x.y'],l:['a_x.y[0].id','a_x.y[0]',"
                        "'a_z.y[\"q.r\"].id','a_z.y[\"q.r\"]'],m:['a_x.y']}");
    assert_string_equal(plan_value(&f, "a_b.d", "references"), "{}");
    plan_done(&f);
}

/* Variables go up to the call, outputs down into the module, both with the instance's address. */
static void test_modules(void **state)
{
    (void)state;
    struct plan_set f = {0};
    plan_entries(
        &f,
        CREATED("module.x[\\'a.b\\'].a_b.c", "'module_address':'module.x[\\'a.b\\']',", "a_b",
                "c") "," CREATED("module.x[\\'k].data\\\\\\'q\\'].module.y[0].a_b.c",
                                 "'module_address':'module.x[\\'k].data\\\\\\'q\\'].module.y[0]',",
                                 "a_b", "c") "," CREATED("a_b.top", "", "a_b", "top"),
        "'resources':[" RESOURCE(
            "a_b", "top",
            "'expressions':{'id':{'references':['module.x[\\'a.b\\'].key',"
            "'module.x[\\'a.b\\']','module.x']}}") "],"
                                                   "'module_calls':{'x':{'expressions':{'key':{'"
                                                   "references':['aws_kms_key.k.arn',"
                                                   "'aws_kms_key.k']},'each':{'references':['each."
                                                   "value']}},'for_each_expression':{"
                                                   "'references':['local.all']},'module':{'outputs'"
                                                   ":{'key':{'expression':{'references':["
                                                   "'a_b.c.id','a_b.c']}}},'resources':[" RESOURCE(
                                                       "a_b", "c",
                                                       "'expressions':{'k':{'references':['var.key'"
                                                       "]},'e':{'references':['var.each']},'o':{"
                                                       "'references':['module.y[0].out','module.y["
                                                       "0]','module.y']}}") "],'module_calls':{'y':"
                                                                            "{"
                                                                            "'expressions':{'key':{"
                                                                            "'references':['var."
                                                                            "key']}},'count_"
                                                                            "expression':{'"
                                                                            "constant_value':1},"
                                                                            "'module':{'outputs':{'"
                                                                            "out':{'expression':{'"
                                                                            "references':['var.key'"
                                                                            ",'a_b.c.arn','a_b.c']}"
                                                                            "}},"
                                                                            "'resources':"
                                                                            "[" RESOURCE(
                                                                                "a_b", "c",
                                                                                "'expressions':{'k'"
                                                                                ":{'references':['"
                                                                                "var.key']},'s':{"
                                                                                "'references':['a_"
                                                                                "x.y.id','a_x.y']}"
                                                                                "}") "]}}}}}}");
    assert_int_equal(f.set.n_resources, 4);
    assert_string_equal(
        plan_value(&f, "module.x[\"a.b\"].a_b.c", "references"),
        "{k:['module.x[\"a.b\"].var.key','aws_kms_key.k.arn','aws_kms_key.k'],"
        "e:['module.x[\"a.b\"].var.each','each.value','local.all'],"
        "o:['module.x[\"a.b\"].module.y[0].out','module.x[\"a.b\"].module.y[0].var.key',"
        "'module.x[\"a.b\"].var.key','aws_kms_key.k.arn','aws_kms_key.k',"
        "'module.x[\"a.b\"].module.y[0].a_b.c.arn','module.x[\"a.b\"].module.y[0].a_b.c',"
        "'module.x[\"a.b\"].module.y[0]','module.x[\"a.b\"].module.y']}");
    assert_string_equal(
        plan_value(&f, "module.x[\"k].data\\\"q\"].module.y[0].a_b.c", "references"),
        "{k:['module.x[\"k].data\\\"q\"].module.y[0].var.key','module.x[\"k].data\\\"q\"].var.key',"
        "'aws_kms_key.k.arn','aws_kms_key.k'],s:['module.x[\"k].data\\\"q\"].module.y[0].a_x.y.id',"
        "'module.x[\"k].data\\\"q\"].module.y[0].a_x.y']}");
    assert_string_equal(plan_value(&f, "a_b.top", "references"),
                        "{id:['module.x[\"a.b\"].key','module.x[\"a.b\"].a_b.c.id',"
                        "'module.x[\"a.b\"].a_b.c','module.x[\"a.b\"]','module.x']}");
    plan_done(&f);
}

/* An instance refers to the instance with its own key. */
static void test_instances(void **state)
{
    (void)state;
    struct plan_set f = {0};
    plan_entries(
        &f,
        CREATED("a_acl.p[0]", "'index':0,", "a_acl",
                "p") "," CREATED("a_acl.p[1]", "'index':1,", "a_acl",
                                 "p") "," CREATED("a_acl.q[\\'0\\']", "'index':'0',", "a_acl", "q"),
        "'resources':[" RESOURCE("a_s3", "b", "'count_expression':{'constant_value':2}") "," RESOURCE(
            "a_acl", "p",
            "'count_expression':{'constant_value':2},'expressions':{'bucket':{'references':["
            "'a_s3.b','count.index']},'log':{'references':['a_s3.log.id','a_s3.log',"
            "'count.index']}}") "," RESOURCE("a_s3", "log",
                                             "'expressions':{}") "," RESOURCE("a_acl", "q",
                                                                              "'for_each_"
                                                                              "expression':{'"
                                                                              "references':['a_s3."
                                                                              "b']},'expressions':{"
                                                                              "'bucket':{"
                                                                              "'references':['each."
                                                                              "value.id','each."
                                                                              "value']},'n':{'"
                                                                              "references':['a_s3."
                                                                              "b',"
                                                                              "'each.key']}}") "]");
    assert_string_equal(plan_value(&f, "a_acl.p[0]", "references"),
                        "{bucket:['a_s3.b[0]','count.index'],"
                        "log:['a_s3.log.id','a_s3.log','count.index']}");
    assert_string_equal(plan_value(&f, "a_acl.p[1]", "references.bucket"),
                        "['a_s3.b[1]','count.index']");
    assert_string_equal(plan_value(&f, "a_acl.q[\"0\"]", "references"),
                        "{bucket:['each.value.id','a_s3.b','each.value'],n:['a_s3.b[\"0\"]',"
                        "'each.key']}");
    plan_done(&f);
}

/* Two outputs that mean each other, and a fan that doubles at each step: both end. */
static void test_endless(void **state)
{
    (void)state;
    struct plan_set f = {0};
    const struct sco_iac_doc *d =
        plan_entries(&f, CREATED("a_b.c", "", "a_b", "c"),
                     "'resources':[" RESOURCE("a_b", "c",
                                              "'expressions':{'k':{'references':['module.m.o']}"
                                              "}") "],'module_calls':{'m':{'expressions':{'v':{"
                                                   "'references':['module.m.o','module.m.p',"
                                                   "'module.m.o','module.m.p']}},'module':{'"
                                                   "outputs':{'o':{'expression':{'references':["
                                                   "'var.v','a_x.y','var.v']}},'p':{'"
                                                   "expression':{'references':['var.v','var.v']"
                                                   "}}}}}}");
    assert_status(d, SCO_IAC_PARSED, NULL);
    assert_string_equal(plan_value(&f, "a_b.c", "references.k"),
                        "['module.m.o','module.m.var.v','module.m.p','module.m.a_x.y']");
    assert_non_null(d->notes);
    assert_non_null(strstr(d->notes[0], "references"));
    plan_done(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arguments), cmocka_unit_test(test_forms),
        cmocka_unit_test(test_modules),   cmocka_unit_test(test_instances),
        cmocka_unit_test(test_endless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
