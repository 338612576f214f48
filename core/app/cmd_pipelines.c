/* secureops pipelines check FILE, and of a daemon: list | show NAME | run NAME | history | logs ID.
 */
#include "remote.h"

#include <secureops/pipeline.h>
#include <unistd.h>

enum { PAUSE_MS = 1000 };

/* ---- check ---- */
static int check(const struct cli *c, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf text = {0};
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    struct sco_pipeline p = {0};
    int r = sco_fs_read(c->operands[1], SCO_PIPELINE_SIZE_MAX, &text, err);
    if (r == 0)
        r = sco_pipeline_parse(sco_buf_str(&text), c->operands[1], &arena, &p, err);
    if (r < 0)
        return r;
    printf("%s: %zu stages\n", c->operands[1], p.n);
    for (size_t i = 0; i < p.n; i++) {
        printf("  %s", p.stages[i].name);
        for (size_t k = 0; k < p.stages[i].n_needs; k++)
            printf("%s%s", k ? ", " : " after ", p.stages[p.stages[i].needs[k]].name);
        printf("%s\n", p.stages[i].approval ? ", when approved" : "");
    }
    return 0;
}

/* ---- of a daemon ---- */
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

static void print_row(const struct sco_node *m, const char *const *names, size_t n)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    for (size_t i = 0; i < n; i++) {
        struct sco_str s = sco_text_at(m, names[i]);
        if (i)
            sco_buf_addz(&b, "  ");
        sco_buf_add_printable(&b, s.n ? s : SCO_STR("-"));
    }
    printf("%s\n", sco_buf_z(&b));
}

static int list(struct cli *c, bool history, bool json, struct sco_error *err)
{
    static const char *const pipelines[] = {"id", "kind", "status", "name", "target.location"};
    static const char *const executions[] = {"id",     "created_at", "status",
                                             "branch", "commit_sha", "pipeline"};
    SCO_AUTO(sco_arena) struct sco_arena a = {0};
    SCO_AUTO(sco_buf) struct sco_buf path = {0};
    const struct sco_node *v = NULL;
    sco_buf_addz(&path, history ? "/pipelines/history" : "/pipelines");
    if (history) {
        remote_query(&path, "status", c->values[ARG_STATUS]);
        remote_query(&path, "branch", c->values[ARG_BRANCH]);
    }
    remote_query(&path, "limit", c->values[ARG_LIMIT]);
    remote_query(&path, "cursor", c->values[ARG_CURSOR]);
    int r = sco_buf_check(&path, err);
    if (r == 0)
        r = remote_get(c->remote, sco_buf_z(&path), &a, &v, err);
    if (r < 0 || json)
        return r < 0 ? r : print_node(v, err);
    SCO_EACH (m, sco_get(v, "items"))
        print_row(m, history ? executions : pipelines,
                  history ? SCO_ARRAY_LEN(executions) : SCO_ARRAY_LEN(pipelines));
    if (sco_text(sco_get(v, "next_cursor")).n)
        printf("\nThere are more: --cursor %.*s\n",
               SCO_STR_ARG(sco_text(sco_get(v, "next_cursor"))));
    return 0;
}

static int show(struct cli *c, struct sco_error *err)
{
    SCO_AUTO(sco_arena) struct sco_arena a = {0};
    SCO_AUTO(sco_buf) struct sco_buf path = {0};
    const struct sco_node *v = NULL;
    sco_buf_addz(&path, "/pipelines");
    remote_segment(&path, c->operands[1]);
    int r = sco_buf_check(&path, err);
    if (r == 0)
        r = remote_get(c->remote, sco_buf_z(&path), &a, &v, err);
    return r == 0 ? print_node(v, err) : r;
}

static int run(struct cli *c, bool json, struct sco_error *err)
{
    SCO_AUTO(sco_arena) struct sco_arena a = {0};
    SCO_AUTO(sco_buf) struct sco_buf path = {0}, body = {0};
    struct sco_json_out o = {.b = &body};
    const struct sco_node *v = NULL;
    sco_buf_addz(&path, "/pipelines");
    remote_segment(&path, c->operands[1]);
    remote_segment(&path, "execute");
    sco_json_begin(&o, '{');
    sco_json_kz(&o, "ref", c->values[ARG_BRANCH]);
    sco_json_end(&o, '}');
    struct remote_ask q = {
        .method = "POST", .path = sco_buf_z(&path), .json = sco_buf_str(&body), .repeatable = true};
    int r = sco_buf_check(&path, err);
    if (r == 0)
        r = sco_buf_check(&body, err);
    if (r == 0)
        r = remote_json(c->remote, &q, &a, &v, err);
    if (r < 0 || json)
        return r < 0 ? r : print_node(v, err);
    printf("%.*s %.*s\n", SCO_STR_ARG(sco_text(sco_get(v, "id"))),
           SCO_STR_ARG(sco_text(sco_get(v, "status"))));
    return 0;
}

