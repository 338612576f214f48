/* The finding as JSON for reports, API and events: nearly all the bytes of a report. Two parts of
 * it hold what a rule says, and come again and again: their text is kept, under the pointers and
 * numbers that it was made of. */
#include "finding_priv.h"
#include "json_put.h"

#include <math.h>
#include <stdlib.h>

enum { PARTS = 256, PART_MAX = 4 << 10, KEY_WORDS = 11 };

struct key {
    uint64_t w[KEY_WORDS];
};
struct part {
    struct key key;
    struct sco_buf text; /* n is 0: none yet */
};
struct sco_finding_writer {
    struct part rules[PARTS], states[PARTS]; /* by the hash of the key */
};

static void put_text(struct sco_buf *b, const char *z)
{
    struct sco_str s = sco_str_c(z);
    if (!put_plain(b, s))
        sco_json_add_quoted(b, s);
}

/* Members that are NULL or 0 are left out. */
#define MEMBER(b, key, z)                                                                          \
    do {                                                                                           \
        if (z) {                                                                                   \
            PUT_KEY(b, key);                                                                       \
            put_text(b, z);                                                                        \
        }                                                                                          \
    } while (0)
#define MEMBER_LINE(b, key, v)                                                                     \
    do {                                                                                           \
        if ((v) > 0) {                                                                             \
            PUT_KEY(b, key);                                                                       \
            put_int(b, (uint32_t)(v));                                                             \
        }                                                                                          \
    } while (0)
#define MEMBER_STRS(b, key, l)                                                                     \
    do {                                                                                           \
        if ((l) && (l)->n) {                                                                       \
            PUT_KEY(b, key);                                                                       \
            put_strs(b, l);                                                                        \
        }                                                                                          \
    } while (0)

static void put_strs(struct sco_buf *b, const struct sco_strs *l)
{
    put_char(b, '[');
    for (uint32_t i = 0; i < l->n; i++) {
        if (i)
            put_char(b, ',');
        put_text(b, l->v[i]);
    }
    put_char(b, ']');
}

/* Numbers are kept as float: what is written is the decimal that was meant, not its neighbour. */
static void put_decimal(struct sco_buf *b, double v, double scale)
{
    struct sco_json_out o = {.b = b};
    sco_json_real(&o, round(v * scale) / scale);
}

static void put_package(struct sco_buf *b, const struct sco_package *p)
{
    if (!p)
        return;
    PUT_KEY(b, "package");
    put_char(b, '{');
    MEMBER(b, "name", p->name);
    MEMBER(b, "version", p->version);
    MEMBER(b, "ecosystem", p->ecosystem);
    MEMBER(b, "purl", p->purl);
    MEMBER(b, "fixed_version", p->fixed_version);
    put_char(b, '}');
}

static void put_tools(struct sco_buf *b, const struct sco_tools *l)
{
    PUT_KEY(b, "tools");
    put_char(b, '[');
    for (uint32_t i = 0; l && i < l->n; i++) {
        if (i)
            put_char(b, ',');
        put_char(b, '{');
        MEMBER(b, "name", l->v[i]->name);
        MEMBER(b, "version", l->v[i]->version);
        MEMBER(b, "rule_id", l->v[i]->rule_id);
        MEMBER(b, "severity", sco_severity_name(l->v[i]->severity));
        put_char(b, '}');
    }
    put_char(b, ']');
}

static void put_places(struct sco_buf *b, const struct sco_places *l)
{
    if (!l || !l->n)
        return;
    PUT_KEY(b, "locations");
    put_char(b, '[');
    for (uint32_t i = 0; i < l->n; i++) {
        if (i)
            put_char(b, ',');
        put_char(b, '{');
        MEMBER(b, "file_path", l->v[i].file_path);
        MEMBER_LINE(b, "line_number", l->v[i].line);
        MEMBER_LINE(b, "end_line", l->v[i].end_line);
        MEMBER_LINE(b, "column", l->v[i].column);
        MEMBER_LINE(b, "end_column", l->v[i].end_column);
        MEMBER(b, "resource", l->v[i].resource);
        put_char(b, '}');
    }
    put_char(b, ']');
}

