/* secureops doctor: what is installed, in which version, what is missing and how to get it. */
#include "cli_priv.h"

static void row(struct cli *c, const struct sco_plugin_info *p, struct sco_json_out *json)
{
    const char *status = p->error               ? "broken"
                         : !p->scanner.programs ? "built in"
                         : p->program           ? "ready"
                                                : "missing";
    SCO_AUTO(sco_free) char *version = p->program ? sco_engine_program_version(c->engine, p) : NULL;
    SCO_AUTO(sco_buf) struct sco_buf note = {0};
    if (p->error)
        sco_buf_add_printable(&note, sco_str_c(p->error));
    else if (p->program)
        sco_buf_addz(&note, p->program);
    else if (p->scanner.programs && p->scanner.install)
        sco_buf_addz(&note, p->scanner.install);
    if (json) {
        sco_json_begin(json, '{');
        sco_json_kz(json, "name", p->name);
        sco_json_kz(json, "status", status);
        sco_json_kz(json, "version", version);
        sco_json_kz(json, "program", p->program);
        sco_json_kz(json, "error", p->error);
        sco_json_kz(json, "install", p->scanner.install);
        sco_json_end(json, '}');
        return;
    }
    printf("%-18s %-9s %-12s %s\n", p->name, status, version ? version : "-", sco_buf_z(&note));
    fflush(stdout);
}

int cmd_doctor(struct cli *c)
{
    struct sco_error err = {0};
    const struct sco_plugins *p;
    bool json = false, broken = false;
    int r = args_want_json(c, &json, &err);
    if (r == 0)
        r = context_load_config(c, &err);
    if (r == 0)
        r = context_open_engine(c, &err);
    if (r == 0)
        r = sco_engine_plugins(c->engine, &p, &err);
    if (r < 0)
        return context_fail(&err);
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_json_out o = {.b = &b, .pretty = true};
    if (json) {
        sco_json_begin(&o, '{');
        sco_json_kz(&o, "version", SCO_VERSION);
        sco_json_kz(&o, "worker", c->worker);
        sco_json_kz(&o, "cache_dir", c->cache_dir);
        sco_json_key(&o, "scanners");
        sco_json_begin(&o, '[');
    } else {
        printf("secureops %s\nworker    %s\ncache     %s\n", SCO_VERSION, c->worker, c->cache_dir);
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
