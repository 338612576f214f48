/* An import: every report becomes a run that parses it. */
#include "session_priv.h"

static int choose_parsers(struct session *s, struct sco_error *err)
{
    const struct sco_plugins *p;
    int r = sco_engine_plugins(s->e, &p, err);
    if (r < 0)
        return r;
    s->parsers = sco_alloc(p->n + 1, sizeof *s->parsers);
    s->descriptors = sco_alloc(p->n + 1, sizeof *s->descriptors);
    if (!s->parsers || !s->descriptors)
        return sco_error_nomem(err);
    for (size_t i = 0; i < p->n; i++) {
        const struct sco_plugin_info *x = &p->v[i];
        if (x->error || x->kind != SCO_KIND_SCANNER ||
            (s->scanner && strcmp(x->name, s->scanner) != 0))
            continue;
        s->descriptors[s->n_parsers] = x->descriptor;
        s->parsers[s->n_parsers++] = x->library;
    }
    if (s->n_parsers)
        return 0;
    if (!s->scanner)
        return sco_error_set(err, SCO_E_NOT_FOUND, "no plugin can be used to read reports");
    const char *names[256];
    size_t n = 0;
    for (; n < p->n && n < SCO_ARRAY_LEN(names); n++)
        names[n] = p->v[n].name;
    const char *near = sco_str_nearest(sco_str_c(s->scanner), names, n);
    return sco_error_set(err, SCO_E_INVALID, "--scanner: there is no usable scanner \"%s\"%s%s%s",
                         s->scanner, near ? ", did you mean \"" : "", near ? near : "",
                         near ? "\"?" : "");
}

static int add_report(struct session *s, const char *file, struct sco_error *err)
{
    struct sco_scan *scan = s->scan;
    SCO_AUTO(sco_free) char *real = sco_fs_realpath(file, err);
    if (!real)
        return sco_error_prefix(err, "report");
    if (sco_fs_is_dir(real))
        return sco_error_set(err, SCO_E_INVALID, "report %s is a folder; name its files", file);
    struct sco_scanner_run *run = &scan->runs[scan->n_runs];
    *run = (struct sco_scanner_run){.name = s->scanner ? session_keep(s, s->scanner) : "report",
                                    .title = s->scanner ? session_keep(s, s->scanner) : "Report",
                                    .target = session_keep(s, file),
                                    .status = SCO_RUN_STATUS_FAILED, /* until it says otherwise */
                                    .reason = "was not read to its end",
                                    .required = true,
                                    .counts = true,
                                    .exit_code = -1};
    struct slot slot = {
        .session = s, .run = scan->n_runs, .file = session_keep(s, real), .lock_fd = -1};
    if (!run->target || !slot.file)
        return sco_error_nomem(err);
    s->slots[s->n_slots++] = slot;
    scan->n_runs++;
    return 0;
}

int sco_engine_import(struct sco_engine *e, const char *const *files, size_t n, const char *scanner,
                      const char *root, struct sco_scan **ret, struct sco_error *err)
{
    struct session s = {.scanner = scanner, .root = root};
    int r = session_open(&s, e, n, "import", err);
    if (r == 0)
        r = choose_parsers(&s, err);
    for (size_t i = 0; i < n && r == 0; i++)
        r = add_report(&s, files[i], err);
    if (r == 0) {
        SCO_AUTO(sco_buf) struct sco_buf b = {0};
        for (size_t i = 0; i < n; i++)
            sco_buf_addf(&b, "%s%s", i ? ", " : "", files[i]);
        s.scan->target = session_keep(&s, sco_buf_z(&b));
        s.scan->root = session_keep(&s, root);
        if (root)
            gitinfo_read(root, &s.scan->arena, &s.scan->repository, &s.scan->branch,
                         &s.scan->commit_sha);
        r = session_run(&s, ret, err);
    }
    session_close(&s);
    return r;
}
