/* Runs a described scanner: its command with the placeholders filled in, then the rule for every
 * scanner: exit status, a fresh and whole report, and what the report says decide together. A
 * command with {files} runs as often as it takes to name them all. */
#include "described_priv.h"

enum {
    FILES_MAX = 10000,          /* what a job names at most */
    FILES_BYTES = 256 << 10,    /* of the files in one command; the system takes 2 MiB */
    FILES_AT_ONCE = 4000,       /* files in one command */
    EXCLUDES_BYTES = 100 << 10, /* of folders to leave out; the system takes 128 KiB an argument */
    ENV_MAX = 256,
    SAID_MAX = 8 << 10, /* of what a program said where its report was expected */
};

struct command {
    struct described *d;
    const struct sco_job *job;
    const struct sco_node *scanner; /* of the descriptor */
    struct sco_errbuf *e;
    const char *report; /* path of the one of this run */
    char jobs[16];
    size_t n_files, next_file; /* 0 of 0: there is no {files} */
    int has_options;
    unsigned n_runs;
};

/* ---- texts ----------------------------------------------------------------------------------- */

struct filling { /* of a placeholder */
    const char *name, *value;
};

/* The value of the placeholder that s starts with, and its length in s; NULL: there is none. */
static const char *place_at(struct sco_str s, const struct filling *places, size_t *ret_len)
{
    for (; places->name; places++) {
        size_t n = strlen(places->name);
        if (s.n >= n && places->value && memcmp(s.p, places->name, n) == 0) {
            *ret_len = n;
            return places->value;
        }
    }
    return NULL;
}

/* A text with its placeholders filled in; in memory of the job. NULL: out of it. */
static const char *fill_in(const struct sco_host *h, struct sco_str text,
                           const struct filling *places)
{
    char *out = NULL;
    for (int writing = 0; writing < 2; writing++) {
        size_t at = 0, len = 0;
        for (size_t i = 0; i < text.n; i += len) {
            const char *v = place_at(sco_str_make(text.p + i, text.n - i), places, &len);
            size_t n = v ? strlen(v) : 1;
            len = v ? len : 1;
            if (writing)
                memcpy(out + at, v ? v : text.p + i, n);
            at += n;
        }
        if (!writing && !(out = h->alloc(h, at + 1)))
            return NULL;
    }
    return out;
}

static const char *expand(const struct command *c, struct sco_str text)
{
    const struct filling places[] = {{"{target}", c->job->target},
                                     {"{report}", c->report},
                                     {"{work_dir}", c->job->work_dir},
                                     {"{cache_dir}", c->job->cache_dir},
                                     {"{program}", c->job->program},
                                     {"{jobs}", c->jobs},
                                     {NULL, NULL}};
    return fill_in(c->d->sarif.h, text, places);
}

static struct sco_str setting(const struct command *c, const char *path)
{
    return sco_text_at(c->d->root, path);
}

static int is_tree(const struct command *c)
{
    return (c->job->target_kind & (SCO_TARGET_DIRECTORY | SCO_TARGET_GIT)) != 0;
}

/* ---- folders to leave out -------------------------------------------------------------------- */

/* Names come from the target. One that may mean something else than itself to the program (a glob,
 * an option, a list) could leave out more than itself: those are not said, the program looks there,
 * and the host drops what it finds. */
static int is_plain(const char *dir)
{
    if (!*dir || *dir == '-' || *dir == '!' || *dir == '~')
        return 0;
    for (; *dir; dir++)
        if ((unsigned char)*dir < ' ' || strchr(",;:|*?[](){}<>^$!\\\"'`#%&=", *dir))
            return 0;
    return 1;
}

static const char *pattern_of(const struct command *c, const char *dir)
{
    const struct filling places[] = {{"{dir}", dir}, {NULL, NULL}};
    return fill_in(c->d->sarif.h, setting(c, "exclude.pattern"), places);
}

/* "--flag value", or "--flag=value" when the flag ends with "=". */
static void add_flag(const struct command *c, struct rep_args *a, const char *value)
{
    struct sco_str flag = setting(c, "exclude.flag");
    const struct sco_host *h = c->d->sarif.h;
    if (flag.n && flag.p[flag.n - 1] == '=') {
        rep_arg(a, value ? rep_strf(h, "%.*s%s", SCO_STR_ARG(flag), value) : NULL);
        return;
    }
    rep_arg(a, sco_cstr(h, flag));
    rep_arg(a, value);
}

