/* GitLab's own reports: security (schema 15, as far as its reports for SAST and secrets share it)
 * and Code Quality. GitLab compares the branches itself, so that they hold what was there before
 * as well; suppressed findings are left out. */
#include "report_priv.h"

#define SCHEMA "15.0.7"
enum { NAME_MAX_ = 255, TEXT_MAX = 64 << 10, SOLUTION_MAX = 7000, LINKS_MAX = 20 };

struct gitlab {
    const struct sco_scan *scan;
    struct sink *s;
    struct sco_json_out o;
    bool secrets;
};

/* Text of at most `max` characters; a character is at least a byte. */
static void put_text(struct sco_json_out *o, const char *key, const char *z, size_t max)
{
    SCO_AUTO(sco_buf) struct sco_buf valid = {0};
    if (!z || !*z)
        return;
    sco_buf_add_utf8(&valid, sco_str_c(z));
    size_t n = valid.n;
    if (n > max)
        for (n = max; n && ((unsigned char)valid.p[n] & 0xC0) == 0x80;)
            n--;
    sco_json_key(o, key);
    sco_json_str(o, sco_str_make(valid.p, n));
    o->b->failed |= valid.failed;
}

/* "2026-11-22T10:00:00": a "Z" at the end is refused. */
static void put_time(struct sco_json_out *o, const char *key, int64_t ms)
{
    char text[SCO_TIME_LEN];
    sco_time_format(ms, text);
    text[19] = 0;
    sco_json_kz(o, key, text);
}

static void put_tool(struct sco_json_out *o, const char *key)
{
    sco_json_key(o, key);
    sco_json_begin(o, '{');
    sco_json_kz(o, "id", "secureops");
    sco_json_kz(o, "name", "SecureOps");
    sco_json_kz(o, "version", SCO_VERSION);
    sco_json_key(o, "vendor");
    sco_json_begin(o, '{');
    sco_json_kz(o, "name", "SecureOps");
    sco_json_end(o, '}');
    sco_json_end(o, '}');
}

/* ---- vulnerabilities ---- */
static const char *name_of(const struct sco_finding *f)
{
    return f->title && *f->title ? f->title : f->rule_id && *f->rule_id ? f->rule_id : "finding";
}

static bool is_web(const char *z)
{
    struct sco_str s = sco_str_c(z);
    return (sco_str_starts(s, "https://") || sco_str_starts(s, "http://")) && !strpbrk(z, " \t\n");
}

static void put_identifier(struct sco_json_out *o, const char *type, const char *name,
                           const char *value)
{
    sco_json_begin(o, '{');
    put_text(o, "type", type, NAME_MAX_);
    put_text(o, "name", name, NAME_MAX_);
    put_text(o, "value", value, NAME_MAX_);
    sco_json_end(o, '}');
}

/* The first is what GitLab tells findings apart by. */
static void put_identifiers(struct sco_json_out *o, const struct sco_finding *f)
{
    SCO_AUTO(sco_buf) struct sco_buf type = {0}, name = {0};
    sco_json_key(o, "identifiers");
    sco_json_begin(o, '[');
    for (uint32_t i = 0; f->tools && i < f->tools->n; i++) {
        const struct sco_tool *t = f->tools->v[i];
        const char *tool = t->name && *t->name ? t->name : "unknown";
        const char *rule = t->rule_id && *t->rule_id ? t->rule_id : "unknown";
        buf_restart(&type, o->b);
        buf_restart(&name, o->b);
        for (const char *p = tool; *p; p++)
            sco_buf_addc(&type, *p >= 'A' && *p <= 'Z' ? (char)(*p + 32) : *p == ' ' ? '_' : *p);
        sco_buf_addz(&type, "_rule_id");
        sco_buf_addf(&name, "%s %s", tool, rule);
        put_identifier(o, sco_buf_z(&type), sco_buf_z(&name), rule);
    }
    if (!f->tools || !f->tools->n)
        put_identifier(o, "secureops_rule_id", f->rule_id ? f->rule_id : "unknown",
                       f->rule_id ? f->rule_id : "unknown");
    if (f->cve_id)
        put_identifier(o, "cve", f->cve_id, f->cve_id);
    for (uint32_t i = 0; f->cwe_ids && i < f->cwe_ids->n; i++)
        if (strncmp(f->cwe_ids->v[i], "CWE-", 4) == 0)
            put_identifier(o, "cwe", f->cwe_ids->v[i], f->cwe_ids->v[i] + 4);
    sco_json_end(o, ']');
    o->b->failed |= type.failed || name.failed;
}

