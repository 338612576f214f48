/* One reported finding to its normal form. The parts are in encoder_*.c. */
#include "encoder_priv.h"

#include <stdlib.h>

struct sco_encoder *sco_encoder_new(const struct sco_encoder_options *o)
{
    struct sco_encoder *e = sco_alloc(1, sizeof *e);
    if (!e)
        return NULL;
    e->sha = sco_sha256_new();
    e->root = o->root ? sco_strdup(sco_str_c(o->root)) : NULL;
    e->read_sources = o->read_sources;
    sco_buf_add(&e->digest_key, o->digest_key);
    if (!e->sha || (o->root && !e->root) || e->digest_key.failed ||
        sco_encoder_tool(e, sco_str_c(o->tool_name), sco_str_c(o->tool_version)) < 0)
        return sco_encoder_free(e);
    return e;
}

struct sco_encoder *sco_encoder_free(struct sco_encoder *e)
{
    if (e) {
        free(e->root);
        free(e->tool_name);
        free(e->tool_version);
        sco_buf_done(&e->digest_key);
        e->sha = sco_sha256_free(e->sha);
        e->sources = enc_sources_free(e->sources);
        sco_arena_done(&e->scratch);
        enc_known_free(e);
    }
    free(e);
    return NULL;
}

int sco_encoder_tool(struct sco_encoder *e, struct sco_str name, struct sco_str version)
{
    char *new_name = sco_strdup(name), *new_version = sco_strdup(version);
    if (!new_name || !new_version) {
        free(new_name);
        free(new_version);
        return SCO_E_NOMEM;
    }
    free(e->tool_name);
    free(e->tool_version);
    e->tool_name = new_name;
    e->tool_version = new_version;
    e->tool = sco_str_c(new_name);
    e->version = sco_str_c(new_version);
    return 0;
}

static int32_t line_number(int64_t v)
{
    return v < 0 ? 0 : v > INT32_MAX ? INT32_MAX : (int32_t)v;
}

static void set_lines(const struct sco_report_finding *f, struct norm *n)
{
    n->line = line_number(f->line);
    n->column = n->line ? line_number(f->column) : 0;
    n->end_line = n->line ? line_number(f->end_line) : 0;
    n->end_column = n->line ? line_number(f->end_column) : 0;
    if (n->end_line && n->end_line < n->line) {
        n->end_line = 0;
        n->end_column = 0;
    }
}

static void set_texts(struct sco_encoder *e, const struct sco_report_finding *f, struct norm *n)
{
    n->rule_id = enc_line(e, f->rule_id, FINDING_TEXT_MAX, "rule_id");
    n->title = enc_line(e, f->title, FINDING_TITLE_MAX, "title");
    if (!n->title.n)
        n->title = enc_line(e, f->rule_id, FINDING_TITLE_MAX, "title");
    n->description = enc_text(e, f->description, FINDING_LONG_MAX, "description");
    n->remediation = enc_text(e, f->remediation, FINDING_LONG_MAX, "remediation");
    n->resource = enc_text(e, f->resource, FINDING_TEXT_MAX, "resource");
    n->parameter = enc_text(e, f->parameter, FINDING_TEXT_MAX, "parameter");
    n->commit = enc_line(e, f->commit, FINDING_TEXT_MAX, "commit_sha");
    n->file_path = enc_path(e, f->file_path);
    bool own_tool = enc_trim(f->tool_name).n > 0;
    n->tool_name = enc_line(e, own_tool ? f->tool_name : e->tool, FINDING_TEXT_MAX, "tools");
    n->tool_version =
        enc_line(e, own_tool ? f->tool_version : e->version, FINDING_TEXT_MAX, "tools");
    if (!n->tool_name.n)
        n->tool_name = SCO_STR("unknown");
}

static void set_references(struct sco_encoder *e, const struct sco_report_finding *f,
                           struct norm *n)
{
    size_t given =
        f->references.n < FINDING_REFERENCES_MAX ? f->references.n : FINDING_REFERENCES_MAX;
    struct sco_str *v = given ? enc_alloc(e, given * sizeof *v) : NULL;
    n->references.v = v;
    for (size_t i = 0; v && i < given; i++) {
        struct sco_str s = enc_line(e, f->references.v[i], FINDING_TEXT_MAX, "references");
        bool again = !s.n;
        for (size_t j = 0; j < n->references.n && !again; j++)
            again = sco_str_eq(v[j], s);
        if (!again)
            v[n->references.n++] = s;
    }
}

