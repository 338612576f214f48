/* secureops pipelines check FILE, and of a daemon: list | show NAME | run NAME | history | logs ID
 * | artifacts ID | download ID NAME. */
#include "remote.h"

#include <errno.h>
#include <fcntl.h>
#include <secureops/pipeline.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PAUSE_MS = 1000 };
#define DOWNLOAD_MAX (1ULL << 36)

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

/* ---- artifacts ---- */
static int get_artifacts(struct cli *c, struct sco_arena *a, const struct sco_node **ret,
                         struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf path = {0};
    sco_buf_addz(&path, "/pipelines/executions");
    remote_segment(&path, c->operands[1]);
    sco_buf_addz(&path, "/artifacts");
    int r = sco_buf_check(&path, err);
    return r == 0 ? remote_get(c->remote, sco_buf_z(&path), a, ret, err) : r;
}

static int artifacts(struct cli *c, bool json, struct sco_error *err)
{
    static const char *const names[] = {"size", "name", "external_id"};
    SCO_AUTO(sco_arena) struct sco_arena a = {0};
    const struct sco_node *v = NULL;
    int r = get_artifacts(c, &a, &v, err);
    if (r < 0 || json)
        return r < 0 ? r : print_node(v, err);
    SCO_EACH (m, sco_get(v, "items"))
        print_row(m, names, SCO_ARRAY_LEN(names));
    return 0;
}

static int save(const struct sco_http_response *res, const char *path, struct sco_error *err)
{
    char part[65536];
    ssize_t n = 1;
    int r = 0;
    SCO_AUTO(sco_fd) int from = res->body_path ? open(res->body_path, O_RDONLY | O_CLOEXEC) : -1;
    if (res->body_path && from < 0)
        return sco_error_errno(err, errno, "cannot read the answer");
    SCO_AUTO(sco_fd) int to = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (to < 0)
        return sco_error_errno(err, errno, "cannot write %s", path);
    if (from < 0)
        r = sco_fs_write_all(to, res->body);
    while (from >= 0 && r == 0 && (n = read(from, part, sizeof part)) > 0)
        r = sco_fs_write_all(to, sco_str_make(part, (size_t)n));
    if (r == 0 && n >= 0)
        return 0;
    r = sco_error_errno(err, r < 0 ? -r : errno, "cannot write %s", path);
    struct stat st;
    if (fstat(to, &st) == 0 && S_ISREG(st.st_mode)) /* half of it is nothing */
        unlink(path);
    return r;
}

/* By the name or the platform's id of the list. */
static int download(struct cli *c, struct sco_error *err)
{
    SCO_AUTO(sco_arena) struct sco_arena a = {0};
    SCO_AUTO(sco_buf) struct sco_buf path = {0};
    const struct sco_node *v = NULL, *found = NULL;
    struct sco_http_response res = {0};
    int r = get_artifacts(c, &a, &v, err);
    if (r < 0)
        return r;
    SCO_EACH (m, sco_get(v, "items"))
        if (!found && (sco_str_is(sco_text(sco_get(m, "name")), c->operands[2]) ||
                       sco_str_is(sco_text(sco_get(m, "external_id")), c->operands[2])))
            found = m;
    if (!found)
        return sco_error_set(err, SCO_E_NOT_FOUND, "the execution has no artifact \"%s\"",
                             c->operands[2]);
    const char *id = remote_text(&a, found, "external_id"), *name = remote_text(&a, found, "name");
    sco_buf_addz(&path, "/pipelines/executions");
    remote_segment(&path, c->operands[1]);
    sco_buf_addz(&path, "/artifacts/download");
    remote_query(&path, id ? "external_id" : "name", id ? id : name);
    r = sco_buf_check(&path, err);
    struct remote_ask q = {.path = sco_buf_z(&path), .limit = DOWNLOAD_MAX};
    if (r == 0)
        r = remote_request(c->remote, &q, &res, err);
    return r == 0 ? save(&res, c->values[ARG_OUTPUT], err) : r;
}

int cmd_pipelines(struct cli *c)
{
    static const char *const verbs[] = {"check",     "show", "run",     "logs",
                                        "artifacts", "list", "history", "download"};
    enum { CHECK, SHOW, RUN, LOGS, ARTIFACTS, LIST, HISTORY, DOWNLOAD };
    static const char *const flags[] = {"status", "branch", "limit", "cursor",
                                        "format", "output", NULL};
    struct sco_error err = {0};
    struct sco_store *none = NULL;
    bool json = false;
    size_t verb = 0;
    const char *what = c->n_operands ? c->operands[0] : "";
    while (verb < SCO_ARRAY_LEN(verbs) && strcmp(what, verbs[verb]) != 0)
        verb++;
    int r = args_want_json(c, &json, &err);
    unsigned operands = verb == DOWNLOAD ? 3 : verb < LIST ? 2 : 1;
    if (r == 0 && (verb == SCO_ARRAY_LEN(verbs) || c->n_operands != operands))
        r = sco_error_set(&err, SCO_E_INVALID,
                          "\"secureops pipelines\" wants list, history, check FILE, show NAME, run "
                          "NAME, logs ID, artifacts ID or download ID NAME");
    if (r == 0 && verb == DOWNLOAD && !args_has(c, ARG_OUTPUT))
        r = sco_error_set(&err, SCO_E_INVALID, "where to? --output PATH");
    if (r == 0 && verb != CHECK && !remote_wanted(c))
        r = sco_error_set(&err, SCO_E_INVALID,
                          "which daemon? --server URL, or SECUREOPS_SERVER in the environment");
    if (r == 0 && verb != CHECK)
        r = context_open_either(c, false, flags, &none, &err);
    if (r == 0)
        r = verb == CHECK       ? check(c, &err)
            : verb == SHOW      ? show(c, &err)
            : verb == RUN       ? run(c, json, &err)
            : verb == LOGS      ? logs(c, &err)
            : verb == ARTIFACTS ? artifacts(c, json, &err)
            : verb == DOWNLOAD  ? download(c, &err)
                                : list(c, verb == HISTORY, json, &err);
    remote_close(c->remote);
    return r < 0 ? context_fail(&err) : EXIT_PASSED;
}
