/* Batches of wire findings to struct sco_finding. The members of a finding come in the encoder's
 * order, so the table is walked once per finding; any other order, a member twice or an unknown
 * one is not our wire. */
#include "decoder_priv.h"

#include <stdlib.h>

struct sco_decoder *sco_decoder_new(struct sco_pool *pool)
{
    struct sco_decoder *d = sco_alloc(1, sizeof *d);
    if (d)
        d->pool = pool;
    return d;
}

struct sco_decoder *sco_decoder_free(struct sco_decoder *d)
{
    if (d) {
        free(d->definitions);
        sco_buf_done(&d->scratch);
    }
    free(d);
    return NULL;
}

enum kind {
    K_STR,
    K_TEXT,
    K_INT,
    K_TYPE,
    K_SEVERITY,
    K_STATUS,
    K_SUPPRESSION,
    K_KEV,
    K_HUNDREDTHS,
    K_MILLIONTHS,
    K_ALIASES,
    K_CWES,
    K_REFERENCES,
    K_PACKAGE,
    K_TOOLS,
    K_PLACES,
    K_SUPPRESSIONS,
    K_METADATA,
};

struct member {
    const char *name;
    uint32_t n; /* of name, with both quotes and the colon */
    enum kind kind;
    size_t offset;
};

#define M(text, kind, type, field)                                                                 \
    {                                                                                              \
        "\"" text "\":", sizeof(text) + 2, kind, offsetof(struct type, field)                      \
    }
#define F(text, kind, field) M(text, kind, sco_finding, field)

static const struct member finding_members[] = {
    F("vulnerability_type", K_TYPE, type),
    F("severity", K_SEVERITY, severity),
    F("status", K_STATUS, status),
    F("rule_id", K_STR, rule_id),
    F("title", K_TEXT, title),
    F("description", K_TEXT, description),
    F("remediation", K_TEXT, remediation),
    F("file_path", K_STR, file_path),
    F("line_number", K_INT, line),
    F("end_line", K_INT, end_line),
    F("column", K_INT, column),
    F("end_column", K_INT, end_column),
    F("resource", K_STR, resource),
    F("parameter", K_STR, parameter),
    F("commit_sha", K_STR, commit),
    F("identity", K_STR, identity),
    F("package", K_PACKAGE, package),
    F("cve_id", K_STR, cve_id),
    F("aliases", K_ALIASES, aliases),
    F("cwe_ids", K_CWES, cwe_ids),
    F("cvss_hundredths", K_HUNDREDTHS, cvss_score),
    F("cvss_vector", K_STR, cvss_vector),
    F("epss_millionths", K_MILLIONTHS, epss),
    F("kev", K_KEV, kev),
    F("secret_digest", K_STR, secret_digest),
    F("secret_preview", K_STR, secret_preview),
    F("references", K_REFERENCES, references),
    F("tools", K_TOOLS, tools),
    F("locations", K_PLACES, locations),
    F("suppressions", K_SUPPRESSIONS, suppressions),
    F("metadata", K_METADATA, metadata),
};
enum { FINDING_RULE = 3, TOOL_RULE = 2 }; /* rule_id in its table */
_Static_assert(SCO_ARRAY_LEN(finding_members) <= DEC_MEMOS, "a memo for each member");

static const struct member package_members[] = {
    M("name", K_STR, sco_package, name),
    M("version", K_STR, sco_package, version),
    M("ecosystem", K_STR, sco_package, ecosystem),
    M("purl", K_STR, sco_package, purl),
    M("fixed_version", K_STR, sco_package, fixed_version),
};

struct tool_wire { /* severity must be 32 bits wide in sco_tool, 8 bits in sco_finding */
    const char *name, *version, *rule_id;
    uint8_t severity;
};
static const struct member tool_members[] = {
    M("name", K_STR, tool_wire, name),
    M("version", K_STR, tool_wire, version),
    M("rule_id", K_STR, tool_wire, rule_id),
    M("severity", K_SEVERITY, tool_wire, severity),
};