static void add_excludes(const struct command *c, struct rep_args *a)
{
    const char *const *dirs = c->job->excludes;
    const struct sco_host *h = c->d->sarif.h;
    int comma = sco_str_is(setting(c, "exclude.style"), "comma");
    size_t used = 0, n = 0;
    if (!sco_get(c->d->root, "exclude") || !dirs)
        return;
    char *list = h->alloc(h, EXCLUDES_BYTES + 1);
    if (!list) {
        a->failed = 1;
        return;
    }
    for (; *dirs; dirs++) {
        const char *s = is_plain(*dirs) ? pattern_of(c, *dirs) : "";
        n = s ? strlen(s) + 1 : 0;
        if (!s)
            a->failed = 1;
        if (n <= 1 || used + n > EXCLUDES_BYTES)
            continue;
        if (comma)
            snprintf(list + used, EXCLUDES_BYTES - used + 1, "%s,", s);
        else
            add_flag(c, a, s);
        used += n;
    }
    if (!comma || !used)
        return;
    list[used - 1] = 0;
    add_flag(c, a, list);
}

/* ---- the command ----------------------------------------------------------------------------- */

static void add_options(const struct command *c, struct rep_args *a)
{
    add_excludes(c, a);
    if (!c->job->offline)
        return;
    SCO_EACH (arg, sco_get(c->scanner, "when_offline"))
        rep_arg(a, expand(c, sco_text(arg)));
}

/* As many as fit: by full path, so that no name can be taken for an option. */
static void add_files(struct command *c, struct rep_args *a)
{
    const struct sco_host *h = c->d->sarif.h;
    const char *const *files = c->job->files;
    size_t bytes = 0, n = 0;
    if (!is_tree(c)) {
        rep_arg(a, c->job->target);
        c->next_file = c->n_files;
        return;
    }
    for (; c->next_file < c->n_files && n < FILES_AT_ONCE; c->next_file++, n++) {
        const char *path = rep_strf(h, "%s/%s", c->job->target, files[c->next_file]);
        bytes += path ? strlen(path) + 1 : 0;
        if (n && bytes > FILES_BYTES)
            break;
        rep_arg(a, path);
    }
}

static void command_line(struct command *c, struct rep_args *a)
{
    rep_arg(a, c->job->program);
    int first = 1;
    SCO_EACH (arg, sco_get(c->scanner, "command")) {
        struct sco_str text = sco_text(arg);
        if (first)
            first = 0;
        else if (sco_str_is(text, "{files}"))
            add_files(c, a);
        else if (sco_str_is(text, "{options}"))
            add_options(c, a);
        else
            rep_arg(a, expand(c, text));
    }
    if (!c->has_options)
        add_options(c, a);
}

static int environment(const struct command *c, const char **env, struct sco_errbuf *e)
{
    const struct sco_node *map = sco_get(c->d->root, "env");
    size_t n = 0;
    for (const struct sco_node *v = map ? map->child : NULL; v && n < ENV_MAX; v = v->next) {
        const char *value = expand(c, v->text);
        env[n] = value ? rep_strf(c->d->sarif.h, "%.*s=%s", SCO_STR_ARG(v->key), value) : NULL;
        if (!env[n++])
            return sco_errf(e, SCO_E_NOMEM, "out of memory");
    }
    env[n] = NULL;
    return 0;
}

/* ---- one run --------------------------------------------------------------------------------- */

static int has_code(const struct command *c, const char *path, int32_t code)
{
    SCO_EACH (v, sco_path(c->d->root, path))
        if (sco_int(v, -1) == code)
            return 1;
    return 0;
}

/* What a program that failed wrote to standard output, when that was to be its report: nothing of
 * what begins like one, which may hold secrets. */
