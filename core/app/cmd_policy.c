/* secureops policy: what there is, and the tools of policy authors. The work is done by the plugin
 * `policies` in a worker; here are requests and what is printed. */
#include "policy_priv.h"
#include "remote.h"

void put_text(FILE *out, struct sco_str s)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    sco_buf_add_printable(&b, s);
    fputs(sco_buf_z(&b), out);
}

void put_z(FILE *out, const char *z)
{
    put_text(out, sco_str_c(z ? z : ""));
}

int policy_list_arg(struct cli *c, int id, const char *const **ret, struct sco_error *err)
{
    struct sco_str rest = sco_buf_str(&c->lists[id]), one;
    size_t n = 0;
    *ret = NULL;
    if (!args_has(c, id))
        return 0;
    const char **v = sco_arena_alloc(&c->arena, (rest.n + 2) * sizeof *v);
    while (v && sco_str_split(&rest, ',', &one))
        if (sco_str_trim(one).n)
            v[n++] = sco_arena_cstr(&c->arena, sco_str_trim(one));
    if (!v || (n && !v[n - 1]))
        return sco_error_nomem(err);
    *ret = v;
    return n ? 0 : sco_error_set(err, SCO_E_INVALID, "an option that names policies is empty");
}

int policy_format(const struct cli *c, const char *known, size_t *ret, struct sco_error *err)
{
    struct sco_str rest = sco_str_c(known), word;
    const char *format = args_has(c, ARG_FORMAT) ? c->values[ARG_FORMAT] : NULL;
    *ret = 0;
    for (size_t i = 0; format && sco_str_split(&rest, ',', &word); i++) {
        if (!sco_str_is(word, format))
            continue;
        *ret = i;
        return 0;
    }
    return format ? sco_error_set(err, SCO_E_INVALID, "--format: expected one of %s, got \"%s\"",
                                  known, format)
                  : 0;
}

/* The worker says the same of a name that is wrong as of a file that is: its code tells them
 * apart. */
static int status_of(const struct sco_policy_outcome *o)
{
    if (o->status == SCO_RUN_STATUS_COMPLETED || o->status == SCO_RUN_STATUS_SKIPPED)
        return EXIT_PASSED;
    bool usage = o->code == SCO_E_INVALID || o->code == SCO_E_NOT_FOUND || o->code == SCO_E_PARSE ||
                 o->code == SCO_E_PERMISSION;
    return o->status == SCO_RUN_STATUS_FAILED && usage ? EXIT_USAGE : EXIT_INCOMPLETE;
}

int policy_ask(struct cli *c, const struct sco_policy_request *q, sco_policy_record_fn fn,
               void *user, struct sco_policy_outcome *ret, int *ret_status, struct sco_error *err)
{
    int r = sco_engine_policies(c->engine, q, fn, user, ret, err);
    if (r < 0)
        return r;
    *ret_status = status_of(ret);
    if (*ret_status != EXIT_PASSED) {
        fflush(stdout);
        fprintf(stderr, "secureops: %s%s",
                *ret_status == EXIT_USAGE ? "" : sco_run_status_name(ret->status),
                *ret_status == EXIT_USAGE ? "" : ": ");
        put_z(stderr, ret->reason ? ret->reason : "no reason is known");
        fputc('\n', stderr);
    }
    return 0;
}

/* ---- list ---- */
struct listing {
    struct cli *cli;
    bool json;
    size_t n;
};

static void print_row(const struct sco_node *m)
{
    SCO_AUTO(sco_buf) struct sco_buf to = {0};
    SCO_EACH (s, sco_get(m, "applies_to"))
        sco_buf_addf(&to, "%s%.*s", to.n ? " " : "", SCO_STR_ARG(sco_text(s)));
    printf("%-38.*s %-9.*s %-26s ", SCO_STR_ARG(sco_text(sco_get(m, "id"))),
           SCO_STR_ARG(sco_text(sco_get(m, "severity"))), sco_buf_z(&to));
    put_text(stdout, sco_text(sco_get(m, "title")));
    bool workflow = sco_str_is(sco_text(sco_get(m, "kind")), "workflow");
    printf("%s\n", workflow || sco_bool(sco_get(m, "default"), 1) ? "" : " (off by default)");
}

static int on_listed(void *user, struct sco_str kind, struct sco_str json)
{
    struct listing *l = user;
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    const struct sco_node *m = NULL;
    if (!sco_str_is(kind, "policy"))
        return 0;
    if (l->json)
        printf("%s\n%.*s", l->n ? "," : "", SCO_STR_ARG(json));
    else if (sco_json_parse(json, &arena, &m, NULL) == 0)
        print_row(m);
    l->n++;
    return 0;
}

