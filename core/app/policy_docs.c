/* secureops policy docs: every policy with its aliases and controls, as a page in Markdown. */
#include "policy_priv.h"

struct page {
    struct sco_buf out;
    char section[64]; /* first word of the ids at hand */
    size_t n;
    bool failed;
};

/* Text of a table's cell. */
static void add_cell(struct sco_buf *out, struct sco_str text)
{
    SCO_AUTO(sco_buf) struct sco_buf safe = {0};
    sco_buf_add_printable(&safe, text);
    for (size_t i = 0; i < safe.n; i++) {
        if (strchr("|<*_", safe.p[i]))
            sco_buf_addc(out, '\\');
        sco_buf_addc(out, safe.p[i]);
    }
}

static void add_names(struct sco_buf *out, const struct sco_node *list, const char *gap)
{
    SCO_EACH (v, list) {
        if (v != list->child)
            sco_buf_addz(out, gap);
        add_cell(out, sco_text(v));
    }
}

static void add_frameworks(struct sco_buf *out, const struct sco_node *map)
{
    for (const struct sco_node *f = map ? map->child : NULL; f; f = f->next) {
        if (f != map->child)
            sco_buf_addz(out, "; ");
        add_cell(out, f->key);
        sco_buf_addc(out, ' ');
        add_names(out, f, ", ");
    }
}

/* Policies come sorted by id: "k8s-privileged" is in section k8s. */
static void begin_section(struct page *p, struct sco_str id)
{
    const char *hyphen = id.n ? memchr(id.p, '-', id.n) : NULL;
    size_t n = hyphen ? (size_t)(hyphen - id.p) : id.n;
    if (n >= sizeof p->section)
        n = sizeof p->section - 1;
    if (p->n && strlen(p->section) == n && memcmp(p->section, id.p, n) == 0)
        return;
    memcpy(p->section, id.p, n);
    p->section[n] = 0;
    sco_buf_addf(&p->out,
                 "\n## %s\n\n| policy | severity | demands | the same elsewhere | controls |\n"
                 "|---|---|---|---|---|\n",
                 p->section);
}

static int on_policy(void *user, struct sco_str kind, struct sco_str json)
{
    struct page *p = user;
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    const struct sco_node *m = NULL;
    if (!sco_str_is(kind, "policy"))
        return 0;
    if (sco_json_parse(json, &arena, &m, NULL) < 0) {
        p->failed = true;
        return 0;
    }
    if (sco_str_is(sco_text(sco_get(m, "kind")), "workflow")) /* docs/workflows.md */
        return 0;
    begin_section(p, sco_text(sco_get(m, "id")));
    sco_buf_addz(&p->out, "| `");
    add_cell(&p->out, sco_text(sco_get(m, "id")));
    sco_buf_addf(&p->out, "`%s | %.*s | ", sco_bool(sco_get(m, "default"), 1) ? "" : " (off)",
                 SCO_STR_ARG(sco_text(sco_get(m, "severity"))));
    add_cell(&p->out, sco_text(sco_get(m, "title")));
    sco_buf_addz(&p->out, " | ");
    add_names(&p->out, sco_get(m, "aliases"), ", ");
    sco_buf_addz(&p->out, " | ");
    add_frameworks(&p->out, sco_get(m, "frameworks"));
    sco_buf_addz(&p->out, " |\n");
    p->n++;
    return 0;
}

int policy_docs(struct cli *c)
{
    struct page p = {0};
    struct sco_error err = {0};
    struct sco_policy_outcome o = {0};
    struct sco_policy_request q = {.command = "list"};
    int status = EXIT_INTERNAL;
    int r = policy_list_arg(c, ARG_FRAMEWORK, &q.frameworks, &err);
    if (r == 0)
        r = policy_list_arg(c, ARG_POLICY, &q.policies, &err);
    if (r == 0)
        r = policy_ask(c, &q, on_policy, &p, &o, &status, &err);
    if (r == 0 && (p.failed || p.out.failed))
        r = sco_error_nomem(&err);
    if (r == 0)
        printf(
            "# Policies\n\n<!-- Made by `secureops policy docs`. -->\n\n"
            "%zu policies. `(off)`: part of a scan only when it is chosen, by name, by framework "
            "or with\n`scanners.policies.all`. `secureops policy show ID` shows the code and an "
            "example of both verdicts.\n%s",
            p.n, sco_buf_z(&p.out));
    sco_buf_done(&p.out);
    sco_policy_outcome_done(&o);
    return r < 0 ? context_fail(&err) : status;
}