static struct sco_str said_instead(const struct command *c)
{
    struct sco_str none = {NULL, 0};
    FILE *f = fopen(c->report, "re");
    char *text = f ? c->d->sarif.h->alloc(c->d->sarif.h, SAID_MAX) : NULL;
    size_t n = text ? fread(text, 1, SAID_MAX, f) : 0, at = 0;
    if (f)
        fclose(f);
    while (at < n && strchr(" \t\r\n", text[at]) && text[at])
        at++;
    if (at == n || text[at] == '{' || text[at] == '[')
        return none;
    return sco_str_make(text, n);
}

static int read_result(struct command *c, const struct sco_command_result *res)
{
    const struct sco_host *h = c->d->sarif.h;
    struct sco_input in = {
        .struct_size = sizeof in, .path = c->report, .root = is_tree(c) ? c->job->target : NULL};
    int partial = has_code(c, "exit_codes.incomplete", res->exit_code);
    if (!partial && !has_code(c, "exit_codes.ok", res->exit_code)) {
        struct sco_command_result said = *res;
        if (sco_str_is(setting(c, "report.from"), "stdout"))
            said.out = said_instead(c);
        return rep_failed(h, c->d->title, &said, c->e);
    }
    int r = rep_fresh(h, c->d->title, c->report, res, c->e);
    if (r == 0)
        r = described_parse(c->d, &in, c->e);
    if (r < 0)
        return r;
    if (r == SCO_RUN_INCOMPLETE || r == SCO_RUN_SKIPPED)
        h->incomplete(h, sco_fmt(h, "%s", c->e->text));
    if (partial) {
        const char *words = rep_words(h, res->err);
        h->incomplete(h, sco_fmt(h, "%s ended with status %d, an incomplete scan%s%s", c->d->title,
                                 (int)res->exit_code, *words ? ": " : "", words));
    }
    return sco_errf(c->e, 0, "%s", "");
}

static int run_once(struct command *c)
{
    const struct sco_host *h = c->d->sarif.h;
    const char *env[ENV_MAX + 1];
    struct rep_args a = {.h = h};
    struct sco_command_result res;
    int from_stdout = sco_str_is(setting(c, "report.from"), "stdout");
    int in_target = sco_str_is(setting(c, "scanner.cwd"), "target") && is_tree(c);
    c->report = rep_strf(h, "%s/report-%u.%s", c->job->work_dir, ++c->n_runs,
                         c->d->is_sarif ? "sarif" : "json");
    if (!c->report)
        return sco_errf(c->e, SCO_E_NOMEM, "out of memory");
    int r = environment(c, env, c->e);
    if (r < 0)
        return r;
    command_line(c, &a);
    struct sco_command command = {.struct_size = sizeof command,
                                  .argv = rep_argv(&a),
                                  .env = env,
                                  .cwd = in_target ? c->job->target : NULL,
                                  .stdout_path = from_stdout ? c->report : NULL};
    r = rep_run(h, c->d->title, &command, &res, c->e);
    return r < 0 ? r : read_result(c, &res);
}

/* How many files {files} stands for. */
static int count_files(struct command *c)
{
    int wanted = 0;
    SCO_EACH (arg, sco_get(c->scanner, "command")) {
        wanted |= sco_str_is(sco_text(arg), "{files}");
        c->has_options |= sco_str_is(sco_text(arg), "{options}");
    }
    if (!wanted)
        return 0;
    if (!is_tree(c)) {
        c->n_files = 1;
        return 0;
    }
    while (c->job->files && c->job->files[c->n_files])
        c->n_files++;
    return c->n_files ? 0 : sco_errf(c->e, SCO_RUN_SKIPPED, "there is no file that it looks at");
}

int described_run(struct described *d, const struct sco_job *job, struct sco_errbuf *e)
{
    struct command c = {.d = d, .job = job, .scanner = sco_get(d->root, "scanner"), .e = e};
    snprintf(c.jobs, sizeof c.jobs, "%u", (unsigned)job->cpus);
    int r = count_files(&c);
    if (r)
        return r;
    do
        r = run_once(&c);
    while (r == 0 && c.next_file < c.n_files);
    if (r == 0 && c.n_files >= FILES_MAX)
        d->sarif.h->incomplete(
            d->sarif.h, sco_fmt(d->sarif.h, "only the first %d files were looked at", FILES_MAX));
    return r;
}