/* Of the packs of a daemon. */
static int list_of_daemon(struct cli *c)
{
    static const char *const flags[] = {"policy", "framework", "format", NULL};
    SCO_AUTO(sco_arena) struct sco_arena a = {0};
    SCO_AUTO(sco_buf) struct sco_buf path = {0}, line = {0};
    struct sco_error err = {0};
    struct sco_store *none = NULL;
    const struct sco_node *v = NULL;
    size_t format = 0, n = 0;
    sco_buf_addz(&path, "/iac/policies");
    remote_query(&path, "framework",
                 args_has(c, ARG_FRAMEWORK) ? sco_buf_z(&c->lists[ARG_FRAMEWORK]) : NULL);
    remote_query(&path, "policy",
                 args_has(c, ARG_POLICY) ? sco_buf_z(&c->lists[ARG_POLICY]) : NULL);
    int r = policy_format(c, "table,json", &format, &err);
    if (r == 0)
        r = context_open_either(c, false, flags, &none, &err);
    if (r == 0)
        r = remote_get(c->remote, sco_buf_z(&path), &a, &v, &err);
    remote_close(c->remote);
    if (r < 0)
        return context_fail(&err);
    if (format)
        printf("{\"version\":\"1\",\"policies\":[");
    else
        printf("%-38s %-9s %-26s %s\n", "ID", "SEVERITY", "APPLIES TO", "TITLE");
    SCO_EACH (m, sco_get(v, "policies")) {
        struct sco_json_out o = {.b = &line};
        sco_buf_clear(&line);
        sco_json_node(&o, m);
        if (format)
            printf("%s\n%s", n ? "," : "", sco_buf_z(&line));
        else
            print_row(m);
        n++;
    }
    if (format)
        printf("\n]}\n");
    else
        printf("%zu polic%s\n", n, n == 1 ? "y" : "ies");
    return EXIT_PASSED;
}

static int list(struct cli *c)
{
    struct listing l = {.cli = c};
    struct sco_error err = {0};
    struct sco_policy_outcome o = {0};
    struct sco_policy_request q = {.command = "list"};
    size_t format = 0;
    int status = EXIT_INTERNAL;
    int r = policy_format(c, "table,json", &format, &err);
    if (r == 0)
        r = policy_list_arg(c, ARG_FRAMEWORK, &q.frameworks, &err);
    if (r == 0)
        r = policy_list_arg(c, ARG_POLICY, &q.policies, &err);
    if (r < 0)
        return context_fail(&err);
    l.json = format == 1;
    if (l.json)
        printf("{\"version\":\"1\",\"policies\":[");
    else
        printf("%-38s %-9s %-26s %s\n", "ID", "SEVERITY", "APPLIES TO", "TITLE");
    r = policy_ask(c, &q, on_listed, &l, &o, &status, &err);
    if (l.json)
        printf("\n]}\n");
    else if (r == 0)
        printf("%zu polic%s\n", l.n, l.n == 1 ? "y" : "ies");
    sco_policy_outcome_done(&o);
    return r < 0 ? context_fail(&err) : status;
}

/* ---- all ---- */
static const struct {
    const char *name, *usage;
    size_t least, most; /* operands after the name */
    int (*run)(struct cli *c);
} subcommands[] = {
    {"list", "policy list", 0, 0, list},
    {"show", "policy show ID", 1, 1, policy_show},
    {"eval", "policy eval PATH...", 1, SIZE_MAX, policy_eval},
    {"test", "policy test [PATH]", 0, 1, policy_test},
    {"profile", "policy profile PATH...", 1, SIZE_MAX, policy_profile},
    {"run", "policy run WORKFLOW EVENT.json", 2, 2, policy_run},
    {"new", "policy new ID", 1, 1, policy_new},
    {"docs", "policy docs", 0, 0, policy_docs},
    {"sign", "policy sign ARCHIVE --key FILE", 1, 1, policy_sign},
    {"verify", "policy verify ARCHIVE --policy-keys FILE", 1, 1, policy_verify},
};

int cmd_policy(struct cli *c)
{
    struct sco_error err = {0};
    const char *names[SCO_ARRAY_LEN(subcommands)];
    const char *what = c->n_operands ? c->operands[0] : "";
    for (size_t i = 0; i < SCO_ARRAY_LEN(subcommands); i++) {
        names[i] = subcommands[i].name;
        if (strcmp(what, names[i]) != 0)
            continue;
        size_t n = c->n_operands - 1;
        if (n < subcommands[i].least || n > subcommands[i].most) {
            sco_error_set(&err, SCO_E_INVALID, "usage: secureops %s", subcommands[i].usage);
            return context_fail(&err);
        }
        if (subcommands[i].run == list && remote_wanted(c))
            return list_of_daemon(c);
        if (args_has(c, ARG_SERVER) || args_has(c, ARG_CA_FILE)) {
            sco_error_set(&err, SCO_E_INVALID, "of a daemon there is \"policy list\" only");
            return context_fail(&err);
        }
        if (context_load_config(c, &err) < 0 || context_open_engine(c, &err) < 0)
            return context_fail(&err);
        return subcommands[i].run(c);
    }
    const char *near = sco_str_nearest(sco_str_c(what), names, SCO_ARRAY_LEN(names));
    sco_error_set(
        &err, SCO_E_INVALID,
        "usage: secureops policy list | show | eval | test | profile | run | new | docs | "
        "sign | verify%s%s%s",
        near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    return context_fail(&err);
}
