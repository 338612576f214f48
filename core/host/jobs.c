/* The jobs of a worker, each from loading the plugin to the last word. What the plugin returns
 * is turned into a status here, and nowhere else. */
#include "host_priv.h"

#include <secureops/fs.h>

#include <stdlib.h>

enum { SNIFF_LEAST = 40, ERRBUF_SIZE = HOST_ERRBUF_SIZE };

/* ---- results ---- */

void host_done_error(struct sco_worker *w, int code, const struct sco_error *err)
{
    const char *status = code == SCO_E_TIMEOUT || (w->timed_out && code != SCO_E_CANCELLED)
                             ? "timeout"
                         : code == SCO_E_CANCELLED ? "cancelled"
                                                   : "failed";
    host_done(w, status, code, err->text[0] ? err->text : sco_error_name(code));
}

/* Everything that was called too early, too late or from elsewhere. */
static void account(struct sco_worker *w)
{
    uint32_t n = __atomic_load_n(&w->misplaced, __ATOMIC_RELAXED);
    if (n)
        host_incomplete(w,
                        "%u calls of the plugin came outside of its run or from another thread and "
                        "were refused",
                        n);
}

static void join(struct sco_buf *b, const struct sco_worker *w, struct sco_str text)
{
    sco_buf_add(b, sco_str_trim(text));
    if (w->reasons.n && b->n)
        sco_buf_addz(b, "; ");
    sco_buf_add(b, sco_buf_str(&w->reasons));
    if (w->n_reasons > HOST_REASONS_MAX)
        sco_buf_addf(b, "; and %u more", w->n_reasons - HOST_REASONS_MAX);
}

/* The result of run or parse, with what the host itself knows. */
static void finish(struct sco_worker *w, int r, const char *text)
{
    SCO_AUTO(sco_buf) struct sco_buf reason = {0}, odd = {0};
    const char *status = "completed";
    int code = r < 0 ? r : 0;
    account(w);
    if (r > SCO_RUN_SKIPPED) {
        sco_buf_addf(&odd, "the plugin returned %d, which has no meaning", r);
        text = sco_buf_z(&odd);
        code = SCO_E_INTERNAL;
    }
    bool cancelled = r == SCO_E_CANCELLED || (r != 0 && w->cancelled);
    if (cancelled) {
        status = "cancelled";
        code = SCO_E_CANCELLED;
    } else if (r == SCO_E_TIMEOUT || (r < 0 && w->timed_out)) {
        status = "timeout";
        code = SCO_E_TIMEOUT;
    } else if (r == SCO_E_LIMIT && (w->limit_hit || w->record_limit_hit)) {
        status = "incomplete"; /* what was kept is good */
    } else if (code < 0) {
        status = "failed";
    } else if (r == SCO_RUN_SKIPPED && !w->n_reasons) {
        status = "skipped";
    } else if (r || w->n_reasons) {
        status = "incomplete";
    }
    join(&reason, w, sco_str_c(text));
    if (!reason.n && strcmp(status, "completed") != 0)
        sco_buf_addf(&reason, "%s: the plugin gave no reason",
                     code ? sco_error_name(code) : status);
    host_done(w, status, code, reason.n ? sco_buf_z(&reason) : NULL);
}

/* ---- plugins ---- */

static const char *descriptor_of(const struct sco_worker *w, size_t i)
{
    return w->job->descriptors ? w->job->descriptors[i] : NULL;
}

/* Plugin i of the job. *ret_descriptor (nullable): what describes the scanner in its place, or
 * NULL. */
int host_load_plugin(struct sco_worker *w, size_t i, struct sco_loaded_plugin *ret,
                     const struct sco_node **ret_descriptor, struct sco_error *err)
{
    const char *path = w->job->plugins[i], *json = descriptor_of(w, i);
    const struct sco_node *descriptor = NULL;
    host_loading(w, path);
    int r = sco_plug_load(path, &w->arena, ret, err);
    if (r == 0 && json)
        r = host_describe(w, json, ret, &descriptor, err);
    if (r == 0 && ret->plugin.scanner)
        ret->plugin.scanner = &ret->scanner;
    if (ret_descriptor)
        *ret_descriptor = descriptor;
    return r;
}

static int load_scanner(struct sco_worker *w, struct sco_error *err)
{
    int r = host_load_plugin(w, 0, &w->plugin, NULL, err);
    if (r < 0)
        return r;
    w->descriptor = descriptor_of(w, 0);
    if (!w->plugin.plugin.scanner)
        return sco_error_set(err, SCO_E_UNSUPPORTED, "%s is not a scanner", w->plugin.plugin.name);
    return 0;
}

