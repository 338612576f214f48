/* Analysing the target: sonar-scanner sends it to the server, where a background task works on it;
 * findings are there when that has ended. The token goes into the environment, not into arguments,
 * which every user of the machine can read. */
#include "sonar_priv.h"

enum { PROPERTIES_MAX = 100, EXCLUDES_MAX = 500 };

/* ---- the program ------------------------------------------------------------------------------
 */

static int is_secret_property(struct sco_str s)
{
    static const char *const names[] = {"sonar.token", "sonar.login", "sonar.password"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (sco_str_starts(s, names[i]))
            return 1;
    return 0;
}

static const char *exclusions(const struct sonar_session *x)
{
    const char *s = "";
    const char *const *e = x->job->excludes;
    for (size_t i = 0; e && e[i] && i < EXCLUDES_MAX && s; i++)
        s = rep_strf(x->s->h, "%s%s%s/**", s, i ? "," : "", e[i]);
    return s;
}

static void add_property(struct rep_args *a, const char *name, const char *value)
{
    if (value && *value)
        rep_arg(a, rep_strf(a->h, "-D%s=%s", name, value));
}

static int add_arguments(const struct sonar_session *x, const char *task_file, struct rep_args *a)
{
    const struct sonar *s = x->s;
    rep_arg(a, s->program.p);
    add_property(a, "sonar.projectKey", x->key);
    add_property(a, "sonar.host.url", rep_strf(a->h, "%.*s", SCO_STR_ARG(x->w.base)));
    add_property(a, "sonar.projectBaseDir", x->job->target);
    add_property(a, "sonar.working.directory", rep_strf(a->h, "%s/scannerwork", x->job->work_dir));
    add_property(a, "sonar.scanner.metadataFilePath", task_file);
    add_property(a, s->pull_request.n ? "sonar.pullrequest.key" : "sonar.branch.name",
                 s->pull_request.n ? s->pull_request.p : s->branch.p);
    add_property(a, "sonar.exclusions", exclusions(x));
    for (size_t i = 0; i < s->properties.n && i < PROPERTIES_MAX; i++) {
        if (is_secret_property(s->properties.v[i]))
            return sco_errf(x->e, SCO_E_INVALID,
                            "option properties: tokens and passwords belong into `token`");
        rep_arg(a, rep_strf(a->h, "-D%.*s", SCO_STR_ARG(s->properties.v[i])));
    }
    return 0;
}

static int run_scanner(struct sonar_session *x, const char *task_file)
{
    const struct sco_host *h = x->s->h;
    struct rep_args a = {.h = h};
    struct sco_command_result res;
    const char *env[] = {rep_strf(h, "SONAR_TOKEN=%.*s", SCO_STR_ARG(x->s->token)),
                         rep_strf(h, "SONAR_USER_HOME=%s", x->job->cache_dir), NULL};
    int r = add_arguments(x, task_file, &a);
    if (r < 0)
        return r;
    struct sco_command c = {
        .struct_size = sizeof c, .argv = rep_argv(&a), .env = env, .cwd = x->job->target};
    r = rep_run(h, "sonar-scanner", &c, &res, x->e);
    if (r < 0)
        return r;
    return res.exit_code == 0 ? 0 : rep_failed(h, "sonar-scanner", &res, x->e);
}

/* ---- its task ---------------------------------------------------------------------------------
 */

/* "ceTaskId=AY..." of the file that the scanner leaves. */
static int read_task_id(struct sonar_session *x, const char *path, const char **ret)
{
    char line[1024];
    FILE *f = fopen(path, "re");
    const char *id = NULL;
    while (f && !id && fgets(line, sizeof line, f))
        if (strncmp(line, "ceTaskId=", 9) == 0)
            id = sco_cstr(x->s->h, sco_str_make(line + 9, strcspn(line + 9, "\r\n")));
    if (f)
        fclose(f);
    *ret = id;
    return id && *id ? 0
                     : sco_errf(x->e, SCO_E_TOOL,
                                "sonar-scanner left no task to wait for: nothing "
                                "was analysed");
}

/* 0: done; 1: it goes on; or an error. */
static int ask_task(struct sonar_session *x, const char *id)
{
    const struct sco_host *h = x->s->h;
    const char *const pairs[] = {"id", id, NULL};
    struct web_answer a;
    int r = web_get(&x->w, web_url(&x->w, "/api/ce/task", pairs), NULL, "asking for the task", &a,
                    x->e);
    if (r < 0)
        return r;
    const struct sco_node *task = sco_get(a.root, "task");
    struct sco_str status = sco_text(sco_get(task, "status"));
    if (sco_str_is(status, "SUCCESS")) {
        x->analysis = sco_cstr(h, sco_text(sco_get(task, "analysisId")));
        SCO_EACH (w, sco_get(task, "warnings"))
            h->log(h, SCO_LOG_WARNING, sco_text(w));
    } else if (sco_str_is(status, "FAILED") || sco_str_is(status, "CANCELED")) {
        struct sco_str why = sco_text(sco_get(task, "errorMessage"));
        r = sco_errf(x->e, SCO_E_TOOL, "the server's analysis has the status %.*s%s%.*s",
                     SCO_STR_ARG(status), why.n ? ": " : "", SCO_STR_ARG(why));
    } else if (sco_str_is(status, "PENDING") || sco_str_is(status, "IN_PROGRESS")) {
        r = 1;
    } else {
        r = sco_errf(x->e, SCO_E_FORMAT, "%s: the task has no status", SONAR_TOOL);
    }
    web_done(&x->w, &a);
    return r;
}

static int wait_task(struct sonar_session *x, const char *id)
{
    int64_t start = web_now_ms();
    for (;;) {
        int r = ask_task(x, id);
        if (r <= 0)
            return r;
        if (web_now_ms() - start >= x->s->task_timeout || web_left_ms(&x->w) <= 0)
            return sco_errf(x->e, SCO_E_TIMEOUT, "the server's analysis did not end in time");
        if ((r = web_sleep(&x->w, x->s->poll_interval, x->e)) < 0)
            return r;
    }
}

int sonar_analyze(struct sonar_session *x)
{
    const char *id = NULL;
    const char *task_file = rep_strf(x->s->h, "%s/report-task.txt", x->job->work_dir);
    int r = run_scanner(x, task_file);
    if (r == SCO_E_NOT_FOUND)
        return 1;
    if (r == 0)
        r = read_task_id(x, task_file, &id);
    return r == 0 ? wait_task(x, id) : r;
}
