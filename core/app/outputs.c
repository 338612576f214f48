/* Where the reports of a scan go, and the last word when no table has it. */
#include "outputs.h"

#include <errno.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { REASONS_SHOWN = 10 };

static int unknown_format(struct sco_str name, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf known = {0};
    for (int i = 0; i < SCO_REPORT_MAX_; i++)
        sco_buf_addf(&known, "%s%s", i ? ", " : "", sco_report_format_name(i));
    return sco_error_set(err, SCO_E_INVALID, "--format: unknown format \"%.*s\"; known are %s",
                         SCO_STR_ARG(name), sco_buf_z(&known));
}

static int add_output(struct cli *c, struct sco_str text, struct output *out, size_t *n,
                      struct sco_error *err)
{
    const char *eq = text.n ? memchr(text.p, '=', text.n) : NULL;
    struct sco_str name = eq ? sco_str_make(text.p, (size_t)(eq - text.p)) : text;
    struct output o = {.format = sco_report_format_parse(name), .path = "-"};
    if (o.format == SCO_REPORT_MAX_)
        return unknown_format(name, err);
    if (eq) {
        o.path = sco_arena_cstr(&c->arena, sco_str_make(eq + 1, text.n - name.n - 1));
        if (!o.path || !*o.path)
            return sco_error_set(err, SCO_E_INVALID, "--format %.*s= wants a path",
                                 SCO_STR_ARG(name));
    }
    if (*n >= OUTPUTS_MAX)
        return sco_error_set(err, SCO_E_LIMIT, "--format: more than %d outputs", OUTPUTS_MAX);
    out[(*n)++] = o;
    return 0;
}

static int check_folder(struct cli *c, const char *path, const char *what, struct sco_error *err)
{
    struct sco_str base = sco_path_base(sco_str_c(path));
    const char *dir = base.p == path
                          ? "."
                          : sco_arena_cstr(&c->arena, sco_str_make(path, (size_t)(base.p - path)));
    if (!dir)
        return sco_error_nomem(err);
    if (access(dir, F_OK) < 0)
        return sco_error_errno(err, errno, "cannot write the %s %s: folder %s", what, path, dir);
    return 0;
}

/* What can be known before minutes of scanning: a folder that is not there, one file for two. */
static int check_outputs(struct cli *c, const struct output *out, size_t n, struct sco_error *err)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(out[i].path, "-") == 0)
            continue;
        for (size_t k = 0; k < i; k++)
            if (strcmp(out[i].path, out[k].path) == 0)
                return sco_error_set(err, SCO_E_INVALID, "--format: two reports want the file %s",
                                     out[i].path);
        int r = check_folder(c, out[i].path, "report", err);
        if (r < 0)
            return r;
    }
    return 0;
}

int outputs_choose(struct cli *c, struct output *out, size_t *n, struct sco_error *err)
{
    *n = 0;
    int r = 0;
    if (args_has(c, ARG_FORMAT)) {
        struct sco_str rest = sco_buf_str(&c->lists[ARG_FORMAT]), one;
        while (r == 0 && sco_str_split(&rest, ',', &one))
            if (sco_str_trim(one).n)
                r = add_output(c, sco_str_trim(one), out, n, err);
    } else {
        for (size_t i = 0; i < c->config->output.n && r == 0; i++)
            r = add_output(c, c->config->output.v[i], out, n, err);
    }
    if (r < 0)
        return r;
    if (!*n)
        out[(*n)++] = (struct output){.format = SCO_REPORT_TABLE, .path = "-"};
    size_t on_stdout = 0;
    for (size_t i = 0; i < *n; i++)
        on_stdout += strcmp(out[i].path, "-") == 0;
    if (args_has(c, ARG_OUTPUT)) {
        if (on_stdout != 1)
            return sco_error_set(err, SCO_E_INVALID,
                                 "-o PATH is for one format without a path of its own; write "
                                 "--format json=PATH,sarif=PATH for several");
        for (size_t i = 0; i < *n; i++)
            if (strcmp(out[i].path, "-") == 0)
                out[i].path = c->values[ARG_OUTPUT];
    } else if (on_stdout > 1) {
        return sco_error_set(err, SCO_E_INVALID,
                             "two formats want standard output; give one a path: --format "
                             "table,json=PATH");
    }
    return check_outputs(c, out, *n, err);
}

