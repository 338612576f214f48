/* Running Semgrep. It has no rules of its own: they come from the option `config` or from the
 * target
 * (.semgrep.yml, .semgrep.yaml, .semgrep/). Rules by name (auto, p/default, r/...) or by URL are
 * fetched from the vendor, so they need the network and are never asked for without being named. On
 * failure the words are in the report's `errors`, not on stderr. */
#include "semgrep_priv.h"

enum {
    EXCLUDES_MAX = 2000, /* --exclude arguments; the host leaves out the others */
    RULES_FAILED = 2,    /* exit status: some rule is broken; also: everything failed */
};

struct rules {
    const char **v;
    size_t n, left_out; /* left_out: they need the network, and the run is offline */
    int automatic;      /* "auto" is among them */
};

static int is_remote(const char *name)
{
    return strcmp(name, "auto") == 0 || strcmp(name, "policy") == 0 ||
           strcmp(name, "supply-chain") == 0 || strncmp(name, "p/", 2) == 0 ||
           strncmp(name, "r/", 2) == 0 || strncmp(name, "s/", 2) == 0 ||
           strncmp(name, "http://", 7) == 0 || strncmp(name, "https://", 8) == 0;
}

/* A relative path is looked for in the target; "p/x" is a folder there if it exists. */
static const char *rule_source(const struct semgrep *s, const struct sco_job *job, const char *name,
                               int *remote)
{
    const char *in_target = rep_strf(s->h, "%s/%s", job->target, name);
    *remote = 0;
    if (name[0] == '/')
        return name;
    if (rep_exists(in_target))
        return in_target;
    *remote = is_remote(name);
    return *remote ? name : in_target;
}

static int choose_rules(const struct semgrep *s, const struct sco_job *job, struct rules *r,
                        struct sco_errbuf *e)
{
    static const char *const own[] = {".semgrep.yml", ".semgrep.yaml", ".semgrep", NULL};
    r->v = s->h->alloc(s->h, (s->config.n + 3) * sizeof *r->v);
    if (!r->v)
        return sco_errf(e, SCO_E_NOMEM, "out of memory");
    for (size_t i = 0; i < s->config.n; i++) {
        int remote;
        const char *source = rule_source(s, job, s->config.v[i].p, &remote);
        if (remote && job->offline) {
            r->left_out++;
            continue;
        }
        r->automatic |= remote && strcmp(source, "auto") == 0;
        r->v[r->n++] = source;
    }
    for (const char *const *f = own; *f && !s->config.n; f++) {
        const char *path = rep_strf(s->h, "%s/%s", job->target, *f);
        if (rep_exists(path))
            r->v[r->n++] = path;
    }
    if (r->n)
        return 0;
    if (r->left_out)
        return sco_errf(
            e, SCO_RUN_SKIPPED,
            "its rules come from the network, and the run is offline; name a rules file "
            "or folder in the option \"config\"");
    return sco_errf(e, SCO_RUN_SKIPPED,
                    "there are no rules: name a rules file or folder (or, with network, p/default) "
                    "in the option \"config\", or keep rules in .semgrep.yml or .semgrep/ of the "
                    "target");
}

static void add_limits(const struct semgrep *s, const struct sco_job *job, struct rep_args *a)
{
    int64_t seconds = (s->rule_timeout_ms + 999) / 1000;
    rep_arg(a, "--jobs");
    rep_arg(a, rep_strf(s->h, "%u", job->cpus ? job->cpus : 1));
    rep_arg(a, "--timeout");
    rep_arg(a, rep_strf(s->h, "%lld", (long long)seconds));
    rep_arg(a, "--max-memory");
    rep_arg(a, rep_strf(s->h, "%lld", (long long)(s->max_memory >> 20)));
    rep_arg(a, "--max-target-bytes");
    rep_arg(a, rep_strf(s->h, "%lld", (long long)s->max_file));
}

