/* The OpenAPI document and the routes are one: every route has its operation, every operation its
 * route, with the permission that the server asks for; and the server can check every schema. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "server_priv.h"

#include <regex.h>

static struct api_routes *routes;
static const struct sco_node *root;
static unsigned wrong;

SCO_PRINTF(1, 2) static void say(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vprint_error(fmt, ap);
    va_end(ap);
    print_error("\n");
    wrong++;
}

static int set_up(void **state)
{
    struct api_parts parts;
    struct sco_error err;
    (void)state;
    api_own_parts(&parts);
    if (api_routes_new(&parts, &routes, &err) < 0)
        fail_msg("%s", err.text);
    root = api_routes_root(routes);
    wrong = 0;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    routes = api_routes_free(routes);
    return 0;
}

static const char *permission(const struct api_route *r)
{
    static char text[64];
    static const char *const actions[] = {"read", "create", "update", "delete", "approve"};
    static const char *const resources[] = {
        "security", "vulnerabilities", "pipelines", "alerts",     "compliance", "scan_results",
        "tests",    "analytics",       "reports",   "dashboards", "hr_metrics", "events",
        "users",    "audit",           "system",    "self"};
    _Static_assert(SCO_ARRAY_LEN(resources) == SCO_RES_MAX_, "every resource has a name");
    snprintf(text, sizeof text, "%s:%s", actions[r->action], resources[r->resource]);
    return text;
}

/* What a path has in braces is among the parameters of the path or the operation. */
static bool declares(const struct sco_node *list, struct sco_str name)
{
    SCO_EACH (item, list) {
        const struct sco_node *p = api_document_ref(root, item);
        if (sco_str_is(sco_text_at(p, "in"), "path") &&
            sco_str_cmp(sco_text_at(p, "name"), name) == 0)
            return true;
    }
    return false;
}

static void check_params(const struct route_entry *e)
{
    struct sco_str segments[HTTP_SEGMENTS_MAX];
    int n = http_segments(sco_str_c(e->route->path), segments);
    const struct sco_node *path = sco_get(sco_get(root, "paths"), e->route->path);
    for (int i = 0; i < n; i++) {
        if (segments[i].p[0] != '{')
            continue;
        struct sco_str name = sco_str_make(segments[i].p + 1, segments[i].n - 2);
        if (!declares(sco_get(path, "parameters"), name) &&
            !declares(sco_get(e->operation, "parameters"), name))
            say("%s %s: the document does not declare {%.*s}", e->route->method, e->route->path,
                SCO_STR_ARG(name));
    }
}

static void test_routes_have_operations(void **state)
{
    (void)state;
    for (size_t i = 0; i < api_routes_count(routes); i++) {
        const struct route_entry *e = api_routes_at(routes, i);
        const struct api_route *r = e->route;
        if (!e->operation) {
            say("%s %s is not in the document", r->method, r->path);
            continue;
        }
        struct sco_str said = sco_text_at(e->operation, "x-permission");
        const struct sco_node *security = sco_get(e->operation, "security");
        bool open = security && security->type == SCO_NODE_LIST && security->n == 0;
        if (r->flags & API_PUBLIC ? !open : open || !sco_str_is(said, permission(r)))
            say("%s %s: the document says \"%.*s\"%s, the route %s%s", r->method, r->path,
                SCO_STR_ARG(said), open ? ", open" : "", permission(r),
                r->flags & API_PUBLIC ? ", open" : "");
        bool takes_json = !(r->flags & (API_ANY_BODY | API_UPLOAD));
        if (takes_json && sco_get(e->operation, "requestBody") && !e->body)
            say("%s %s: its body has no schema", r->method, r->path);
        check_params(e);
    }
    assert_int_equal(wrong, 0);
}

static bool has_route(const char *method, const char *path)
{
    for (size_t i = 0; i < api_routes_count(routes); i++) {
        const struct api_route *r = api_routes_at(routes, i)->route;
        if (strcasecmp(r->method, method) == 0 && strcmp(r->path, path) == 0)
            return true;
    }
    return false;
}

static void test_operations_have_routes(void **state)
{
    static const char *const methods[] = {"get", "put", "post", "delete", "patch"};
    struct sco_map ids = {0};
    (void)state;
    for (const struct sco_node *p = sco_get(root, "paths")->child; p; p = p->next)
        for (size_t i = 0; i < SCO_ARRAY_LEN(methods); i++) {
            const struct sco_node *op = sco_get(p, methods[i]);
            if (!op)
                continue;
            if (!has_route(methods[i], p->key.p))
                say("%s %s is in the document and has no route", methods[i], p->key.p);
            struct sco_str id = sco_text_at(op, "operationId");
            void **place = id.n ? sco_map_put(&ids, id, NULL) : NULL;
            if (!place || *place)
                say("%s %s: operationId is missing, or another's", methods[i], p->key.p);
            else
                *place = &ids;
            if (!sco_get(op, "responses"))
                say("%s %s: no responses", methods[i], p->key.p);
        }
    sco_map_done(&ids);
    assert_int_equal(wrong, 0);
}