static void put_suppressions(struct sco_buf *b, const struct sco_suppresseds *l)
{
    if (!l || !l->n)
        return;
    PUT_KEY(b, "suppressions");
    put_char(b, '[');
    for (uint32_t i = 0; i < l->n; i++) {
        if (i)
            put_char(b, ',');
        put_char(b, '{');
        MEMBER(b, "kind", sco_suppression_name(l->v[i].kind));
        MEMBER(b, "reason", l->v[i].reason);
        MEMBER(b, "expires", l->v[i].expires);
        put_char(b, '}');
    }
    put_char(b, ']');
}

static void put_metadata(struct sco_buf *b, const struct sco_finding *f)
{
    struct sco_str m = sco_str_c(f->metadata);
    if (m.n <= 2 && !f->secret_digest && !f->secret_preview)
        return;
    PUT_KEY(b, "metadata");
    put_char(b, '{');
    MEMBER(b, "secret_preview", f->secret_preview);
    MEMBER(b, "secret_digest", f->secret_digest);
    if (m.n > 2) { /* the members, without the braces */
        put_key(b, "", 0);
        put_bytes(b, sco_str_make(m.p + 1, m.n - 2));
    }
    put_char(b, '}');
}

static void put_risk(struct sco_buf *b, const struct sco_finding *f)
{
    uint32_t tenths = (uint32_t)lround(sco_risk_score(f, NULL) * 10); /* 0 to 1000 */
    PUT_KEY(b, "risk_score");
    put_int(b, tenths / 10);
    put_char(b, '.');
    put_int(b, tenths % 10);
    PUT_KEY(b, "risk_explanation");
    put_char(b, '"');
    sco_risk_score(f, b);
    put_char(b, '"');
}

static void put_place(struct sco_buf *b, const struct sco_finding *f)
{
    MEMBER(b, "commit_sha", f->commit);
    MEMBER(b, "file_path", f->file_path);
    MEMBER_LINE(b, "line_number", f->line);
    MEMBER_LINE(b, "end_line", f->end_line);
    MEMBER_LINE(b, "column", f->column);
    MEMBER_LINE(b, "end_column", f->end_column);
    MEMBER(b, "resource", f->resource);
    MEMBER(b, "parameter", f->parameter);
    put_places(b, f->locations);
}

static void put_stored(struct sco_buf *b, const struct sco_stored *s)
{
    char first[SCO_TIME_LEN], last[SCO_TIME_LEN];
    if (!s)
        return;
    sco_time_format(s->first_detected, first);
    sco_time_format(s->last_detected, last);
    PUT_KEY(b, "id");
    put_text(b, s->id);
    PUT_KEY(b, "first_detected");
    put_text(b, first);
    PUT_KEY(b, "last_detected");
    put_text(b, last);
}

static void put_head(struct sco_buf *b, const struct sco_finding *f)
{
    char hex[65];
    sco_fingerprint_hex(f->fingerprint, hex);
    PUT_LIT(b, "\"fingerprint\":\"");
    put_bytes(b, sco_str_make(hex, sizeof hex - 1));
    put_char(b, '"');
    put_stored(b, f->stored);
    MEMBER(b, "vulnerability_type", sco_type_name(f->type));
    MEMBER(b, "severity", sco_severity_name(f->severity));
    MEMBER(b, "baseline_state", sco_baseline_name(f->baseline));
    MEMBER(b, "title", f->title);
}

static void put_rule(struct sco_buf *b, const struct sco_finding *f)
{
    MEMBER(b, "description", f->description);
    MEMBER(b, "remediation", f->remediation);
    MEMBER_STRS(b, "references", f->references);
    MEMBER(b, "rule_id", f->rule_id);
    put_tools(b, f->tools);
}

static uint64_t word(const void *p)
{
    return (uintptr_t)p;
}

static void rule_key(struct key *k, const struct sco_finding *f)
{
    *k = (struct key){{word(f->description), word(f->remediation), word(f->references),
                       word(f->rule_id), word(f->tools)}};
}

