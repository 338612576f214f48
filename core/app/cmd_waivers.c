/* secureops waivers list | add | remove: those of a daemon. */
#include "remote.h"

static void put_column(const struct sco_node *m, const char *key, int width)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    sco_buf_add_printable(&b, sco_text(sco_get(m, key)));
    printf("%-*s  ", width, sco_buf_z(&b));
}

static void print_row(const struct sco_node *m)
{
    put_column(m, "id", 16);
    put_column(m, "policy", 28);
    put_column(m, "expires", 10);
    printf("%-7s  ", sco_bool(sco_get(m, "expired"), 0) ? "expired" : "holds");
    put_column(m, sco_get(m, "resource") ? "resource" : "path", 24);
    put_column(m, "reason", 0);
    printf("\n");
}

static int print_node(const struct sco_node *v, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_json_out o = {.b = &b};
    sco_json_node(&o, v);
    int r = sco_buf_check(&b, err);
    if (r == 0)
        printf("%s\n", sco_buf_z(&b));
    return r;
}

static int list(struct cli *c, bool json, struct sco_error *err)
{
    SCO_AUTO(sco_arena) struct sco_arena a = {0};
    const struct sco_node *v = NULL;
    int r = remote_get(c->remote, "/waivers", &a, &v, err);
    const struct sco_node *items = sco_get(v, "items");
    if (r < 0)
        return r;
    if (json)
        return print_node(v, err);
    if (!sco_is(items, SCO_NODE_LIST) || !items->child) {
        printf("No waivers\n");
        return 0;
    }
    printf("%-16s  %-28s  %-10s  %-7s  %-24s  %s\n", "ID", "POLICY", "EXPIRES", "STATE", "WHERE",
           "REASON");
    SCO_EACH (m, items)
        print_row(m);
    return 0;
}

static int add(struct cli *c, bool json, struct sco_error *err)
{
    static const struct {
        const char *name;
        int id;
    } members[] = {{"policy", ARG_POLICY}, {"resource", ARG_RESOURCE}, {"path", ARG_PATH},
                   {"reason", ARG_REASON}, {"owner", ARG_BY},          {"expires", ARG_EXPIRES}};
    SCO_AUTO(sco_arena) struct sco_arena a = {0};
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_json_out o = {.b = &b};
    const struct sco_node *v = NULL;
    sco_json_begin(&o, '{');
    for (size_t i = 0; i < SCO_ARRAY_LEN(members); i++)
        sco_json_kz(&o, members[i].name, c->values[members[i].id]);
    sco_json_end(&o, '}');
    struct remote_ask q = {
        .method = "POST", .path = "/waivers", .json = sco_buf_str(&b), .repeatable = true};
    int r = sco_buf_check(&b, err);
    if (r == 0)
        r = remote_json(c->remote, &q, &a, &v, err);
    if (r < 0)
        return r;
    if (json)
        return print_node(v, err);
    printf("%.*s added: it holds from the next job on\n", SCO_STR_ARG(sco_text(sco_get(v, "id"))));
    return 0;
}

static int remove_one(struct cli *c, struct sco_error *err)
{
    SCO_AUTO(sco_arena) struct sco_arena a = {0};
    SCO_AUTO(sco_buf) struct sco_buf path = {0};
    const struct sco_node *v = NULL;
    sco_buf_addz(&path, "/waivers");
    remote_segment(&path, c->operands[1]);
    struct remote_ask q = {.method = "DELETE", .path = sco_buf_z(&path)};
    int r = sco_buf_check(&path, err);
    if (r == 0)
        r = remote_json(c->remote, &q, &a, &v, err);
    if (r == 0)
        printf("%s removed\n", c->operands[1]);
    return r;
}

int cmd_waivers(struct cli *c)
{
    static const char *const adding[] = {"policy", "resource", "path",   "reason",
                                         "owner",  "expires",  "format", NULL};
    static const char *const others[] = {"format", NULL};
    struct sco_error err = {0};
    struct sco_store *none = NULL;
    bool json = false;
    const char *what = c->n_operands ? c->operands[0] : "";
    bool is_add = strcmp(what, "add") == 0 && c->n_operands == 1;
    bool is_list = strcmp(what, "list") == 0 && c->n_operands == 1;
    bool is_remove = strcmp(what, "remove") == 0 && c->n_operands == 2;
    int r = args_want_json(c, &json, &err);
    if (r == 0 && !is_add && !is_list && !is_remove)
        r = sco_error_set(&err, SCO_E_INVALID,
                          "\"secureops waivers\" wants list, add --policy ID --reason TEXT, or "
                          "remove ID");
    if (r == 0 && is_add && (!args_has(c, ARG_POLICY) || !args_has(c, ARG_REASON)))
        r = sco_error_set(&err, SCO_E_INVALID,
                          "a waiver says for what and why: --policy, --reason");
    if (r == 0 && !remote_wanted(c))
        r = sco_error_set(&err, SCO_E_INVALID,
                          "which daemon? --server URL, or SECUREOPS_SERVER in the environment; "
                          "without one, waivers are files: --waivers FILE of scan");
    if (r == 0)
        r = context_open_either(c, false, is_add ? adding : others, &none, &err);
    if (r == 0)
        r = is_add ? add(c, json, &err) : is_list ? list(c, json, &err) : remove_one(c, &err);
    remote_close(c->remote);
    return r < 0 ? context_fail(&err) : EXIT_PASSED;
}
