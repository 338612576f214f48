/* What every command needs: configuration, places of this installation, the engine. */
#include "cli_priv.h"

#include <errno.h>
#include <secureops/crypto.h>
#include <secureops/log.h>
#include <sys/stat.h>
#include <unistd.h>

extern char **environ;

int context_fail(const struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    sco_buf_add_printable(&b, sco_str_c(err->text));
    fprintf(stderr, "secureops: %s\n", sco_buf_z(&b));
    switch (err->code) {
    case SCO_E_CANCELLED:
        return EXIT_INCOMPLETE;
    case SCO_E_INVALID:
    case SCO_E_NOT_FOUND:
    case SCO_E_PARSE:
    case SCO_E_FORMAT:
    case SCO_E_PERMISSION:
    case SCO_E_LIMIT:
        return EXIT_USAGE;
    default:
        return EXIT_INTERNAL;
    }
}

bool context_color(const struct cli *c, int fd)
{
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
    if (args_has(c, ARG_NO_COLOR) || (no_color && *no_color) || (term && strcmp(term, "dumb") == 0))
        return false;
    return isatty(fd);
}

int context_load_config(struct cli *c, struct sco_error *err)
{
    c->input.file = c->values[ARG_CONFIG];
    if (args_has(c, ARG_POLICIES)) {
        int r = sco_config_add(&c->input, "policies.dirs", sco_buf_z(&c->lists[ARG_POLICIES]),
                               "--policies", err);
        if (r < 0)
            return r;
    }
    c->input.env = (const char *const *)environ;
    int r = sco_config_load(&c->input, &c->config, err);
    if (r < 0)
        return r;
    bool quiet = args_has(c, ARG_QUIET);
    uint32_t level = c->config->log.level;
    sco_log_setup(STDERR_FILENO, quiet && level == SCO_LOG_WARNING ? SCO_LOG_ERROR : level,
                  c->config->log.format);
    for (const char *const *w = c->config->warnings; *w && !quiet; w++) {
        SCO_AUTO(sco_buf) struct sco_buf b = {0};
        sco_buf_add_printable(&b, sco_str_c(*w));
        fprintf(stderr, "secureops: warning: %s\n", sco_buf_z(&b));
    }
    return 0;
}

/* ---- places ---- */
const char *context_first_existing(struct cli *c, const char *const *candidates, bool dir)
{
    for (; *candidates; candidates++) {
        char *path = sco_arena_fmt(&c->arena, "%s/%s", c->exe_dir, *candidates);
        char *real = path ? sco_fs_realpath(path, NULL) : NULL;
        const char *kept = real ? sco_arena_cstr(&c->arena, sco_str_c(real)) : NULL;
        free(real);
        if (kept && (dir ? sco_fs_is_dir(kept) : sco_fs_is_executable(kept)))
            return kept;
    }
    return NULL;
}

/* Without a home these are in /tmp, where somebody else may have been first. Programs are run from
 * below, so that they must be ours alone. */
