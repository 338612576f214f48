/* secureops doctor: what is installed, in which version, what is missing and how to get it. */
#include "cli_priv.h"

static const char *status_of(const struct sco_plugin_info *p)
{
    return p->error               ? "broken"
           : !p->scanner.programs ? "built in"
           : p->program           ? "ready"
                                  : "missing";
}

static void row_json(const struct sco_plugin_info *p, const struct sco_program_facts *f,
                     struct sco_json_out *o)
{
    sco_json_begin(o, '{');
    sco_json_kz(o, "name", p->name);
    sco_json_kz(o, "status", status_of(p));
    sco_json_kz(o, "version", f->version);
    sco_json_kz(o, "program", p->program);
    sco_json_kz(o, "error", p->error);
    sco_json_kz(o, "install", p->scanner.install);
    sco_json_key(o, "notes");
    sco_json_begin(o, '[');
    for (const char *const *n = f->notes; n && *n; n++)
        sco_json_str(o, sco_str_c(*n));
    sco_json_end(o, ']');
    sco_json_end(o, '}');
}

static void row_text(const struct sco_plugin_info *p, const struct sco_program_facts *f)
{
    SCO_AUTO(sco_buf) struct sco_buf what = {0};
    if (p->error)
        sco_buf_add_printable(&what, sco_str_c(p->error));
    else if (p->program)
        sco_buf_add_printable(&what, sco_str_c(p->program));
    else if (p->scanner.programs && p->scanner.install)
        sco_buf_add_printable(&what, sco_str_c(p->scanner.install));
    printf("%-18s %-9s %-12s %s\n", p->name, status_of(p), f->version ? f->version : "-",
           sco_buf_z(&what));
    for (const char *const *n = f->notes; n && *n; n++) {
        sco_buf_clear(&what);
        sco_buf_add_printable(&what, sco_str_c(*n));
        printf("%-18s %s\n", "", sco_buf_z(&what));
    }
    fflush(stdout);
}

static void row(struct cli *c, const struct sco_plugin_info *p, struct sco_json_out *json)
{
    struct sco_program_facts f = {0};
    struct sco_error err = {0};
    const char *sorry[] = {err.text, NULL};
    if (p->program && sco_engine_inspect(c->engine, p, &f, &err) < 0)
        f.notes = sorry;
    if (json)
        row_json(p, &f, json);
    else
        row_text(p, &f);
    sco_program_facts_done(&f);
}

int cmd_doctor(struct cli *c)
{
    struct sco_error err = {0};
    const struct sco_plugins *p = NULL;
    bool json = false, broken = false;
    int r = args_want_json(c, &json, &err);
    if (r == 0)
        r = context_plugins(c, &p, &err);
    if (r < 0 || !p)
        return context_fail(&err);
    const char *sandbox = sco_engine_sandbox(c->engine);
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_json_out o = {.b = &b, .pretty = true};
    if (json) {
        sco_json_begin(&o, '{');
        sco_json_kz(&o, "version", SCO_VERSION);
        sco_json_kz(&o, "worker", c->worker);
        sco_json_kz(&o, "cache_dir", c->cache_dir);
        sco_json_kz(&o, "sandbox", sandbox ? sandbox : "unknown");
        sco_json_key(&o, "scanners");
        sco_json_begin(&o, '[');
    } else {
        printf("secureops %s\nworker    %s\ncache     %s\nsandbox   %s\n", SCO_VERSION, c->worker,
               c->cache_dir, sandbox ? sandbox : "unknown");
        for (const char *const *f = c->config->files; *f; f++)
            printf("config    %s\n", *f);
        printf("\n%-18s %-9s %-12s %s\n", "SCANNER", "STATUS", "VERSION",
               "PROGRAM, OR HOW TO GET IT");
    }
    for (size_t i = 0; i < p->n && !sco_engine_cancelled(c->engine); i++) {
        row(c, &p->v[i], json ? &o : NULL);
        broken |= p->v[i].error != NULL;
    }
    if (sco_engine_cancelled(c->engine)) {
        sco_error_set(&err, SCO_E_CANCELLED, "cancelled");
        return context_fail(&err);
    }
    if (json) {
        sco_json_end(&o, ']');
        sco_json_end(&o, '}');
        printf("%s\n", sco_buf_z(&b));
    }
    return broken ? EXIT_INCOMPLETE : EXIT_PASSED;
}