static void command_line(struct semgrep *s, const struct sco_job *job, const struct rules *rules,
                         const char *report, struct rep_args *a)
{
    a->h = s->h;
    rep_arg(a, job->program);
    rep_arg(a, "scan");
    rep_arg(a, "--json");
    rep_arg(a, "--output");
    rep_arg(a, report);
    if (!rules->automatic) /* "auto" is refused without metrics */
        rep_arg(a, "--metrics=off");
    rep_arg(a, "--disable-version-check");
    rep_arg(a, "--no-rewrite-rule-ids");
    for (size_t i = 0; i < rules->n; i++) {
        rep_arg(a, "--config");
        rep_arg(a, rules->v[i]);
    }
    for (size_t i = 0; i < s->exclude_rules.n; i++) {
        rep_arg(a, "--exclude-rule");
        rep_arg(a, s->exclude_rules.v[i].p);
    }
    add_limits(s, job, a);
    if (s->baseline_commit.n) {
        rep_arg(a, "--baseline-commit");
        rep_arg(a, s->baseline_commit.p);
    }
    for (size_t i = 0; job->excludes && job->excludes[i] && i < EXCLUDES_MAX; i++)
        if (!strpbrk(job->excludes[i], "*?[\\!"))
            rep_arg(a, rep_strf(s->h, "--exclude=/%s", job->excludes[i]));
    rep_arg(a, job->target_kind == SCO_TARGET_FILE ? job->target : ".");
}

/* 0 and 1 are finished scans. A broken rule gives 2 though the others have run on the files: then
 * the error is in the report, and the report counts. */
static int judge(struct semgrep *s, const struct sco_command_result *res, const char *report,
                 struct sco_errbuf *e)
{
    const char *words = "";
    int worked = 0;
    if (res->exit_code == 0 || res->exit_code == 1)
        return 0;
    if (rep_exists(report))
        words = semgrep_words(s, report, &worked);
    if (res->exit_code == RULES_FAILED && worked)
        return 0;
    if (!*words)
        return rep_failed(s->h, SEMGREP_TOOL, res, e);
    return sco_errf(e, SCO_E_TOOL, "%s failed with exit status %d: %s", SEMGREP_TOOL,
                    (int)res->exit_code, words);
}

int semgrep_run(void *ctx, const struct sco_job *job, struct sco_errbuf *e)
{
    struct semgrep *s = ctx;
    struct rules rules = {.n = 0};
    struct rep_args a = {.v = NULL};
    struct sco_command_result res;
    const char *report = rep_strf(s->h, "%s/semgrep.json", job->work_dir);
    int r = choose_rules(s, job, &rules, e);
    if (r != 0)
        return r;
    const char *env[] = {"SEMGREP_ENABLE_VERSION_CHECK=0",
                         rules.automatic ? "SEMGREP_SEND_METRICS=auto" : "SEMGREP_SEND_METRICS=off",
                         rep_strf(s->h, "SEMGREP_SETTINGS_FILE=%s/settings.yml", job->cache_dir),
                         NULL};
    command_line(s, job, &rules, report, &a);
    struct sco_command c = {.struct_size = sizeof c,
                            .argv = rep_argv(&a),
                            .env = env,
                            .cwd = job->target_kind == SCO_TARGET_FILE ? NULL : job->target};
    if ((r = rep_run(s->h, SEMGREP_TOOL, &c, &res, e)) < 0)
        return r;
    if ((r = judge(s, &res, report, e)) < 0)
        return r;
    if ((r = rep_fresh(s->h, SEMGREP_TOOL, report, &res, e)) < 0)
        return r;
    if (rules.left_out)
        s->h->incomplete(s->h, sco_fmt(s->h, "%zu rule source%s not used: the run is offline",
                                       rules.left_out, rules.left_out == 1 ? " was" : "s were"));
    struct sco_input in = {.struct_size = sizeof in, .path = report, .root = job->target};
    return semgrep_parse_report(s, &in, e);
}
