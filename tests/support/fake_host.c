/* See fake_host.h. */
#include "fake_host.h"

#include <secureops/fs.h>
#include <secureops/xml.h>

#include <stdlib.h>
#include <unistd.h>

static struct fake_host *of(const struct sco_host *h)
{
    return h->impl;
}

static void fault(struct fake_host *fh, const char *text)
{
    if (!fh->broken)
        snprintf(fh->fault, sizeof fh->fault, "%s", text);
    fh->broken = true;
}

/* ---- documents ------------------------------------------------------------------------------- */

static int data_open(const struct sco_host *h, const char *path, struct sco_reader **ret,
                     struct sco_errbuf *e)
{
    struct sco_error err = {0};
    (void)h;
    return sco_error_to_errbuf(&err, sco_reader_open(path, ret, &err), e);
}

static int data_open_mem(const struct sco_host *h, struct sco_str text, struct sco_reader **ret,
                         struct sco_errbuf *e)
{
    struct sco_error err = {0};
    (void)h;
    return sco_error_to_errbuf(&err, sco_reader_open_mem(text, ret, &err), e);
}

static void data_close(struct sco_reader *r)
{
    sco_reader_close(r);
}

static int data_read(struct sco_reader *r, const char *const *deferred, const struct sco_node **ret,
                     struct sco_errbuf *e)
{
    struct sco_error err = {0};
    int rc = sco_reader_read(r, deferred, ret, &err);
    return rc < 0 ? sco_error_to_errbuf(&err, rc, e) : rc;
}

static int data_iter_open(struct sco_reader *r, const struct sco_node *node, struct sco_iter **ret,
                          struct sco_errbuf *e)
{
    struct sco_error err = {0};
    return sco_error_to_errbuf(&err, sco_iter_open(r, node, ret, &err), e);
}

static int data_iter_next(struct sco_iter *it, const char *const *deferred,
                          const struct sco_node **ret, struct sco_errbuf *e)
{
    struct sco_error err = {0};
    int rc = sco_iter_next(it, deferred, ret, &err);
    return rc < 0 ? sco_error_to_errbuf(&err, rc, e) : rc;
}

static int data_read_xml(const struct sco_host *h, const char *path, const char *const *records,
                         sco_xml_record_fn fn, void *user, struct sco_errbuf *e)
{
    struct sco_error err = {0};
    (void)h;
    int rc = sco_xml_module_v1()->read(path, records, fn, user, &err);
    return err.text[0] ? sco_error_to_errbuf(&err, rc, e) : rc;
}

/* ---- copies ---------------------------------------------------------------------------------- */

static void copy_str(struct fake_host *fh, struct sco_str *s)
{
    if (s->n && !s->p)
        fault(fh, "a string without memory");
    else if (s->p)
        *s = sco_arena_str(&fh->arena, *s);
}

static void copy_list(struct fake_host *fh, struct sco_str_list *l)
{
    if (!l->n)
        return;
    struct sco_str *v = sco_arena_alloc(&fh->arena, l->n * sizeof *v);
    for (size_t i = 0; v && i < l->n; i++) {
        v[i] = l->v[i];
        copy_str(fh, &v[i]);
    }
    l->v = v;
}

static void copy_rows(struct fake_host *fh, struct sco_report_finding *f)
{
    struct sco_location *l = sco_arena_alloc(&fh->arena, (f->n_locations + 1) * sizeof *l);
    struct sco_suppression *s = sco_arena_alloc(&fh->arena, (f->n_suppressions + 1) * sizeof *s);
    struct sco_pair *m = sco_arena_alloc(&fh->arena, (f->n_metadata + 1) * sizeof *m);
    if (!l || !s || !m)
        return;
    for (size_t i = 0; i < f->n_locations; i++) {
        l[i] = f->locations[i];
        copy_str(fh, &l[i].file_path);
        copy_str(fh, &l[i].resource);
    }
    for (size_t i = 0; i < f->n_suppressions; i++) {
        s[i] = f->suppressions[i];
        copy_str(fh, &s[i].reason);
        copy_str(fh, &s[i].expires);
    }
    for (size_t i = 0; i < f->n_metadata; i++) {
        m[i] = f->metadata[i];
        copy_str(fh, &m[i].key);
        copy_str(fh, &m[i].value);
    }
    f->locations = l;
    f->suppressions = s;
    f->metadata = m;
}

