/* Cases of workflows: an event goes in, actions come out. */
#include "cases_priv.h"
#include <secureops/json.h>
#include <secureops/yaml.h>

/* Plain words are what they look like. */
void case_add_value(struct sco_json_out *o, const struct sco_yaml *v)
{
    int64_t i;
    double real;
    if (v->kind == SCO_YAML_LIST) {
        sco_json_begin(o, '[');
        for (const struct sco_yaml *x = v->child; x; x = x->next)
            case_add_value(o, x);
        sco_json_end(o, ']');
    } else if (v->kind == SCO_YAML_MAP) {
        sco_json_begin(o, '{');
        for (const struct sco_yaml *x = v->child; x; x = x->next) {
            sco_json_key(o, x->key->text.p);
            case_add_value(o, x);
        }
        sco_json_end(o, '}');
    } else if (!v->plain) {
        sco_json_str(o, v->text);
    } else if (sco_str_is(v->text, "true") || sco_str_is(v->text, "false")) {
        sco_json_bool(o, *v->text.p == 't');
    } else if (sco_str_is(v->text, "null")) {
        sco_json_null(o);
    } else if (sco_parse_i64(v->text, INT64_MIN, INT64_MAX, &i) == 0) {
        sco_json_i64(o, i);
    } else if (sco_parse_real(v->text, &real) == 0) {
        sco_json_real(o, real);
    } else {
        sco_json_str(o, v->text);
    }
}

int case_event(struct case_run *c, const struct sco_yaml *v)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_json_out o = {.b = &b};
    if (!v || v->kind != SCO_YAML_MAP) {
        if (!c->message)
            c->message = "a case of a workflow has an 'event': a map";
        return 0;
    }
    case_add_value(&o, v);
    c->inputs = sco_arena_alloc(&c->arena, sizeof *c->inputs);
    struct sco_str text =
        b.failed ? (struct sco_str){NULL, 0} : sco_arena_str(&c->arena, sco_buf_str(&b));
    if (!c->inputs || !text.p)
        return SCO_E_NOMEM;
    c->inputs[c->n_inputs++] = (struct case_input){"event.json", text};
    return 0;
}

bool case_acts(const struct got *g)
{
    return g->actions && strcmp(g->actions, "[]") != 0;
}

/* ---- comparing ---- */
static bool matches(const struct sco_yaml *want, const struct sco_node *got);

static bool map_matches(const struct sco_yaml *want, const struct sco_node *got)
{
    for (const struct sco_yaml *x = want->child; x; x = x->next)
        if (!matches(x, sco_get(got, x->key->text.p)))
            return false;
    return true;
}

static bool list_matches(const struct sco_yaml *want, const struct sco_node *got)
{
    const struct sco_node *g = got->child;
    for (const struct sco_yaml *x = want->child; x; x = x->next, g = g->next)
        if (!g || !matches(x, g))
            return false;
    return !g;
}

/* Texts are globs; members that are not named may be anything. */
static bool matches(const struct sco_yaml *want, const struct sco_node *got)
{
    if (!got)
        return false;
    switch (got->type) {
    case SCO_NODE_MAP:
        return want->kind == SCO_YAML_MAP && map_matches(want, got);
    case SCO_NODE_LIST:
        return want->kind == SCO_YAML_LIST && list_matches(want, got);
    case SCO_NODE_NULL:
        return want->kind == SCO_YAML_SCALAR && sco_str_is(want->text, "null");
    default:
        return want->kind == SCO_YAML_SCALAR &&
               (sco_str_eq(want->text, got->text) || sco_glob_match(want->text.p, got->text));
    }
}

static bool action_matches(const struct sco_yaml *want, const struct sco_node *got)
{
    if (want->kind == SCO_YAML_SCALAR)
        return sco_str_eq(want->text, sco_text(sco_get(got, "action")));
    return want->kind == SCO_YAML_MAP && want->n == 1 &&
           sco_str_eq(want->child->key->text, sco_text(sco_get(got, "action"))) &&
           (want->child->kind == SCO_YAML_SCALAR || matches(want->child, sco_get(got, "with")));
}

static int say(struct case_run *c, const char *what, const char *got)
{
    enum { SHOWN_MAX = 2000 };
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    sco_buf_addf(&b, "%s; got %.*s", what, SHOWN_MAX, got);
    c->message = b.failed ? NULL : sco_arena_cstr(&c->arena, sco_buf_str(&b));
    return c->message ? 0 : SCO_E_NOMEM;
}

int case_judge_actions(struct case_run *c)
{
    const struct sco_node *list = NULL;
    const struct got *g = c->n_got == 1 ? &c->got[0] : NULL;
    if (!g)
        return say(c, "expected actions", "nothing: the workflow is not for this event");
    if (!g->actions && g->kind == SCO_VERDICT_NOT_APPLICABLE)
        return c->actions->n ? say(c, "expected actions", "none: when() says no") : 0;
    if (!g->actions)
        return say(c, "expected actions", g->message);
    if (sco_json_parse(sco_str_c(g->actions), &c->arena, &list, NULL) < 0)
        return SCO_E_NOMEM;
    const struct sco_node *one = list->child;
    SCO_AUTO(sco_buf) struct sco_buf what = {0};
    size_t i = 0;
    for (const struct sco_yaml *x = c->actions->child; x; x = x->next, one = one->next, i++) {
        if (one && action_matches(x, one))
            continue;
        sco_buf_addf(&what, "action %zu is not the one of line %u", i + 1, x->line);
        return what.failed ? SCO_E_NOMEM : say(c, sco_buf_z(&what), g->actions);
    }
    return one ? say(c, "more actions than expected", g->actions) : 0;
}