static int start_encoder(struct sco_worker *w, const char *root, struct sco_error *err)
{
    const char *title = w->plugin.scanner.title;
    struct sco_encoder_options o = {.root = root,
                                    .read_sources = root != NULL,
                                    .tool_name = title ? title : w->plugin.plugin.name,
                                    .tool_version = w->version,
                                    .digest_key = w->job->digest_key};
    w->encoder = sco_encoder_new(&o);
    if (!w->encoder)
        return sco_error_nomem(err);
    host_send_tool(w, o.tool_name, o.tool_version);
    return 0;
}

int host_open_plugin(struct sco_worker *w, const struct sco_node *options, struct sco_errbuf *e,
                     struct sco_error *err)
{
    if (w->descriptor && !(options = host_described_options(w, w->descriptor)))
        return sco_error_nomem(err);
    host_collect_secrets(w, options);
    int r = sco_plug_context(&w->plugin, options, &w->arena, &w->ctx, err);
    if (r < 0)
        return r;
    w->phase = HOST_RUNNING;
    r = w->plugin.plugin.open(w->ctx, &w->table, e);
    if (r < 0)
        return sco_error_set(err, r, "%s does not start: %s", w->plugin.plugin.name,
                             e->text[0] ? e->text : sco_error_name(r));
    return 0;
}

void host_close_plugin(struct sco_worker *w)
{
    w->phase = HOST_ENDED;
    if (w->ctx && w->plugin.plugin.close)
        w->plugin.plugin.close(w->ctx);
    int left = sco_exec_reap_all();
    if (left)
        host_log(w, SCO_LOG_WARNING, "%s left processes behind: %d were killed",
                 w->plugin.plugin.name, left);
}

/* From open to close; `call` runs or parses. */
static void with_plugin(struct sco_worker *w, const struct sco_node *options, const char *root,
                        int (*call)(struct sco_worker *w, struct sco_errbuf *e))
{
    char text[ERRBUF_SIZE] = "";
    struct sco_errbuf e = {.struct_size = sizeof e, .cap = sizeof text, .text = text};
    struct sco_error err = {0};
    int r = start_encoder(w, root, &err);
    if (r == 0)
        r = host_open_plugin(w, options, &e, &err);
    if (r < 0) {
        host_close_plugin(w);
        host_done_error(w, r, &err);
        return;
    }
    text[0] = 0; /* a plugin may try things that fail without harm */
    r = call(w, &e);
    text[sizeof text - 1] = 0;
    w->phase = HOST_ENDED;
    host_flush(w);
    host_flush_records(w);
    host_close_plugin(w);
    finish(w, r, text);
}

/* ---- describe ---- */

static void describe_one(struct sco_worker *w, size_t i)
{
    const char *path = w->job->plugins[i];
    struct sco_loaded_plugin p;
    struct sco_error err = {0};
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_json_out o = {.b = &b};
    int r = host_load_plugin(w, i, &p, NULL, &err);
    if (r == 0) {
        sco_plug_describe(&p, &o);
    } else {
        sco_json_begin(&o, '{');
        sco_json_kz(&o, "path", path);
        sco_json_kz(&o, "error", err.text);
        sco_json_ki64(&o, "code", r);
        sco_json_end(&o, '}');
    }
    host_send_json(w, SCO_MSG_DESCRIBE, &b);
}

static void describe(struct sco_worker *w)
{
    for (size_t i = 0; w->job->plugins[i] && !host_poll_cancel(w); i++)
        describe_one(w, i);
    host_done(w, w->cancelled ? "cancelled" : "completed", 0, NULL);
}

/* ---- version, scan ---- */

static int need_program(const struct sco_worker *w, struct sco_error *err)
{
    const struct sco_scanner *s = &w->plugin.scanner;
    if (w->job->program || !s->programs || !s->programs[0])
        return 0;
    return sco_error_set(err, SCO_E_NOT_FOUND, "%s is not installed%s%s", s->programs[0],
                         s->install ? ": " : "", s->install ? s->install : "");
}

static int find_version(struct sco_worker *w, struct sco_error *err)
{
    int r = need_program(w, err);
    if (r < 0 || w->version || !w->job->program)
        return r;
    return host_ask_version(w, &w->plugin.scanner, &w->version, err);
}