static void copy_finding(struct fake_host *fh, struct sco_report_finding *f)
{
    struct sco_str *const strings[] = {
        &f->severity_text,   &f->rule_id,   &f->title,     &f->description,
        &f->remediation,     &f->file_path, &f->resource,  &f->parameter,
        &f->snippet,         &f->stable_id, &f->secret,    &f->package_name,
        &f->package_version, &f->ecosystem, &f->purl,      &f->fixed_version,
        &f->cvss_vector,     &f->commit,    &f->tool_name, &f->tool_version};
    for (size_t i = 0; i < SCO_ARRAY_LEN(strings); i++)
        copy_str(fh, strings[i]);
    copy_list(fh, &f->ids);
    copy_list(fh, &f->cwes);
    copy_list(fh, &f->references);
    copy_rows(fh, f);
}

/* ---- host ------------------------------------------------------------------------------------ */

static void check_finding(struct fake_host *fh, const struct sco_report_finding *f)
{
    if (f->struct_size != sizeof *f)
        fault(fh, "a finding without its size");
    if (f->type < SCO_TYPE_SAST || f->type > SCO_TYPE_QUALITY)
        fault(fh, "a finding without a type");
    if (!f->rule_id.n)
        fault(fh, "a finding without a rule");
    if (f->severity > SCO_SEV_CRITICAL)
        fault(fh, "a severity that does not exist");
    if (f->line < 0 || f->end_line < 0 || f->column < 0 || f->end_column < 0)
        fault(fh, "a negative line or column");
    if (!(f->cvss_score >= 0 && f->cvss_score <= 10) || !(f->epss >= 0 && f->epss <= 1))
        fault(fh, "a score out of its range");
}

static int host_emit(const struct sco_host *h, const struct sco_report_finding *f)
{
    struct fake_host *fh = of(h);
    int rc = fh->limit && fh->emitted >= fh->limit ? SCO_E_LIMIT : 0;
    check_finding(fh, f);
    fh->emitted++;
    if (rc == 0 && fh->check)
        rc = fh->check(fh, f);
    if (rc == 0 && fh->keep && SCO_VEC_PUSH(fh->v, fh->n, fh->cap) == 0) {
        fh->v[fh->n].f = *f;
        copy_finding(fh, &fh->v[fh->n++].f);
    }
    sco_arena_reset(&fh->tmp);
    return rc;
}

static void add_line(struct sco_buf *b, struct sco_str s)
{
    sco_buf_add_printable(b, s);
    sco_buf_addc(b, '\n');
}

static int host_tool(const struct sco_host *h, struct sco_str name, struct sco_str version)
{
    struct fake_host *fh = of(h);
    sco_buf_addf(&fh->tools, "%.*s ", SCO_STR_ARG(name));
    add_line(&fh->tools, version);
    return 0;
}

static void host_incomplete(const struct sco_host *h, struct sco_str reason)
{
    struct fake_host *fh = of(h);
    fh->n_incomplete++;
    if (!reason.n)
        fault(fh, "incomplete without a reason");
    add_line(&fh->incompletes, reason);
}

static void host_log(const struct sco_host *h, uint32_t level, struct sco_str text)
{
    sco_buf_addf(&of(h)->logs, "%u ", level);
    add_line(&of(h)->logs, text);
}

static void host_progress(const struct sco_host *h, uint64_t done, uint64_t total,
                          struct sco_str what)
{
    (void)h;
    (void)done;
    (void)total;
    (void)what;
}

static int host_cancelled(const struct sco_host *h)
{
    return of(h)->cancelled;
}

static int host_run(const struct sco_host *h, const struct sco_command *c,
                    struct sco_command_result *r, struct sco_errbuf *e)
{
    struct fake_host *fh = of(h);
    return fh->run ? fh->run(fh, c, r, e) : sco_errf(e, SCO_E_UNSUPPORTED, "no programs here");
}

static int host_http(const struct sco_host *h, const struct sco_http_request *q,
                     struct sco_http_response *r, struct sco_errbuf *e)
{
    struct fake_host *fh = of(h);
    return fh->http ? fh->http(fh, q, r, e) : sco_errf(e, SCO_E_UNSUPPORTED, "no network here");
}