/* No two routes answer the same. */
static void test_routes_differ(void **state)
{
    (void)state;
    for (size_t i = 0; i < api_routes_count(routes); i++)
        for (size_t k = 0; k < i; k++) {
            const struct api_route *a = api_routes_at(routes, i)->route;
            const struct api_route *b = api_routes_at(routes, k)->route;
            if (strcmp(a->method, b->method) == 0 && strcmp(a->path, b->path) == 0)
                say("%s %s is there twice", a->method, a->path);
        }
    assert_int_equal(wrong, 0);
}

/* ---- schemas: only what schema.c checks ---- */

static void check_schema(const struct sco_node *s, const char *where, int depth);

static void check_all(const struct sco_node *list, const char *where, int depth)
{
    for (const struct sco_node *c = list ? list->child : NULL; c; c = c->next)
        check_schema(c, where, depth);
}

static void check_keyword(const struct sco_node *k, const char *where, int depth)
{
    static const char *const plain[] = {"type",
                                        "enum",
                                        "const",
                                        "minimum",
                                        "maximum",
                                        "minItems",
                                        "maxItems",
                                        "minLength",
                                        "exclusiveMaximum",
                                        "exclusiveMinimum",
                                        "format",
                                        "maxLength",
                                        "minProperties",
                                        "maxProperties",
                                        "uniqueItems",
                                        "title",
                                        "description",
                                        "default",
                                        "examples",
                                        "example",
                                        "required",
                                        "readOnly",
                                        "writeOnly",
                                        "deprecated",
                                        "$comment",
                                        "contentMediaType",
                                        "externalDocs"};
    if (sco_str_is(k->key, "properties") || sco_str_is(k->key, "allOf") ||
        sco_str_is(k->key, "anyOf") || sco_str_is(k->key, "oneOf")) {
        check_all(k, where, depth);
        return;
    }
    if (sco_str_is(k->key, "items") || sco_str_is(k->key, "additionalProperties") ||
        sco_str_is(k->key, "not")) {
        check_schema(k, where, depth);
        return;
    }
    if (sco_str_is(k->key, "pattern")) {
        regex_t re;
        bool good = regcomp(&re, k->text.p, REG_EXTENDED | REG_NOSUB) == 0;
        if (good)
            regfree(&re);
        if (!good || strstr(k->text.p, "\\d") || strstr(k->text.p, "\\w") ||
            strstr(k->text.p, "(?"))
            say("%s: pattern %s cannot be checked here", where, k->text.p);
        return;
    }
    for (size_t i = 0; i < SCO_ARRAY_LEN(plain); i++)
        if (sco_str_is(k->key, plain[i]))
            return;
    say("%s: nobody checks the keyword %.*s", where, SCO_STR_ARG(k->key));
}

static void check_schema(const struct sco_node *s, const char *where, int depth)
{
    if (sco_is(s, SCO_NODE_BOOL))
        return;
    if (!sco_is(s, SCO_NODE_MAP) || depth > 20) {
        say("%s: a schema that is none", where);
        return;
    }
    const struct sco_node *ref = sco_get(s, "$ref");
    if (ref) {
        if (!api_document_ref(root, s))
            say("%s: %.*s is nowhere", where, SCO_STR_ARG(ref->text));
        return;
    }
    for (const struct sco_node *k = s->child; k; k = k->next)
        if (!sco_str_is(k->key, "discriminator"))
            check_keyword(k, where, depth + 1);
}

/* Every "$ref" of the document is somewhere. */
static void check_refs(const struct sco_node *v, int depth)
{
    const struct sco_node *ref = sco_get(v, "$ref");
    if (sco_is(ref, SCO_NODE_STR) && !api_document_ref(root, v))
        say("%.*s is nowhere", SCO_STR_ARG(ref->text));
    if (depth < 60 && (v->type == SCO_NODE_MAP || v->type == SCO_NODE_LIST))
        for (const struct sco_node *c = v->child; c; c = c->next)
            check_refs(c, depth + 1);
}

static void test_schemas(void **state)
{
    (void)state;
    const struct sco_node *schemas = sco_path(root, "components.schemas");
    assert_non_null(schemas);
    for (const struct sco_node *s = schemas->child; s; s = s->next)
        check_schema(s, s->key.p, 0);
    for (size_t i = 0; i < api_routes_count(routes); i++) {
        const struct route_entry *e = api_routes_at(routes, i);
        if (e->body)
            check_schema(e->body, e->route->path, 0);
        for (size_t k = 0; k < e->n_query; k++)
            if (e->query[k].schema)
                check_schema(e->query[k].schema, e->route->path, 0);
    }
    check_refs(root, 0);
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_routes_have_operations, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_operations_have_routes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_routes_differ, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_schemas, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