int outputs_write(struct cli *c, const struct sco_scan *scan, const struct output *out, size_t n,
                  struct sco_error *err)
{
    struct winsize w = {0};
    struct sco_report_options o = {.color = context_color(c, STDOUT_FILENO),
                                   .all = args_has(c, ARG_ALL),
                                   .show_suppressed = args_has(c, ARG_SHOW_SUPPRESSED)};
    if (isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0)
        o.columns = w.ws_col;
    int result = 0;
    for (size_t i = 0; i < n; i++) { /* one that cannot be written does not cost the others */
        struct sco_report_options mine = o;
        int files = 0;
        if (strcmp(out[i].path, "-") != 0)
            mine.color = false;
        else if (args_has(c, ARG_QUIET) && out[i].format == SCO_REPORT_TABLE)
            continue;
        int r = sco_report_write_file(scan, out[i].format, &mine, out[i].path, &files,
                                      result < 0 ? NULL : err);
        if (r < 0 && result == 0)
            result = r;
        if (files > 1 && !args_has(c, ARG_QUIET))
            fprintf(stderr, "secureops: %s was split into %d files\n", out[i].path, files);
    }
    return result;
}

void outputs_say_verdict(struct cli *c, const struct sco_scan *scan, const struct output *out,
                         size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (out[i].format == SCO_REPORT_TABLE && strcmp(out[i].path, "-") == 0)
            return;
    if (args_has(c, ARG_QUIET))
        return;
    static const char *const words[] = {"PASSED", "FAILED", "INCOMPLETE"};
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    size_t all = scan->gate.n_reasons, first = all > REASONS_SHOWN ? REASONS_SHOWN - 1 : all;
    for (size_t i = 0; i < all; i++) {
        if (i == first)
            sco_buf_addf(&b, "; and %zu more", all - first - 1);
        if (i >= first && i + 1 < all)
            continue; /* the last one is about findings, when there is one */
        sco_buf_addz(&b, i ? "; " : ": ");
        sco_buf_add_printable(&b, sco_str_c(scan->gate.reasons[i]));
    }
    fprintf(stderr, "secureops: %s (exit %d)%s\n", words[scan->gate.result], scan->exit_status,
            sco_buf_z(&b));
}

/* ---- the SBOM ---- */
int outputs_choose_sbom(struct cli *c, struct sco_error *err)
{
    c->sbom = args_has(c, ARG_SBOM);
    c->sbom_file = c->sbom ? c->values[ARG_SBOM] : NULL;
    if (!c->sbom)
        return 0;
    if (!*c->sbom_file || strcmp(c->sbom_file, "-") == 0)
        return sco_error_set(err, SCO_E_INVALID, "--sbom wants the path of a file");
    return check_folder(c, c->sbom_file, "SBOM", err);
}

/* A file that is there from before is not this scan's. */
void outputs_say_sbom(const struct cli *c, const struct sco_scan *scan)
{
    const struct sco_scan_sbom *b = &scan->sbom;
    if (!c->sbom || args_has(c, ARG_QUIET))
        return;
    if (!b->path)
        fprintf(stderr, "secureops: there is no SBOM: %s was not written\n", c->sbom_file);
    else
        fprintf(stderr, "secureops: SBOM: %s: CycloneDX %s, %llu component%s%s\n", c->sbom_file,
                b->spec_version, (unsigned long long)b->components, b->components == 1 ? "" : "s",
                b->complete ? "" : ", incomplete");
}