/* ---- logs: until the execution has ended ---- */
static int has_ended(struct cli *c, bool *ret, struct sco_error *err)
{
    SCO_AUTO(sco_arena) struct sco_arena a = {0};
    SCO_AUTO(sco_buf) struct sco_buf path = {0};
    const struct sco_node *v = NULL;
    sco_buf_addz(&path, "/pipelines/executions");
    remote_segment(&path, c->operands[1]);
    int r = sco_buf_check(&path, err);
    if (r == 0)
        r = remote_get(c->remote, sco_buf_z(&path), &a, &v, err);
    struct sco_str status = sco_text(sco_get(v, "status"));
    if (r == 0)
        *ret = !sco_str_is(status, "queued") && !sco_str_is(status, "running");
    return r;
}

/* What a stranger's program printed: a line at a time, without what a terminal would obey. */
static void print_text(struct sco_str text)
{
    struct sco_str line;
    if (text.n && text.p[text.n - 1] == '\n')
        text.n--;
    while (sco_str_split(&text, '\n', &line)) {
        SCO_AUTO(sco_buf) struct sco_buf b = {0};
        sco_buf_add_printable(&b, line);
        printf("%s\n", sco_buf_z(&b));
    }
    fflush(stdout);
}

static int logs(struct cli *c, struct sco_error *err)
{
    uint64_t offset = 0;
    int r = 0;
    for (bool ended = false, empty = false; r == 0 && !(ended && empty);) {
        SCO_AUTO(sco_buf) struct sco_buf path = {0};
        struct sco_http_response res = {0};
        r = has_ended(c, &ended, err);
        sco_buf_addz(&path, "/pipelines/executions");
        remote_segment(&path, c->operands[1]);
        sco_buf_addf(&path, "/logs?offset=%llu", (unsigned long long)offset);
        if (r == 0)
            r = sco_buf_check(&path, err);
        if (r == 0)
            r = remote_request(c->remote, &(struct remote_ask){.path = sco_buf_z(&path)}, &res,
                               err);
        if (r < 0)
            break;
        /* it may be cut: the rest is asked for with what follows */
        const char *end = res.body.n ? memrchr(res.body.p, '\n', res.body.n) : NULL;
        struct sco_str lines =
            sco_str_make(res.body.p, end ? (size_t)(end - res.body.p) + 1 : res.body.n);
        empty = !lines.n;
        offset += lines.n;
        if (!empty)
            print_text(lines);
        else if (!ended)
            r = remote_sleep(c->remote, PAUSE_MS);
    }
    return r;
}

int cmd_pipelines(struct cli *c)
{
    static const char *const verbs[] = {"check", "show", "run", "logs", "list", "history"};
    enum { CHECK, SHOW, RUN, LOGS, LIST, HISTORY };
    static const char *const flags[] = {"status", "branch", "limit", "cursor", "format", NULL};
    struct sco_error err = {0};
    struct sco_store *none = NULL;
    bool json = false;
    size_t verb = 0;
    const char *what = c->n_operands ? c->operands[0] : "";
    while (verb < SCO_ARRAY_LEN(verbs) && strcmp(what, verbs[verb]) != 0)
        verb++;
    int r = args_want_json(c, &json, &err);
    if (r == 0 && (verb == SCO_ARRAY_LEN(verbs) || c->n_operands != (verb < LIST ? 2u : 1u)))
        r = sco_error_set(&err, SCO_E_INVALID,
                          "\"secureops pipelines\" wants list, history, check FILE, show NAME, run "
                          "NAME or logs ID");
    if (r == 0 && verb != CHECK && !remote_wanted(c))
        r = sco_error_set(&err, SCO_E_INVALID,
                          "which daemon? --server URL, or SECUREOPS_SERVER in the environment");
    if (r == 0 && verb != CHECK)
        r = context_open_either(c, false, flags, &none, &err);
    if (r == 0)
        r = verb == CHECK  ? check(c, &err)
            : verb == SHOW ? show(c, &err)
            : verb == RUN  ? run(c, json, &err)
            : verb == LOGS ? logs(c, &err)
                           : list(c, verb == HISTORY, json, &err);
    remote_close(c->remote);
    return r < 0 ? context_fail(&err) : EXIT_PASSED;
}