static void set_locations(struct sco_encoder *e, const struct sco_report_finding *f, struct norm *n)
{
    size_t given = f->n_locations < FINDING_LOCATIONS_MAX ? f->n_locations : FINDING_LOCATIONS_MAX;
    struct sco_location *v = given ? enc_alloc(e, given * sizeof *v) : NULL;
    for (size_t i = 0; v && i < given; i++) {
        v[i].file_path = enc_path(e, f->locations[i].file_path);
        v[i].resource = enc_text(e, f->locations[i].resource, FINDING_TEXT_MAX, "locations");
        v[i].line = line_number(f->locations[i].line);
        v[i].end_line = line_number(f->locations[i].end_line);
        v[i].column = line_number(f->locations[i].column);
        v[i].end_column = line_number(f->locations[i].end_column);
    }
    n->locations = v;
    n->n_locations = v ? given : 0;
}

static void set_suppressions(struct sco_encoder *e, const struct sco_report_finding *f,
                             struct norm *n)
{
    size_t given =
        f->n_suppressions < FINDING_SUPPRESSIONS_MAX ? f->n_suppressions : FINDING_SUPPRESSIONS_MAX;
    struct sco_suppression *v = given ? enc_alloc(e, given * sizeof *v) : NULL;
    n->suppressions = v;
    for (size_t i = 0; v && i < given; i++) {
        const struct sco_suppression *s = &f->suppressions[i];
        if (sco_suppression_name(s->kind))
            v[n->n_suppressions++] = (struct sco_suppression){
                .kind = s->kind,
                .reason = enc_text(e, s->reason, FINDING_TEXT_MAX, "suppressions"),
                .expires = enc_line(e, s->expires, 64, "suppressions")};
    }
}

static void normalise(struct sco_encoder *e, const struct sco_report_finding *f, struct norm *n)
{
    n->type = f->type;
    n->kev = f->flags & SCO_FINDING_KEV;
    n->status = f->flags & SCO_FINDING_FALSE_POSITIVE ? SCO_STATUS_FALSE_POSITIVE
                : f->flags & SCO_FINDING_RESOLVED     ? SCO_STATUS_RESOLVED
                                                      : SCO_STATUS_OPEN;
    if (f->secret.n) /* first: from here on every text is searched for it */
        enc_secret(e, f, n);
    set_lines(f, n);
    set_texts(e, f, n);
    enc_severity(e, f, n);
    enc_ids(e, f, n);
    enc_cwes(e, f, n);
    enc_package(e, f, n);
    set_references(e, f, n);
    set_locations(e, f, n);
    set_suppressions(e, f, n);
    enc_inline(e, n);
    enc_identity(e, f, n);
    enc_metadata(e, f, n);
}

int sco_encoder_add(struct sco_encoder *e, const struct sco_report_finding *f, struct sco_buf *out,
                    struct sco_error *err)
{
    struct sco_report_finding whole;
    if (f->struct_size < offsetof(struct sco_report_finding, title))
        return sco_error_set(err, SCO_E_INVALID, "finding: struct_size is %u", f->struct_size);
    if (f->struct_size < sizeof whole) { /* an older plugin's */
        memset(&whole, 0, sizeof whole);
        f = memcpy(&whole, f, f->struct_size);
    }
    if (!*sco_type_name(f->type))
        return sco_error_set(err, SCO_E_INVALID, "finding: type %u is not known", f->type);

    struct norm n = {0};
    sco_arena_reset(&e->scratch);
    e->failed = false;
    e->n_secrets = e->n_cut = e->n_notes = 0;
    normalise(e, f, &n);
    if (!e->failed && !n.rule_id.n) /* absent, or only control characters */
        return sco_error_set(err, SCO_E_INVALID, "finding: no rule_id");
    int r = e->failed ? SCO_E_NOMEM : enc_write(e, &n, out);
    return r == 0 ? 0 : sco_error_nomem(err);
}