static void put_scores(struct sco_buf *b, const struct sco_finding *f)
{
    if (f->cvss_score > 0) {
        PUT_KEY(b, "cvss_score");
        put_decimal(b, (double)f->cvss_score, 100);
    }
    MEMBER(b, "cvss_vector", f->cvss_vector);
    if (f->epss > 0) {
        PUT_KEY(b, "epss");
        put_decimal(b, (double)f->epss, 1e6);
    }
    if (f->kev)
        PUT_LIT(b, ",\"kev\":true");
    put_risk(b, f);
}

static void put_state(struct sco_buf *b, const struct sco_finding *f)
{
    put_package(b, f->package);
    MEMBER(b, "cve_id", f->cve_id);
    MEMBER_STRS(b, "aliases", f->aliases);
    MEMBER_STRS(b, "cwe_ids", f->cwe_ids);
    put_scores(b, f);
    MEMBER(b, "status", sco_status_name(f->status));
    if (f->occurrences > 1) {
        PUT_KEY(b, "occurrences");
        put_int(b, f->occurrences);
    }
    put_suppressions(b, f->suppressions);
    put_metadata(b, f);
}

static void state_key(struct key *k, const struct sco_finding *f)
{
    uint32_t cvss, epss;
    memcpy(&cvss, &f->cvss_score, sizeof cvss);
    memcpy(&epss, &f->epss, sizeof epss);
    *k = (struct key){{word(f->package), word(f->cve_id), word(f->aliases), word(f->cwe_ids),
                       word(f->cvss_vector), word(f->suppressions), word(f->metadata),
                       word(f->secret_digest), word(f->secret_preview), (uint64_t)cvss << 32 | epss,
                       (uint64_t)f->occurrences << 32 | (uint32_t)f->type << 24 |
                           (uint32_t)f->severity << 16 | (uint32_t)f->status << 8 | f->kev}};
}

static struct part *find_part(struct part parts[PARTS], const struct key *k)
{
    uint64_t h = 0;
    for (size_t i = 0; i < KEY_WORDS; i++)
        h = (h ^ k->w[i]) * 0x9E3779B97F4A7C15u;
    return &parts[h >> 32 & (PARTS - 1)];
}

/* The part's text from before, or what `put` appends, which is kept. */
static void put_part(struct sco_buf *b, const struct sco_finding *f, struct part *part,
                     const struct key *k, void (*put)(struct sco_buf *, const struct sco_finding *))
{
    if (part->text.n && memcmp(&part->key, k, sizeof *k) == 0) {
        put_bytes(b, sco_buf_str(&part->text));
        return;
    }
    size_t from = b->n;
    put(b, f);
    sco_buf_clear(&part->text);
    part->key = *k;
    if (!b->failed && b->n - from <= PART_MAX)
        sco_buf_add(&part->text, sco_str_make(b->p + from, b->n - from));
}

struct sco_finding_writer *sco_finding_writer_new(void)
{
    return sco_alloc(1, sizeof(struct sco_finding_writer));
}

struct sco_finding_writer *sco_finding_writer_free(struct sco_finding_writer *w)
{
    for (size_t i = 0; w && i < PARTS; i++) {
        sco_buf_done(&w->rules[i].text);
        sco_buf_done(&w->states[i].text);
    }
    free(w);
    return NULL;
}

void sco_finding_writer_add(struct sco_finding_writer *w, struct sco_json_out *o,
                            const struct sco_finding *f)
{
    struct sco_buf *b = o->b;
    struct key k;
    sco_json_begin(o, '{');
    put_head(b, f);
    if (w) {
        rule_key(&k, f);
        put_part(b, f, find_part(w->rules, &k), &k, put_rule);
        put_place(b, f);
        state_key(&k, f);
        put_part(b, f, find_part(w->states, &k), &k, put_state);
    } else {
        put_rule(b, f);
        put_place(b, f);
        put_state(b, f);
    }
    sco_json_end(o, '}');
}

void sco_finding_write(struct sco_json_out *o, const struct sco_finding *f)
{
    sco_finding_writer_add(NULL, o, f);
}