static int check_place(const char *dir, struct sco_error *err)
{
    struct stat st;
    static const char fallback[] = "/tmp/secureops-";
    size_t n = strlen(fallback);
    if (strncmp(dir, fallback, n) != 0 || strchr(dir + n, '/'))
        return 0;
    if (mkdir(dir, 0700) < 0 && errno != EEXIST)
        return sco_error_errno(err, errno, "cannot create folder %s", dir);
    if (lstat(dir, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid() &&
        !(st.st_mode & 022))
        return 0;
    return sco_error_set(err, SCO_E_PERMISSION,
                         "%s is not a folder of this user alone; set HOME, or XDG_CACHE_HOME and "
                         "XDG_DATA_HOME",
                         dir);
}

static int find_places(struct cli *c, struct sco_error *err)
{
    /* beside the program in the build tree, else where cmake --install puts them */
    static const char *const workers[] = {"secureops-worker",
                                          "../libexec/secureops/secureops-worker", NULL};
    static const char *const plugins[] = {"../lib/secureops/plugins",
                                          "../" SCO_INSTALL_LIBDIR "/secureops/plugins",
                                          "../../" SCO_INSTALL_LIBDIR "/secureops/plugins", NULL};
    c->exe_dir = sco_dir_exe();
    if (!c->cache_dir)
        c->cache_dir = sco_dir_cache();
    c->data_dir = sco_dir_data();
    if (!c->exe_dir || !c->cache_dir || !c->data_dir)
        return sco_error_nomem(err);
    int r = check_place(c->cache_dir, err);
    if (r == 0)
        r = check_place(c->data_dir, err);
    if (r < 0)
        return r;
    c->worker = context_first_existing(c, workers, false);
    if (!c->worker)
        return sco_error_set(
            err, SCO_E_INTERNAL,
            "secureops-worker is not beside this program in %s: the installation is "
            "incomplete",
            c->exe_dir);
    size_t n = 0, extra = c->config->tools.plugins.n;
    c->plugin_dirs = sco_arena_alloc(&c->arena, (extra + 2) * sizeof *c->plugin_dirs);
    if (!c->plugin_dirs)
        return sco_error_nomem(err);
    for (size_t i = 0; i < extra; i++)
        c->plugin_dirs[n++] = c->config->tools.plugins.v[i].p;
    const char *own = context_first_existing(c, plugins, true);
    if (own)
        c->plugin_dirs[n++] = own;
    return 0;
}

/* Folders where scanners are looked for: configured ones, our own prefix, PATH. A relative one
 * could be a folder of the target: none is taken over from PATH. */
static int build_tools_path(struct cli *c, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    const char *prefix = getenv("SECUREOPS_TOOLS"), *path = getenv("PATH");
    struct sco_str rest = sco_str_c(path ? path : "/usr/local/bin:/usr/bin:/bin"), dir;
    for (size_t i = 0; i < c->config->tools.path.n; i++)
        sco_buf_addf(&b, "%s:", c->config->tools.path.v[i].p);
    if (prefix && prefix[0] == '/')
        sco_buf_addf(&b, "%s/bin", prefix);
    else
        sco_buf_addf(&b, "%s/tools/bin", c->data_dir);
    while (sco_str_split(&rest, ':', &dir))
        if (dir.n && dir.p[0] == '/')
            sco_buf_addf(&b, ":%.*s", SCO_STR_ARG(dir));
    c->tools_path = sco_arena_cstr(&c->arena, sco_buf_str(&b));
    return b.failed || !c->tools_path ? sco_error_nomem(err) : 0;
}

/* ---- options of the engine ---- */
static const char **split_list(struct cli *c, struct sco_str text)
{
    size_t n = 1;
    for (size_t i = 0; i < text.n; i++)
        n += text.p[i] == ',';
    const char **list = sco_arena_alloc(&c->arena, (n + 1) * sizeof *list);
    struct sco_str one;
    n = 0;
    while (list && sco_str_split(&text, ',', &one)) {
        one = sco_str_trim(one);
        if (one.n)
            list[n++] = sco_arena_cstr(&c->arena, one);
    }
    return list;
}

/* *ret NULL: the option was not given. An empty list would ask for less than was meant. */
static int list_arg(struct cli *c, int id, const char *option, const char ***ret,
                    struct sco_error *err)
{
    if (!args_has(c, id))
        return 0;
    *ret = split_list(c, sco_buf_str(&c->lists[id]));
    if (!*ret)
        return sco_error_nomem(err);
    if (!**ret && id != ARG_SKIP)
        return sco_error_set(err, SCO_E_INVALID, "%s names no scanner", option);
    return 0;
}

static int take_selection(struct cli *c, struct sco_error *err)
{
    int r = list_arg(c, ARG_SCANNERS, "--scanners", &c->scanners, err);
    if (r == 0)
        r = list_arg(c, ARG_SKIP, "--skip", &c->skip, err);
    if (r == 0)
        r = list_arg(c, ARG_REQUIRE, "--require", &c->require, err);
    for (const char **a = c->skip; r == 0 && a && *a; a++)
        for (const char **b = c->require; r == 0 && b && *b; b++)
            if (strcmp(*a, *b) == 0)
                r = sco_error_set(err, SCO_E_INVALID, "--skip and --require both name %s", *a);
    return r;
}

static int scanner_options(void *user, const struct sco_plugin_info *p, bool resolve,
                           struct sco_buf *out, int64_t *ret_timeout_ms, struct sco_error *err)
{
    struct cli *c = user;
    struct sco_config_scanner s;
    int r = sco_config_scanner(c->config, p->name, &s, err);
    if (r < 0)
        return r;
    *ret_timeout_ms = s.timeout;
    return sco_config_scanner_options(c->config, p->name, p->options,
                                      resolve ? SCO_VALUES_RESOLVE : 0, out, NULL, err);
}

static int scanner_wanted(void *user, const char *name)
{
    struct cli *c = user;
    struct sco_config_scanner s;
    if (c->wanted && c->wanted(c, name) < 0)
        return -1;
    /* what is wrong with it was an error of context_check_scanners, before any plan */
    return sco_config_scanner(c->config, name, &s, NULL) < 0 ? 0 : s.enabled;
}

static void on_progress(void *user, const struct sco_progress *p)
{
    struct cli *c = user;
    if (c->on_progress) {
        c->on_progress(c, p);
    } else if (p->event == SCO_PROGRESS_LOG) {
        const char *const fields[] = {"scanner", p->run->name, NULL};
        panel_hide(c->panel);
        sco_log_write(p->level, "scanner", fields, "%s", p->what);
    } else if (c->panel)
        panel_update(c->panel, p);
}

static int take_gate(struct cli *c, struct sco_gate_rules *g, struct sco_error *err)
{
    const struct sco_config_gate *from = &c->config->gate;
    c->thresholds = sco_arena_alloc(&c->arena, (from->n_thresholds + 1) * sizeof *c->thresholds);
    if (!c->thresholds)
        return sco_error_nomem(err);
    for (size_t i = 0; i < from->n_thresholds; i++)
        c->thresholds[i] = (struct sco_threshold){.type = from->thresholds[i].type,
                                                  .severity = from->thresholds[i].severity,
                                                  .max = from->thresholds[i].max};
    bool others = from->policies.n && !from->fail_on_given; /* gates stand for the default */
    *g = (struct sco_gate_rules){.fail_on = others ? 0 : from->fail_on,
                                 .thresholds = c->thresholds,
                                 .n_thresholds = from->n_thresholds,
                                 .chosen =
                                     from->fail_on_given || from->policies.n || from->n_thresholds,
                                 .warn_on_incomplete = from->warn_on_incomplete};
    return 0;
}

static int take_digest_key(struct cli *c, struct sco_error *err)
{
    struct sco_str ref = c->config->secrets.digest_key;
    if (!ref.n)
        return 0;
    SCO_AUTO(sco_buf) struct sco_buf key = {0};
    int r = sco_secret_resolve(ref, &key, err);
    if (r == 0) {
        c->digest_key = sco_arena_alloc(&c->arena, key.n * 2 + 1);
        if (c->digest_key)
            sco_hex((const uint8_t *)key.p, key.n, c->digest_key);
        else
            r = sco_error_nomem(err);
        explicit_bzero(key.p, key.n);
    }
    return r;
}

/* Paths are written relative and without a slash at the end: "./docs/" means "docs". */
static const char **take_excludes(struct cli *c, const struct sco_str_list *from)
{
    const char **list = sco_arena_alloc(&c->arena, (from->n + 1) * sizeof *list);
    for (size_t i = 0, n = 0; list && i < from->n; i++) {
        struct sco_str s = from->v[i];
        if (sco_str_starts(s, "./"))
            s = sco_str_make(s.p + 2, s.n - 2);
        while (s.n && s.p[s.n - 1] == '/')
            s.n--;
        if (s.n && !(list[n++] = sco_arena_cstr(&c->arena, s)))
            return NULL;
    }
    return list;
}

int context_open_engine(struct cli *c, struct sco_error *err)
{
    struct sco_engine_options o = {0};
    int r = find_places(c, err);
    if (r == 0)
        r = context_policies(c, err);
    if (r == 0)
        r = build_tools_path(c, err);
    if (r == 0)
        r = take_gate(c, &o.gate, err);
    if (r == 0)
        r = take_digest_key(c, err);
    if (r == 0)
        r = take_selection(c, err);
    if (r < 0)
        return r;
    const struct sco_config_scan *s = &c->config->scan;
    c->excludes = take_excludes(c, &s->exclude);
    if (!c->excludes)
        return sco_error_nomem(err);
    o.worker = c->worker;
    o.plugin_dirs = c->plugin_dirs;
    o.tools_path = c->tools_path;
    o.cache_dir = c->cache_dir;
    o.jobs = (int)s->jobs;
    o.timeout_ms = s->timeout;
    o.offline = s->offline;
    o.include_ignored = s->include_ignored;
    o.excludes = c->excludes;
    o.max_findings = (uint64_t)s->max_findings;
    o.output_limit = (uint64_t)s->output_limit;
    o.memory_limit = (uint64_t)s->memory_limit;
    o.no_sandbox = !s->sandbox;
    o.digest_key = c->digest_key;
    o.scanners = c->scanners;
    o.skip = c->skip;
    o.require = c->require;
    o.policy_dirs = c->policy_dirs;
    o.sbom_file = c->sbom_file;
    o.sbom = c->sbom;
    o.sbom_auto = c->sbom_auto;
    o.gates = c->gates;
    o.policy_frameworks = c->frameworks;
    o.waivers = c->waivers;
    o.policy_keys = c->config->policies.keys.n ? c->config->policies.keys.v[0].p : NULL;
    o.scanner_options = scanner_options;
    o.scanner_wanted = scanner_wanted;
    o.progress = on_progress;
    o.settle = context_recall;
    o.user = c;
    r = sco_engine_new(&o, &c->engine, err);
    if (r == 0)
        signals_watch(c->engine);
    return r;
}

static int check_scanner(struct cli *c, const struct sco_plugin_info *p, uint32_t flags,
                         struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf ignored = {0};
    struct sco_config_scanner s = {0};
    int r = sco_config_scanner(c->config, p->name, &s, err);
    if (r == 0 && s.configured && !p->error)
        r = sco_config_scanner_options(c->config, p->name, p->options, flags, &ignored, NULL, err);
    if (ignored.p)
        explicit_bzero(ignored.p, ignored.n);
    return r;
}

int context_check_scanners(struct cli *c, const struct sco_plugins *p, uint32_t flags,
                           struct sco_error *err)
{
    const char **names = sco_arena_alloc(&c->arena, (p->n + 1) * sizeof *names);
    if (!names)
        return sco_error_nomem(err);
    for (size_t i = 0; i < p->n; i++)
        names[i] = p->v[i].name;
    int r = sco_config_check_scanners(c->config, names, p->n, err);
    for (size_t i = 0; i < p->n && r == 0; i++)
        r = check_scanner(c, &p->v[i], flags, err);
    return r;
}

int context_plugins(struct cli *c, const struct sco_plugins **ret, struct sco_error *err)
{
    int r = context_load_config(c, err);
    if (r == 0)
        r = context_open_engine(c, err);
    return r == 0 ? sco_engine_plugins(c->engine, ret, err) : r;
}

void context_close_engine(struct cli *c)
{
    c->panel = panel_free(c->panel);
    c->engine = signals_release(c->engine);
}

void context_done(struct cli *c)
{
    context_close_engine(c);
    c->store = sco_store_close(c->store);
    c->waivers = sco_waivers_free(c->waivers);
    c->compare = sco_compare_free(c->compare);
    sco_config_free(c->config);
    sco_config_input_done(&c->input);
    for (size_t i = 0; i < SCO_ARRAY_LEN(c->lists); i++)
        sco_buf_done(&c->lists[i]);
    free(c->operands);
    free(c->exe_dir);
    free(c->cache_dir);
    free(c->data_dir);
    sco_arena_done(&c->arena);
}