static const struct member place_members[] = {
    M("file_path", K_STR, sco_place, file_path),   M("line_number", K_INT, sco_place, line),
    M("end_line", K_INT, sco_place, end_line),     M("column", K_INT, sco_place, column),
    M("end_column", K_INT, sco_place, end_column), M("resource", K_STR, sco_place, resource),
};

static const struct member suppression_members[] = {
    M("kind", K_SUPPRESSION, sco_suppressed, kind),
    M("reason", K_STR, sco_suppressed, reason),
    M("expires", K_STR, sco_suppressed, expires),
};

static bool read_type(struct sco_decoder *d, uint8_t *ret)
{
    struct sco_str s;
    if (!dec_view(d, &s))
        return false;
    *ret = (uint8_t)sco_type_parse(s);
    return *ret || dec_fail(d, SCO_E_FORMAT, "unknown type");
}

static bool read_severity(struct sco_decoder *d, uint8_t *ret)
{
    struct sco_str s;
    if (!dec_view(d, &s))
        return false;
    *ret = (uint8_t)sco_severity_parse(s);
    return *ret || dec_fail(d, SCO_E_FORMAT, "unknown severity");
}

static bool read_status(struct sco_decoder *d, uint8_t *ret)
{
    struct sco_str s;
    if (!dec_view(d, &s))
        return false;
    for (int i = 0; i < SCO_STATUS_MAX_; i++)
        if (sco_str_is(s, sco_status_name((enum sco_status)i))) {
            *ret = (uint8_t)i;
            return true;
        }
    return dec_fail(d, SCO_E_FORMAT, "unknown status");
}

static bool read_suppression_kind(struct sco_decoder *d, uint32_t *ret)
{
    struct sco_str s;
    if (!dec_view(d, &s))
        return false;
    for (uint32_t i = SCO_SUPPRESS_INLINE; i <= SCO_SUPPRESS_BASELINE; i++)
        if (sco_str_is(s, sco_suppression_name(i))) {
            *ret = i;
            return true;
        }
    return dec_fail(d, SCO_E_FORMAT, "unknown kind of suppression");
}

static bool read_fraction(struct sco_decoder *d, int32_t max, double scale, float *ret)
{
    int32_t v;
    if (!dec_int(d, &v))
        return false;
    if (v > max)
        return dec_fail(d, SCO_E_FORMAT, "number out of range");
    *ret = (float)(v / scale);
    return true;
}

static bool read_kev(struct sco_decoder *d, uint8_t *ret)
{
    int32_t v;
    if (!dec_int(d, &v))
        return false;
    *ret = v != 0;
    return true;
}

static bool read_members(struct sco_decoder *d, const struct member *m, size_t n,
                         struct dec_memo *memos, void *object);

static bool read_package(struct sco_decoder *d, const struct sco_package **ret)
{
    struct sco_package k = {0};
    if (!read_members(d, package_members, SCO_ARRAY_LEN(package_members), d->package_memos, &k))
        return false;
    *ret = sco_pool_package(d->pool, &k);
    return *ret || dec_fail(d, SCO_E_NOMEM, "out of memory");
}

static bool read_tools(struct sco_decoder *d, const struct sco_tools **ret)
{
    const struct sco_tool *v[FINDING_TOOLS_MAX];
    uint32_t n = 0;
    bool first = true;
    if (!dec_char(d, '['))
        return false;
    d->tool_memos[TOOL_RULE] = d->memos[FINDING_RULE]; /* usually the same text again */
    while (dec_more(d, ']', &first)) {
        struct tool_wire w = {0};
        if (n == FINDING_TOOLS_MAX)
            return dec_fail(d, SCO_E_LIMIT, "too many tools");
        if (!read_members(d, tool_members, SCO_ARRAY_LEN(tool_members), d->tool_memos, &w))
            return false;
        if (!w.name || !w.rule_id || !w.severity)
            return dec_fail(d, SCO_E_FORMAT, "tool without name, rule or severity");
        struct sco_tool t = {w.name, w.version, w.rule_id, w.severity};
        v[n] = sco_pool_tool(d->pool, &t);
        if (!v[n++])
            return dec_fail(d, SCO_E_NOMEM, "out of memory");
    }
    if (d->code)
        return false;
    *ret = n ? sco_pool_tools(d->pool, v, n) : NULL;
    return !n || *ret || dec_fail(d, SCO_E_NOMEM, "out of memory");
}