static void *host_alloc(const struct sco_host *h, size_t n)
{
    return sco_arena_alloc(&of(h)->arena, n);
}

static void *host_tmp(const struct sco_host *h, size_t n)
{
    return sco_arena_alloc(&of(h)->tmp, n);
}

static int host_record(const struct sco_host *h, const char *kind, struct sco_str json)
{
    struct fake_host *fh = of(h);
    if (!kind || !*kind || !json.n || memchr(json.p, '\n', json.n))
        fault(fh, "a record without kind or text, or with a line break");
    sco_buf_addf(&fh->records, "%s %.*s\n", kind ? kind : "", SCO_STR_ARG(json));
    return fh->records.failed ? SCO_E_NOMEM : 0;
}

static int64_t host_now(const struct sco_host *h)
{
    return of(h)->now ? of(h)->now : sco_now_ms();
}

/* For core/host/crypto.c, which is compiled in: the module without loading it. */
extern const struct sco_crypto_api host_crypto_api;
int host_sign(const struct sco_sign_module **ret, struct sco_error *err);

int host_sign(const struct sco_sign_module **ret, struct sco_error *err)
{
    (void)err;
    *ret = sco_sign_module_v1();
    return 0;
}

struct fake_host *fake_host_new(void)
{
    struct fake_host *fh = sco_alloc(1, sizeof *fh);
    if (!fh)
        abort();
    fh->data = (struct sco_data_api){.struct_size = sizeof fh->data,
                                     .open = data_open,
                                     .open_mem = data_open_mem,
                                     .close = data_close,
                                     .read = data_read,
                                     .iter_open = data_iter_open,
                                     .iter_next = data_iter_next,
                                     .iter_close = sco_iter_close,
                                     .read_xml = data_read_xml};
    fh->h = (struct sco_host){.struct_size = sizeof fh->h,
                              .abi_major = SCO_ABI_MAJOR,
                              .abi_minor = SCO_ABI_MINOR,
                              .impl = fh,
                              .data = &fh->data,
                              .log = host_log,
                              .emit = host_emit,
                              .tool = host_tool,
                              .incomplete = host_incomplete,
                              .progress = host_progress,
                              .cancelled = host_cancelled,
                              .run = host_run,
                              .http = host_http,
                              .alloc = host_alloc,
                              .tmp = host_tmp,
                              .record = host_record,
                              .crypto = &host_crypto_api,
                              .now = host_now};
    fh->e = (struct sco_errbuf){sizeof fh->e, sizeof fh->error, fh->error};
    fh->keep = true;
    return fh;
}

struct fake_host *fake_host_free(struct fake_host *fh)
{
    if (!fh)
        return NULL;
    if (fh->plugin && fh->plugin->close)
        fh->plugin->close(fh->ctx);
    free(fh->v);
    sco_buf_done(&fh->incompletes);
    sco_buf_done(&fh->logs);
    sco_buf_done(&fh->tools);
    sco_buf_done(&fh->records);
    sco_arena_done(&fh->arena);
    sco_arena_done(&fh->tmp);
    free(fh->ctx);
    free(fh);
    return NULL;
}

/* ---- options --------------------------------------------------------------------------------- */

static int set_list(struct fake_host *fh, struct sco_str_list *l, struct sco_str text)
{
    struct sco_str rest = text, part;
    struct sco_str *v = sco_arena_alloc(&fh->arena, 16 * sizeof *v);
    if (!v)
        return SCO_E_NOMEM;
    l->v = v;
    l->n = 0;
    while (text.n && l->n < 16 && sco_str_split(&rest, ',', &part))
        v[l->n++] = sco_arena_str(&fh->arena, part);
    return 0;
}