static struct sco_job job_of(const struct sco_worker *w)
{
    const struct sco_worker_job *j = w->job;
    return (struct sco_job){.struct_size = sizeof(struct sco_job),
                            .target_kind = j->target_kind,
                            .target = j->target,
                            .work_dir = j->work_dir,
                            .cache_dir = j->cache_dir,
                            .program = j->program,
                            .version = w->version,
                            .excludes = j->excludes,
                            .files = j->files,
                            .offline = j->offline,
                            .cpus = j->cpus,
                            .timeout_ms = host_time_left(w),
                            .request = j->request};
}

/* What the plugin says is its log; its failure is a line of it. */
static void inspect(struct sco_worker *w)
{
    char text[ERRBUF_SIZE] = "";
    struct sco_errbuf e = {.struct_size = sizeof e, .cap = sizeof text, .text = text};
    struct sco_error err = {0};
    int r = host_open_plugin(w, w->job->options, &e, &err);
    if (r == 0) {
        struct sco_job job = job_of(w);
        w->phase = HOST_LOADING; /* no findings */
        r = w->plugin.scanner.inspect(w->ctx, &job, &e);
        text[sizeof text - 1] = 0;
        if (r < 0)
            sco_error_set(&err, r, "%s", text[0] ? text : sco_error_name(r));
    }
    host_close_plugin(w);
    if (r < 0)
        host_log(w, SCO_LOG_WARNING, "nothing more can be said: %s", err.text);
}

static void version(struct sco_worker *w)
{
    struct sco_error err = {0};
    int r = load_scanner(w, &err);
    if (r == 0)
        r = find_version(w, &err);
    if (r == 0 && w->plugin.scanner.inspect)
        inspect(w);
    if (r < 0)
        host_done_error(w, r, &err);
    else if (!w->version && w->job->program)
        host_done(w, "incomplete", 0, "the program does not say its version");
    else
        host_done(w, "completed", 0, NULL);
}

static int call_run(struct sco_worker *w, struct sco_errbuf *e)
{
    struct sco_job job = job_of(w);
    return w->plugin.scanner.run(w->ctx, &job, e);
}

/* The folder that the paths of the findings are relative to. */
static const char *root_of(struct sco_worker *w)
{
    const struct sco_worker_job *j = w->job;
    if (j->root)
        return j->root;
    if (j->target_kind & (SCO_TARGET_DIRECTORY | SCO_TARGET_GIT))
        return j->target;
    if (!(j->target_kind & (SCO_TARGET_FILE | SCO_TARGET_PLAN | SCO_TARGET_SBOM)))
        return NULL;
    struct sco_str base = sco_path_base(sco_str_c(j->target));
    size_t n = (size_t)(base.p - j->target);
    return n > 1 ? sco_arena_cstr(&w->arena, sco_str_make(j->target, n - 1)) : "/";
}

static void scan(struct sco_worker *w)
{
    struct sco_error err = {0};
    int r = load_scanner(w, &err);
    if (r == 0 && !w->plugin.scanner.run)
        r = sco_error_set(&err, SCO_E_UNSUPPORTED, "%s reads reports only: it cannot scan",
                          w->plugin.plugin.name);
    if (r == 0 && !(w->plugin.scanner.targets & w->job->target_kind))
        r = sco_error_set(&err, SCO_E_UNSUPPORTED, "%s does not take targets of this kind",
                          w->plugin.plugin.name);
    if (r == 0)
        r = find_version(w, &err);
    if (r == SCO_E_TIMEOUT && !w->timed_out) { /* the scan itself may work */
        host_log(w, SCO_LOG_WARNING, "%s", err.text);
        r = 0;
    }
    if (r < 0)
        host_done_error(w, r, &err);
    else
        with_plugin(w, w->job->options, root_of(w), call_run);
}

/* ---- import ---- */

static int call_parse(struct sco_worker *w, struct sco_errbuf *e)
{
    struct sco_input in = {.struct_size = sizeof in, .path = w->job->input, .root = w->job->root};
    return w->plugin.scanner.parse(w->ctx, &in, e);
}

static bool can_parse(const struct sco_loaded_plugin *p)
{
    return p->plugin.scanner && p->scanner.parse;
}

static void add_name(struct sco_buf *known, const char *name)
{
    if (known->n)
        sco_buf_addz(known, ", ");
    sco_buf_addz(known, name);
}