static void put_location(struct gitlab *g, const struct sco_finding *f)
{
    struct sco_json_out *o = &g->o;
    const char *commit = f->commit ? f->commit : g->scan->commit_sha;
    sco_json_key(o, "location");
    sco_json_begin(o, '{');
    sco_json_kz(o, "file", f->file_path);
    if (f->line > 0) {
        sco_json_ki64(o, "start_line", f->line);
        sco_json_ki64(o, "end_line", f->end_line > f->line ? f->end_line : f->line);
    }
    if (g->secrets) {
        sco_json_key(o, "commit");
        sco_json_begin(o, '{');
        sco_json_kz(o, "sha", commit ? commit : "0000000");
        sco_json_end(o, '}');
    }
    sco_json_end(o, '}');
}

static void put_links(struct sco_json_out *o, const struct sco_finding *f)
{
    uint32_t n = 0;
    for (uint32_t i = 0; f->references && i < f->references->n && n < LINKS_MAX; i++) {
        if (!is_web(f->references->v[i]))
            continue;
        if (!n++) {
            sco_json_key(o, "links");
            sco_json_begin(o, '[');
        }
        sco_json_begin(o, '{');
        sco_json_kz(o, "url", f->references->v[i]);
        sco_json_end(o, '}');
    }
    if (n)
        sco_json_end(o, ']');
}

static void put_vulnerability(struct gitlab *g, const struct sco_finding *f)
{
    static const char *const severities[SCO_SEV_MAX_] = {
        [SCO_SEV_INFO] = "Info", [SCO_SEV_LOW] = "Low",           [SCO_SEV_MEDIUM] = "Medium",
        [SCO_SEV_HIGH] = "High", [SCO_SEV_CRITICAL] = "Critical",
    };
    struct sco_json_out *o = &g->o;
    char hex[65];
    sco_fingerprint_hex(f->fingerprint, hex);
    sco_json_begin(o, '{');
    sco_json_kz(o, "id", hex);
    put_text(o, "name", name_of(f), NAME_MAX_);
    put_text(o, "description", f->description, TEXT_MAX);
    const char *severity = f->severity < SCO_SEV_MAX_ ? severities[f->severity] : NULL;
    sco_json_kz(o, "severity", severity ? severity : "Unknown");
    put_text(o, "solution", f->remediation, SOLUTION_MAX);
    put_identifiers(o, f);
    put_location(g, f);
    put_links(o, f);
    sco_json_end(o, '}');
}

/* ---- the security report ---- */
static bool belongs(const struct gitlab *g, const struct sco_finding *f)
{
    bool type = g->secrets ? f->type == SCO_TYPE_SECRET
                           : f->type == SCO_TYPE_SAST || f->type == SCO_TYPE_IAC;
    return type && f->file_path && *f->file_path && !sco_finding_is_suppressed(f);
}

/* What did not end is told: the report has no findings of it, and that is not "none". */
static void put_messages(struct gitlab *g)
{
    struct sco_json_out *o = &g->o;
    SCO_AUTO(sco_buf) struct sco_buf text = {0};
    size_t n = 0;
    for (size_t i = 0; i < g->scan->n_runs; i++) {
        const struct sco_scanner_run *r = &g->scan->runs[i];
        if (!r->counts || run_is_complete(r))
            continue;
        if (!n++) {
            sco_json_key(o, "messages");
            sco_json_begin(o, '[');
        }
        buf_restart(&text, o->b);
        sco_buf_addf(&text, "%s: %s%s%s", run_title(r), sco_run_status_name(r->status),
                     r->reason ? ": " : "", r->reason ? r->reason : "");
        sco_json_begin(o, '{');
        sco_json_kz(o, "level", "fatal");
        put_text(o, "value", sco_buf_z(&text), TEXT_MAX);
        sco_json_end(o, '}');
    }
    if (n)
        sco_json_end(o, ']');
    o->b->failed |= text.failed;
}