static bool read_places(struct sco_decoder *d, const struct sco_places **ret)
{
    struct sco_place v[FINDING_LOCATIONS_MAX];
    uint32_t n = 0;
    bool first = true;
    if (!dec_char(d, '['))
        return false;
    while (dec_more(d, ']', &first)) {
        if (n == FINDING_LOCATIONS_MAX)
            return dec_fail(d, SCO_E_LIMIT, "too many locations");
        memset(&v[n], 0, sizeof v[n]);
        if (!read_members(d, place_members, SCO_ARRAY_LEN(place_members), NULL, &v[n]))
            return false;
        n++;
    }
    if (d->code)
        return false;
    *ret = n ? sco_pool_places(d->pool, v, n) : NULL;
    return !n || *ret || dec_fail(d, SCO_E_NOMEM, "out of memory");
}

static bool read_suppressions(struct sco_decoder *d, const struct sco_suppresseds **ret)
{
    struct sco_suppressed v[FINDING_SUPPRESSIONS_MAX];
    uint32_t n = 0;
    bool first = true;
    if (!dec_char(d, '['))
        return false;
    while (dec_more(d, ']', &first)) {
        if (n == FINDING_SUPPRESSIONS_MAX)
            return dec_fail(d, SCO_E_LIMIT, "too many suppressions");
        memset(&v[n], 0, sizeof v[n]); /* its padding is compared in the pool */
        if (!read_members(d, suppression_members, SCO_ARRAY_LEN(suppression_members), NULL, &v[n]))
            return false;
        if (!v[n++].kind)
            return dec_fail(d, SCO_E_FORMAT, "suppression without kind");
    }
    if (d->code)
        return false;
    *ret = n ? sco_pool_suppresseds(d->pool, v, n) : NULL;
    return !n || *ret || dec_fail(d, SCO_E_NOMEM, "out of memory");
}

static bool read_value(struct sco_decoder *d, enum kind kind, void *at)
{
    switch (kind) {
    case K_STR:
        return dec_str(d, at);
    case K_TEXT:
        return dec_text(d, at);
    case K_INT:
        return dec_int(d, at);
    case K_TYPE:
        return read_type(d, at);
    case K_SEVERITY:
        return read_severity(d, at);
    case K_STATUS:
        return read_status(d, at);
    case K_SUPPRESSION:
        return read_suppression_kind(d, at);
    case K_KEV:
        return read_kev(d, at);
    case K_HUNDREDTHS:
        return read_fraction(d, 1000, 100, at);
    case K_MILLIONTHS:
        return read_fraction(d, 1000000, 1e6, at);
    case K_ALIASES:
        return dec_strs(d, at, FINDING_IDS_MAX + 1, false);
    case K_CWES:
        return dec_strs(d, at, FINDING_CWES_MAX, false);
    case K_REFERENCES:
        return dec_strs(d, at, FINDING_REFERENCES_MAX, true);
    case K_PACKAGE:
        return read_package(d, at);
    case K_TOOLS:
        return read_tools(d, at);
    case K_PLACES:
        return read_places(d, at);
    case K_SUPPRESSIONS:
        return read_suppressions(d, at);
    case K_METADATA:
        return dec_metadata(d, at);
    }
    return dec_fail(d, SCO_E_INTERNAL, "no such kind");
}