/* `probe` NULL: is it the one that was named? */
static uint32_t sniff(const struct sco_worker *w, const struct sco_loaded_plugin *p,
                      const struct sco_node *descriptor, const struct sco_probe *probe)
{
    if (!probe)
        return strcmp(p->plugin.name, w->job->format) == 0 ? 100 : 0;
    if (descriptor)
        return host_described_sniff(descriptor, probe);
    return p->scanner.sniff ? p->scanner.sniff(probe) : 0;
}

/* Loads the candidates one after the other (a crash then has a name) and keeps the best. `probe`
 * NULL: the one called `format`. */
static uint32_t choose(struct sco_worker *w, const struct sco_probe *probe, struct sco_buf *known)
{
    uint32_t best = 0;
    for (size_t i = 0; w->job->plugins[i]; i++) {
        struct sco_loaded_plugin p;
        const struct sco_node *descriptor;
        struct sco_error err = {0};
        if (host_load_plugin(w, i, &p, &descriptor, &err) < 0) {
            host_log(w, SCO_LOG_WARNING, "%s", err.text);
            continue;
        }
        if (!can_parse(&p))
            continue;
        add_name(known, p.plugin.name);
        uint32_t score = sniff(w, &p, descriptor, probe);
        if (score > 100)
            score = 100;
        if (score < SNIFF_LEAST || score <= best)
            continue;
        best = score;
        w->plugin = p;
        w->plugin.plugin.scanner = &w->plugin.scanner;
        w->descriptor = descriptor_of(w, i);
        if (!probe)
            break;
    }
    return best;
}

/* See SCO_MSG_JOB: a map of options, or a map of such maps by the plugin's name. */
static const struct sco_node *import_options(const struct sco_worker *w)
{
    const struct sco_node *own = sco_get(w->job->options, w->plugin.plugin.name);
    if (sco_is(own, SCO_NODE_MAP))
        return own;
    if (w->job->format || !w->job->plugins[1])
        return w->job->options;
    return NULL;
}

static void send_choice(struct sco_worker *w, uint32_t score)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_json_out o = {.b = &b};
    sco_json_begin(&o, '{');
    sco_json_kz(&o, "name", w->plugin.plugin.name);
    sco_json_ki64(&o, "score", score);
    sco_json_end(&o, '}');
    host_send_json(w, SCO_MSG_PLUGIN, &b);
}

static int find_format(struct sco_worker *w, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf known = {0}, looks = {0};
    struct host_probe probe;
    int r = host_probe_open(&probe, w->job->input, err);
    if (r == 0) {
        uint32_t score = choose(w, w->job->format ? NULL : &probe.probe, &known);
        host_probe_describe(&probe, &looks);
        if (score)
            send_choice(w, score);
        else if (w->job->format)
            r = sco_error_set(err, SCO_E_NOT_FOUND, "no plugin \"%s\" reads reports; known: %s",
                              w->job->format, sco_buf_z(&known));
        else
            r = sco_error_set(err, SCO_E_FORMAT,
                              "%s is not a report of a known tool: it is %s; known: %s",
                              probe.probe.file_name, sco_buf_z(&looks), sco_buf_z(&known));
    }
    host_probe_done(&probe);
    return r;
}

static void import(struct sco_worker *w)
{
    struct sco_error err = {0};
    int r = find_format(w, &err);
    if (r < 0)
        host_done_error(w, r, &err);
    else
        with_plugin(w, import_options(w), w->job->root, call_parse);
}

/* ---- all ---- */

void sco_worker_hello(struct sco_worker *w, const char *sandbox)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_json_out o = {.b = &b};
    sco_json_begin(&o, '{');
    sco_json_kz(&o, "version", SCO_VERSION);
    sco_json_kz(&o, "sandbox", sandbox);
    sco_json_end(&o, '}');
    host_send_json(w, SCO_MSG_HELLO, &b);
}

void sco_worker_perform(struct sco_worker *w)
{
    switch (w->job->kind) {
    case SCO_JOB_SCAN:
        scan(w);
        break;
    case SCO_JOB_IMPORT:
        import(w);
        break;
    case SCO_JOB_DESCRIBE:
        describe(w);
        break;
    case SCO_JOB_VERSION:
        version(w);
        break;
    case SCO_JOB_CI:
        host_serve(w);
        break;
    }
}

void sco_worker_abandon(struct sco_worker *w, int code, const char *status, const char *reason)
{
    if (w->done || w->sending)
        return;
    host_flush(w);
    host_flush_records(w);
    host_done(w, status, code, reason);
}