static void put_scan(struct gitlab *g)
{
    struct sco_json_out *o = &g->o;
    sco_json_key(o, "scan");
    sco_json_begin(o, '{');
    put_tool(o, "analyzer");
    put_tool(o, "scanner");
    sco_json_kz(o, "type", g->secrets ? "secret_detection" : "sast");
    put_time(o, "start_time", g->scan->started_ms);
    put_time(o, "end_time", g->scan->completed_ms);
    sco_json_kz(o, "status",
                strcmp(scan_status(g->scan), "completed") == 0 ? "success" : "failure");
    put_messages(g);
    sco_json_end(o, '}');
}

static void new_line(struct sco_json_out *o)
{
    sco_buf_addz(o->b, o->comma ? ",\n" : "\n");
    o->comma = false;
}

int gitlab_security_write(const struct sco_scan *scan, bool secrets, struct sink *s,
                          struct sco_error *err)
{
    struct gitlab g = {.scan = scan, .s = s, .o = {.b = &s->b}, .secrets = secrets};
    (void)err;
    sco_json_begin(&g.o, '{');
    sco_json_kz(&g.o, "version", SCHEMA);
    put_scan(&g);
    sco_json_key(&g.o, "vulnerabilities");
    sco_json_begin(&g.o, '[');
    for (size_t i = 0; i < scan->findings.n && sink_more(s); i++)
        if (belongs(&g, &scan->findings.v[i])) {
            new_line(&g.o);
            put_vulnerability(&g, &scan->findings.v[i]);
        }
    sco_buf_addc(&s->b, '\n');
    sco_json_end(&g.o, ']');
    sco_json_end(&g.o, '}');
    sco_buf_addc(&s->b, '\n');
    return 0;
}

/* ---- Code Quality ---- */
static void put_issue(struct sco_json_out *o, const struct sco_finding *f)
{
    static const char *const severities[SCO_SEV_MAX_] = {
        [SCO_SEV_INFO] = "info",     [SCO_SEV_LOW] = "minor",        [SCO_SEV_MEDIUM] = "major",
        [SCO_SEV_HIGH] = "critical", [SCO_SEV_CRITICAL] = "blocker",
    };
    char hex[65];
    const char *severity = f->severity < SCO_SEV_MAX_ ? severities[f->severity] : NULL;
    sco_fingerprint_hex(f->fingerprint, hex);
    sco_json_begin(o, '{');
    put_text(o, "description", name_of(f), TEXT_MAX);
    put_text(o, "check_name", f->rule_id && *f->rule_id ? f->rule_id : "unknown", NAME_MAX_);
    sco_json_kz(o, "fingerprint", hex);
    sco_json_kz(o, "severity", severity ? severity : "info");
    sco_json_key(o, "location");
    sco_json_begin(o, '{');
    sco_json_kz(o, "path", f->file_path);
    sco_json_key(o, "lines");
    sco_json_begin(o, '{');
    sco_json_ki64(o, "begin", f->line > 0 ? f->line : 1);
    if (f->end_line > f->line)
        sco_json_ki64(o, "end", f->end_line);
    sco_json_end(o, '}');
    sco_json_end(o, '}');
    sco_json_end(o, '}');
}

int gitlab_quality_write(const struct sco_scan *scan, struct sink *s, struct sco_error *err)
{
    struct sco_json_out o = {.b = &s->b};
    (void)err;
    sco_json_begin(&o, '[');
    for (size_t i = 0; i < scan->findings.n && sink_more(s); i++) {
        const struct sco_finding *f = &scan->findings.v[i];
        if (!f->file_path || !*f->file_path || sco_finding_is_suppressed(f))
            continue;
        new_line(&o);
        put_issue(&o, f);
    }
    sco_buf_addc(&s->b, '\n');
    sco_json_end(&o, ']');
    sco_buf_addc(&s->b, '\n');
    return 0;
}
