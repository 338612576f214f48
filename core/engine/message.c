/* The JOB message for a worker (ipc.h) and the environment of a scanner's program. */
#include "engine_priv.h"

static void add_texts(struct sco_json_out *o, const char *key, const char *const *v, size_t n)
{
    sco_json_key(o, key);
    sco_json_begin(o, '[');
    for (size_t i = 0; i < n && v && v[i]; i++)
        sco_json_str(o, sco_str_c(v[i]));
    sco_json_end(o, ']');
}

/* What a scanner's program finds in its environment: nothing of ours but what it needs to reach
 * the network through a proxy. Its HOME is its own cache folder. */
static void add_environment(struct sco_json_out *o, const struct message *m)
{
    static const char *const network[] = {"HTTP_PROXY",    "HTTPS_PROXY",  "NO_PROXY",
                                          "http_proxy",    "https_proxy",  "no_proxy",
                                          "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"};
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    sco_json_key(o, "env");
    sco_json_begin(o, '{');
    sco_buf_addf(&b, "%s:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                 m->engine->o.tools_path);
    sco_json_kz(o, "PATH", sco_buf_z(&b));
    sco_buf_clear(&b);
    sco_buf_addf(&b, "%s/home", m->cache_dir);
    sco_json_kz(o, "HOME", sco_buf_z(&b));
    sco_buf_clear(&b);
    sco_buf_addf(&b, "%s/tmp", m->work_dir);
    sco_json_kz(o, "TMPDIR", sco_buf_z(&b));
    sco_json_kz(o, "LANG", "C.UTF-8");
    sco_json_kz(o, "LC_ALL", "C.UTF-8");
    sco_json_kz(o, "TERM", "dumb");
    sco_json_kz(o, "NO_COLOR", "1");
    sco_json_kz(o, "PYTHONDONTWRITEBYTECODE", "1");
    sco_json_kz(o, "JAVA_HOME", getenv("JAVA_HOME"));
    for (size_t i = 0; i < SCO_ARRAY_LEN(network) && !m->engine->o.offline; i++)
        sco_json_kz(o, network[i], getenv(network[i]));
    sco_json_end(o, '}');
}

static void add_limits(struct sco_json_out *o, const struct message *m)
{
    const struct sco_engine_options *opt = &m->engine->o;
    sco_json_key(o, "limits");
    sco_json_begin(o, '{');
    sco_json_ki64(o, "findings", (int64_t)(opt->max_findings ? opt->max_findings : 5000000));
    sco_json_ki64(o, "output", (int64_t)(opt->output_limit ? opt->output_limit : 1ull << 30));
    sco_json_ki64(o, "memory", (int64_t)opt->memory_limit);
    sco_json_end(o, '}');
    const char *write[] = {m->work_dir, m->cache_dir, NULL};
    sco_json_key(o, "sandbox");
    sco_json_begin(o, '{');
    sco_json_kbool(o, "landlock", !opt->no_sandbox);
    sco_json_kbool(o, "seccomp", !opt->no_sandbox);
    add_texts(o, "write", write, SIZE_MAX);
    sco_json_end(o, '}');
}

static void add_target(struct sco_json_out *o, const struct message *m)
{
    sco_json_key(o, "target");
    sco_json_begin(o, '{');
    sco_json_kz(o, "kind", sco_target_name(m->target_kind));
    sco_json_kz(o, "path", m->target->path);
    sco_json_end(o, '}');
    sco_json_kz(o, "root", m->target->root);
    add_texts(o, "excludes", m->target->excludes, SIZE_MAX);
    add_texts(o, "files", m->files, m->n_files);
}

static void add_descriptors(struct sco_json_out *o, const struct message *m)
{
    bool any = false;
    for (size_t i = 0; i < m->n_plugins && m->descriptors; i++)
        any |= m->descriptors[i] != NULL;
    if (!any)
        return;
    sco_json_key(o, "descriptors");
    sco_json_begin(o, '[');
    for (size_t i = 0; i < m->n_plugins; i++) {
        if (m->descriptors[i])
            sco_json_str(o, sco_str_c(m->descriptors[i]));
        else
            sco_json_null(o);
    }
    sco_json_end(o, ']');
}

int message_write(const struct message *m, struct sco_buf *out, struct sco_error *err)
{
    struct sco_json_out o = {.b = out};
    sco_json_begin(&o, '{');
    sco_json_kz(&o, "kind", m->kind);
    add_texts(&o, "plugins", m->plugins, m->n_plugins);
    add_descriptors(&o, m);
    sco_json_key(&o, "options");
    sco_json_raw(&o, m->options.n ? m->options : SCO_STR("{}"));
    if (m->target)
        add_target(&o, m);
    sco_json_kz(&o, "input", m->input);
    if (!m->target)
        sco_json_kz(&o, "root", m->root);
    sco_json_kz(&o, "format", m->format);
    sco_json_kz(&o, "program", m->program);
    sco_json_kz(&o, "version", m->version);
    sco_json_kstr(&o, "request", m->request);
    sco_json_kz(&o, "work_dir", m->work_dir);
    sco_json_kz(&o, "cache_dir", m->cache_dir);
    sco_json_kbool(&o, "offline", m->engine->o.offline);
    sco_json_ki64(&o, "cpus", m->cpus);
    sco_json_ki64(&o, "timeout_ms", m->timeout_ms);
    sco_json_kz(&o, "digest_key", m->engine->o.digest_key);
    add_limits(&o, m);
    add_environment(&o, m);
    sco_json_end(&o, '}');
    return sco_buf_check(out, err);
}
