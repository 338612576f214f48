/* secureops NAME list | show ID | VERB ID. */
#include "items.h"

static int print_json(struct sco_buf *b, struct sco_error *err)
{
    int r = sco_buf_check(b, err);
    if (r == 0)
        printf("%s\n", sco_buf_z(b));
    return r;
}

static const void *item(const struct items_kind *k, const struct remote_list *p, size_t i)
{
    return (const char *)p->v + i * k->size;
}

static void print_table(const struct items_kind *k, const struct remote_list *p)
{
    if (p->n)
        printf("%s\n", k->heading);
    else
        printf("No %s\n", k->name);
    for (size_t i = 0; i < p->n; i++)
        k->row(item(k, p, i));
    if (p->cursor)
        printf("\nThere are more: --cursor %s\n", p->cursor);
}

static int print_list(const struct items_kind *k, const struct remote_list *p,
                      struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_json_out o = {.b = &b};
    sco_json_begin(&o, '{');
    sco_json_key(&o, k->name);
    sco_json_begin(&o, '[');
    for (size_t i = 0; i < p->n; i++)
        k->write(&o, item(k, p, i));
    sco_json_end(&o, ']');
    sco_json_key(&o, "cursor");
    if (p->cursor)
        sco_json_str(&o, sco_str_c(p->cursor));
    else
        sco_json_null(&o);
    sco_json_end(&o, '}');
    return print_json(&b, err);
}

static int list(struct cli *c, struct sco_store *s, const struct items_kind *k, bool json,
                struct sco_error *err)
{
    struct remote_list p = {0};
    int r = k->list(c, s, &p, err);
    if (r == 0 && json)
        r = print_list(k, &p, err);
    else if (r == 0)
        print_table(k, &p);
    sco_arena_done(&p.arena);
    return r;
}

static int show(struct cli *c, struct sco_store *s, const struct items_kind *k, bool json,
                struct sco_error *err)
{
    struct remote_list p = {0};
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_json_out o = {.b = &b, .pretty = !json};
    int r = k->one(c, s, c->operands[1], &p, err);
    if (r == 0) {
        k->write(&o, p.v);
        r = print_json(&b, err);
    }
    sco_arena_done(&p.arena);
    return r;
}

static int usage(const struct items_kind *k, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf verbs = {0};
    for (const char *const *v = k->verbs; *v; v++)
        sco_buf_addf(&verbs, "%s%s", v[1] ? ", " : " or ", *v);
    return sco_error_set(err, SCO_E_INVALID, "\"secureops %s\" wants list, or show%s with an ID",
                         k->name, sco_buf_z(&verbs));
}

int items_command(struct cli *c, const struct items_kind *k)
{
    struct sco_error err = {0};
    struct sco_store *s = NULL;
    bool json = false, known = false;
    const char *verb = c->n_operands ? c->operands[0] : "";
    bool is_list = strcmp(verb, "list") == 0, is_show = strcmp(verb, "show") == 0;
    for (const char *const *v = k->verbs; *v; v++)
        known |= strcmp(verb, *v) == 0;
    int r = args_want_json(c, &json, &err);
    if (r == 0 && ((!is_list && !is_show && !known) || c->n_operands != (is_list ? 1u : 2u)))
        r = usage(k, &err);
    if (r == 0)
        r = context_open_either(c, false, k->flags, &s, &err);
    if (r == 0)
        r = is_list   ? list(c, s, k, json, &err)
            : is_show ? show(c, s, k, json, &err)
                      : k->act(c, s, verb, c->operands[1], &err);
    sco_store_close(s);
    remote_close(c->remote);
    return r < 0 ? context_fail(&err) : EXIT_PASSED;
}
