/* The encoder: whatever a plugin reports, the decoder reads it back, the texts keep their limits,
 * and a secret of some length is nowhere in the wire. The input is cut into fields: each is a byte
 * that names it, a byte of length, and its text; a field 0xFF ends a finding. */
#include <secureops/finding.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LIST = 8 };

struct input {
    struct sco_report_finding f;
    struct sco_str ids[LIST], cwes[LIST], references[LIST];
    struct sco_location places[LIST];
    struct sco_suppression suppressions[LIST];
    struct sco_pair metadata[LIST];
};

static void reset(struct input *in)
{
    memset(in, 0, sizeof *in);
    in->f.struct_size = sizeof in->f;
    in->f.type = SCO_TYPE_SAST;
    in->f.rule_id = SCO_STR("rule");
    in->f.ids.v = in->ids;
    in->f.cwes.v = in->cwes;
    in->f.references.v = in->references;
    in->f.locations = in->places;
    in->f.suppressions = in->suppressions;
    in->f.metadata = in->metadata;
}

static void push(struct sco_str *v, size_t *n, struct sco_str s)
{
    if (*n < LIST)
        v[(*n)++] = s;
}

static void set_text(struct sco_report_finding *f, unsigned field, struct sco_str s)
{
    struct sco_str *const texts[] = {
        &f->severity_text,   &f->rule_id,   &f->title,     &f->description,
        &f->remediation,     &f->file_path, &f->resource,  &f->parameter,
        &f->snippet,         &f->stable_id, &f->secret,    &f->package_name,
        &f->package_version, &f->ecosystem, &f->purl,      &f->fixed_version,
        &f->cvss_vector,     &f->commit,    &f->tool_name, &f->tool_version};
    *texts[field % SCO_ARRAY_LEN(texts)] = s;
}

static void set_field(struct input *in, unsigned field, struct sco_str s)
{
    struct sco_report_finding *f = &in->f;
    int64_t number = 0;
    memcpy(&number, s.p, s.n < 8 ? s.n : 8);
    switch (field) {
    case 0x80:
        f->type = s.n ? (uint8_t)s.p[0] % 9 : 0;
        f->severity = s.n > 1 ? (uint8_t)s.p[1] % 8 : 0;
        f->flags = s.n > 2 ? (uint8_t)s.p[2] : 0;
        break;
    case 0x81:
        push(in->ids, &f->ids.n, s);
        break;
    case 0x82:
        push(in->cwes, &f->cwes.n, s);
        break;
    case 0x83:
        push(in->references, &f->references.n, s);
        break;
    case 0x84:
        if (f->n_metadata < LIST)
            in->metadata[f->n_metadata++] = (struct sco_pair){s, s};
        break;
    case 0x85:
        if (f->n_locations < LIST)
            in->places[f->n_locations++] = (struct sco_location){.file_path = s, .line = number};
        break;
    case 0x86:
        if (f->n_suppressions < LIST)
            in->suppressions[f->n_suppressions++] =
                (struct sco_suppression){.kind = (uint32_t)(number & 3), .reason = s, .expires = s};
        break;
    case 0x87:
        f->line = number;
        f->end_line = number ^ 7;
        f->column = number >> 8;
        break;
    case 0x88:
        memcpy(&f->cvss_score, &number, 8);
        memcpy(&f->epss, &number, 8);
        break;
    default:
        set_text(f, field, s);
    }
}

struct codec {
    struct sco_encoder *e;
    struct sco_decoder *d;
    struct sco_finding_set set;
    struct sco_buf wire;
};

static void check_limits(const struct sco_finding *f)
{
    SCO_BUG_ON(strlen(f->title) > 500);
    SCO_BUG_ON(f->description && strlen(f->description) > 16 << 10);
    SCO_BUG_ON(f->file_path && strlen(f->file_path) > 4096);
    SCO_BUG_ON(f->end_line && f->end_line < f->line);
    SCO_BUG_ON(!(f->cvss_score >= 0 && f->cvss_score <= 10));
}

static void pass(struct codec *c, const struct input *in)
{
    struct sco_error err = {0};
    sco_buf_clear(&c->wire);
    int r = sco_encoder_add(c->e, &in->f, &c->wire, &err);
    SCO_BUG_ON(r != 0 && r != SCO_E_INVALID);
    if (r < 0)
        return;
    SCO_BUG_ON(sco_decoder_batch(c->d, sco_buf_str(&c->wire), &c->set, &err) < 0);
    const struct sco_finding *f = &c->set.v[c->set.n - 1];
    check_limits(f);
    struct sco_str secret = sco_str_trim(in->f.secret);
    if (f->secret_digest && secret.n >= 6 && f->description)
        SCO_BUG_ON(memmem(f->description, strlen(f->description), secret.p, secret.n) != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sco_encoder_options o = {.root = "/nonexistent", .read_sources = true, .tool_name = "t"};
    struct codec c = {.e = sco_encoder_new(&o), .set = {.pool = sco_pool_new()}};
    struct input in;
    struct sco_error err = {0};
    c.d = sco_decoder_new(c.set.pool);
    reset(&in);
    for (size_t i = 0; i + 1 < size;) {
        unsigned field = data[i], n = data[i + 1];
        i += 2;
        if (field == 0xFF) {
            pass(&c, &in);
            reset(&in);
            continue;
        }
        n = n < size - i ? n : (unsigned)(size - i);
        set_field(&in, field, sco_str_make((const char *)data + i, n));
        i += n;
    }
    pass(&c, &in);
    SCO_BUG_ON(sco_findings_identify(&c.set, &err) < 0);
    SCO_BUG_ON(sco_findings_correlate(&c.set, &err) < 0);
    sco_encoder_free(c.e);
    sco_decoder_free(c.d);
    sco_buf_done(&c.wire);
    sco_finding_set_done(&c.set);
    sco_pool_free(c.set.pool);
    return 0;
}