/* The members of a pointer kind whose bytes are those of the finding before keep its value. */
static bool read_memoized(struct sco_decoder *d, const struct member *m, struct dec_memo *memo,
                          void *at)
{
    const char *from = d->p;
    if (memo->raw && (size_t)(d->end - d->p) >= memo->n && memcmp(d->p, memo->raw, memo->n) == 0) {
        *(const void **)at = memo->value;
        d->p += memo->n;
        return true;
    }
    size_t definitions = d->n_definitions;
    if (!read_value(d, m->kind, at))
        return false;
    /* a number's text might be the start of a longer one; a definition must not be repeated */
    if ((*from < '0' || *from > '9') && definitions == d->n_definitions)
        *memo = (struct dec_memo){from, (size_t)(d->p - from), *(const void **)at};
    return true;
}

static bool is_pointer(enum kind k)
{
    return k == K_STR || k == K_TEXT || k >= K_ALIASES;
}

/* The next member of the table that the text goes on with; n when there is none. */
static size_t find_member(const struct sco_decoder *d, const struct member *m, size_t from,
                          size_t n)
{
    size_t left = (size_t)(d->end - d->p);
    for (size_t i = from; i < n; i++)
        if (left > m[i].n && d->p[1] == m[i].name[1] && memcmp(d->p, m[i].name, m[i].n) == 0)
            return i;
    return n;
}

static bool read_members(struct sco_decoder *d, const struct member *m, size_t n,
                         struct dec_memo *memos, void *object)
{
    bool first = true;
    size_t next = 0;
    if (!dec_char(d, '{'))
        return false;
    while (dec_more(d, '}', &first)) {
        next = find_member(d, m, next, n);
        if (next == n)
            return dec_fail(d, SCO_E_FORMAT, "unknown, repeated or misplaced member");
        d->p += m[next].n;
        void *at = (char *)object + m[next].offset;
        bool ok = memos && is_pointer(m[next].kind) ? read_memoized(d, &m[next], &memos[next], at)
                                                    : read_value(d, m[next].kind, at);
        if (!ok)
            return false;
        next++;
    }
    return !d->code;
}

static bool read_finding(struct sco_decoder *d, struct sco_finding *f)
{
    if (!read_members(d, finding_members, SCO_ARRAY_LEN(finding_members), d->memos, f) ||
        !dec_char(d, '\n'))
        return false;
    if (!f->type || !f->severity || !f->rule_id || !f->title || !f->tools)
        return dec_fail(d, SCO_E_FORMAT, "no type, severity, rule, title or tool");
    f->occurrences = 1;
    return true;
}

int sco_decoder_batch(struct sco_decoder *d, struct sco_str batch, struct sco_finding_set *set,
                      struct sco_error *err)
{
    if (d->broken)
        return sco_error_set(err, SCO_E_FORMAT, "findings: a batch before this one was bad");
    d->start = d->p = batch.p;
    d->end = batch.p + batch.n;
    d->code = 0;
    memset(d->memos, 0, sizeof d->memos); /* they point into the batch */
    memset(d->tool_memos, 0, sizeof d->tool_memos);
    memset(d->package_memos, 0, sizeof d->package_memos);
    while (d->p < d->end) {
        if (set->n >= UINT32_MAX || SCO_VEC_PUSH(set->v, set->n, set->cap) < 0) {
            dec_fail(d, set->n >= UINT32_MAX ? SCO_E_LIMIT : SCO_E_NOMEM, "too many findings");
            break;
        }
        struct sco_finding *f = &set->v[set->n];
        memset(f, 0, sizeof *f);
        f->order = (uint32_t)set->n;
        if (!read_finding(d, f))
            break;
        set->n++;
    }
    if (!d->code)
        return 0;
    d->broken = true;
    return sco_error_set(err, d->code, "findings: offset %zu of the batch: %s",
                         (size_t)(d->p - d->start), d->why);
}