static int set_option(struct fake_host *fh, const struct sco_option *o, const char *value)
{
    char *field = (char *)fh->ctx + o->offset;
    struct sco_str s = sco_str_c(value);
    bool b = false;
    int rc = 0;
    switch (o->type) {
    case SCO_OPT_BOOL:
        rc = sco_parse_bool(s, &b);
        *(int64_t *)(void *)field = b;
        return rc;
    case SCO_OPT_INT:
        return sco_parse_i64(s, o->min || o->max ? o->min : INT64_MIN,
                             o->min || o->max ? o->max : INT64_MAX, (int64_t *)(void *)field);
    case SCO_OPT_DURATION:
        return sco_parse_duration(s, (int64_t *)(void *)field);
    case SCO_OPT_SIZE:
        return sco_parse_size(s, (int64_t *)(void *)field);
    case SCO_OPT_REAL:
        return sco_parse_real(s, (double *)(void *)field);
    case SCO_OPT_LIST:
        return set_list(fh, (struct sco_str_list *)(void *)field, s);
    default:
        *(struct sco_str *)(void *)field = sco_arena_str(&fh->arena, s);
        return 0;
    }
}

int fake_host_open(struct fake_host *fh, const struct sco_plugin *plugin,
                   const char *const *options)
{
    if (!(fh->ctx = sco_alloc(1, plugin->ctx_size + 16)))
        return SCO_E_NOMEM;
    for (const struct sco_option *o = plugin->options; o && o->name; o++)
        if (o->def && set_option(fh, o, o->def) < 0)
            return SCO_E_INVALID;
    for (; options && options[0]; options += 2) {
        const struct sco_option *o = plugin->options;
        while (o && o->name && strcmp(o->name, options[0]) != 0)
            o++;
        if (!o || !o->name || set_option(fh, o, options[1]) < 0)
            return SCO_E_INVALID;
    }
    fh->plugin = plugin;
    return plugin->open ? plugin->open(fh->ctx, &fh->h, &fh->e) : 0;
}

/* ---- calls ----------------------------------------------------------------------------------- */

int fake_host_parse(struct fake_host *fh, const char *path, const char *root)
{
    struct sco_input in = {.struct_size = sizeof in, .path = path, .root = root};
    fh->error[0] = 0;
    return fh->plugin->scanner->parse(fh->ctx, &in, &fh->e);
}

int fake_host_parse_text(struct fake_host *fh, const char *text, size_t n)
{
    char path[] = "/tmp/secureops-test-XXXXXX";
    int fd = mkstemp(path);
    if (fd < 0)
        return SCO_E_IO;
    int rc = sco_fs_write_all(fd, sco_str_make(text, n));
    close(fd);
    if (rc == 0)
        rc = fake_host_parse(fh, path, NULL);
    unlink(path);
    return rc;
}

uint32_t fake_host_sniff(struct fake_host *fh, const char *path)
{
    struct sco_buf b = {0};
    struct sco_error err;
    if (sco_fs_read(path, 1u << 30, &b, &err) < 0)
        return 0;
    struct sco_str head = sco_str_make(b.p, b.n > 1u << 20 ? 1u << 20 : b.n);
    struct sco_str name = sco_path_base(sco_str_c(path));
    struct sco_str start = sco_str_trim(head);
    bool json = start.n && (start.p[0] == '{' || start.p[0] == '[');
    bool xml = start.n && start.p[0] == '<';
    const struct sco_node *root = json ? sco_json_parse_head(head, &fh->arena) : NULL;
    if (xml && sco_xml_module_v1()->head(head, &fh->arena, &root) < 1)
        xml = false;
    struct sco_probe p = {.struct_size = sizeof p,
                          .format = !start.n ? SCO_PROBE_EMPTY
                                    : json   ? SCO_PROBE_JSON
                                    : xml    ? SCO_PROBE_XML
                                             : SCO_PROBE_TEXT,
                          .file_name = name.p,
                          .head = head,
                          .root = root};
    uint32_t score = fh->plugin->scanner->sniff(&p);
    sco_buf_done(&b);
    return score;
}

/* ---- asserts --------------------------------------------------------------------------------- */

struct sco_str fake_meta(const struct fake_host *fh, size_t i, const char *key)
{
    const struct sco_report_finding *f = i < fh->n ? &fh->v[i].f : NULL;
    for (size_t k = 0; f && k < f->n_metadata; k++)
        if (sco_str_is(f->metadata[k].key, key))
            return f->metadata[k].value;
    return sco_str_make(NULL, 0);
}

size_t fake_count_severity(const struct fake_host *fh, uint32_t severity)
{
    size_t n = 0;
    for (size_t i = 0; i < fh->n; i++)
        n += fh->v[i].f.severity == severity;
    return n;
}
