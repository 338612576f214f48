/* Verdicts as records. */
#include "policies_priv.h"

struct sco_json_out record_begin(struct policies *p)
{
    sco_buf_clear(&p->line);
    struct sco_json_out o = {.b = &p->line};
    sco_json_begin(&o, '{');
    return o;
}

int record_send(struct policies *p, const char *kind)
{
    if (p->line.failed) {
        p->host->incomplete(p->host, SCO_STR("out of memory for a record"));
        return SCO_E_NOMEM;
    }
    return p->host->record(p->host, kind, sco_buf_str(&p->line));
}

void record_texts(struct sco_json_out *o, const char *key, const char *const *list)
{
    sco_json_key(o, key);
    sco_json_begin(o, '[');
    for (; list && *list; list++)
        sco_json_str(o, sco_str_c(*list));
    sco_json_end(o, ']');
}

static void text_or_null(struct sco_json_out *o, const char *key, const char *z)
{
    sco_json_key(o, key);
    if (z)
        sco_json_str(o, sco_str_c(z));
    else
        sco_json_null(o);
}

static void number_or_null(struct sco_json_out *o, const char *key, uint32_t n)
{
    sco_json_key(o, key);
    if (n)
        sco_json_i64(o, n);
    else
        sco_json_null(o);
}

static void write_fix(struct sco_json_out *o, const struct sco_policy_fix *f)
{
    sco_json_key(o, "fix");
    sco_json_begin(o, '{');
    sco_json_ki64(o, "offset", f->pos);
    sco_json_ki64(o, "length", f->end - f->pos);
    sco_json_kz(o, "text", f->text);
    sco_json_end(o, '}');
}

int verdict_record(struct policies *p, const struct sco_verdict *v)
{
    const struct sco_policy *policy = v->policy;
    struct sco_json_out o = record_begin(p);
    sco_json_kz(&o, "policy", policy->id);
    record_texts(&o, "aliases", policy->aliases);
    sco_json_kz(&o, "severity", sco_severity_name(severity_of(p, policy)));
    sco_json_kz(&o, "verdict", sco_verdict_name(v->kind));
    text_or_null(&o, "resource", v->resource ? v->resource->name : NULL);
    text_or_null(&o, "file_path", v->place.file_path);
    number_or_null(&o, "line_number", v->place.line);
    number_or_null(&o, "end_line", v->place.end_line);
    number_or_null(&o, "column", v->place.column);
    text_or_null(&o, "pointer", v->pointer);
    text_or_null(&o, "message", v->message);
    sco_json_kz(&o, "reason", v->reason);
    sco_json_kz(&o, "expires", v->expires);
    sco_json_kz(&o, "digest", policy->digest);
    if (v->fix)
        write_fix(&o, v->fix);
    sco_json_kz(&o, "trace", v->trace);
    if (v->actions) {
        sco_json_key(&o, "actions");
        sco_json_raw(&o, sco_str_c(v->actions));
    }
    if (v->changed) {
        sco_json_key(&o, "changed");
        sco_json_raw(&o, sco_str_c(v->changed));
    }
    sco_json_end(&o, '}');
    return record_send(p, "verdict");
}
