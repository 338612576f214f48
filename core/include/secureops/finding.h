/* The finding as the engine keeps it (design: "The finding"), the pool that owns its strings, and
 * the codec between worker and engine.
 *
 * A worker normalises what a plugin emits (struct sco_report_finding) and sends it as one JSON
 * object per finding; the engine decodes it into a struct sco_finding whose strings live in a
 * struct sco_pool, each text once. Findings are plain data: pointers into the pool, NULL when
 * absent, never freed one by one.
 */
#pragma once

#include <secureops/json.h>

enum sco_status {
    SCO_STATUS_OPEN,
    SCO_STATUS_IN_PROGRESS,
    SCO_STATUS_RESOLVED,
    SCO_STATUS_FALSE_POSITIVE,
    SCO_STATUS_ACCEPTED,
    SCO_STATUS_MAX_
};

enum sco_baseline { /* what a comparison says (SARIF's baselineState); see diff.h */
                    SCO_BASELINE_NONE, /* nothing was compared */
                    SCO_BASELINE_NEW,
                    SCO_BASELINE_UNCHANGED,
                    SCO_BASELINE_UPDATED, /* known, but more severe now: counts as a new one */
                    SCO_BASELINE_ABSENT,  /* was in the baseline; counted, not in the list */
                    SCO_BASELINE_MAX_
};

enum { SCO_FINGERPRINT_LEN = 32, SCO_SEV_MAX_ = SCO_SEV_CRITICAL + 1, SCO_TYPE_MAX_ = 8 };

struct sco_strs { /* immutable list, one per distinct content */
    uint32_t n;
    const char *v[];
};

struct sco_tool { /* one of `tools[]`; immutable, one per distinct content */
    const char *name, *version, *rule_id;
    uint32_t severity;
};
struct sco_tools {
    uint32_t n;
    const struct sco_tool *v[];
};

struct sco_package {
    const char *name, *version, *ecosystem, *purl, *fixed_version;
};

struct sco_place { /* further location */
    const char *file_path, *resource;
    int32_t line, end_line, column, end_column;
};
struct sco_places {
    uint32_t n;
    struct sco_place v[];
};

struct sco_suppressed {
    uint32_t kind; /* SCO_SUPPRESS_* */
    const char *reason, *expires;
};
struct sco_suppresseds {
    uint32_t n;
    struct sco_suppressed v[];
};

struct sco_stored { /* what a store knows of a finding: see store.h */
    char id[37];
    int64_t first_detected, last_detected; /* Unix ms */
};

struct sco_finding {
    uint8_t fingerprint[SCO_FINGERPRINT_LEN];
    uint8_t type;     /* SCO_TYPE_* */
    uint8_t severity; /* SCO_SEV_INFO .. CRITICAL */
    uint8_t status;   /* enum sco_status */
    uint8_t kev;
    uint8_t baseline; /* enum sco_baseline */
    uint8_t recalled; /* status is what a store knows, not what was reported: see store.h */
    uint32_t order;   /* as received; ties of the ranking */
    int32_t line, end_line, column, end_column;
    float cvss_score, epss, risk_score; /* 0: none */
    uint32_t occurrences;               /* how many reported items are in it, at least 1 */
    const char *title, *description, *remediation, *rule_id;
    const char *file_path, *resource, *parameter;
    const struct sco_package *package;
    const char *cve_id, *cvss_vector, *commit;
    const char *identity; /* snippet hash or the tool's stable id: part of the fingerprint */
    const char *secret_digest, *secret_preview;
    const struct sco_strs *references, *aliases, *cwe_ids;
    const struct sco_tools *tools; /* at least one */
    const struct sco_places *locations;
    const struct sco_suppresseds *suppressions;
    const char *metadata;            /* JSON object as text, or NULL */
    const struct sco_stored *stored; /* or NULL */
};

const char *sco_severity_name(uint32_t severity); /* "CRITICAL"; unknown: "INFO" */
uint32_t sco_severity_parse(struct sco_str s);    /* our names only, any case; else UNKNOWN */
const char *sco_type_name(uint32_t type);         /* "SAST" */
uint32_t sco_type_parse(struct sco_str s);        /* 0: none */
const char *sco_status_name(enum sco_status s);
const char *sco_baseline_name(uint32_t state); /* "new"; NULL: nothing was compared */
const char *sco_target_name(uint32_t kind); /* one SCO_TARGET_*: "directory"; NULL: none of them */
uint32_t sco_target_bits(const struct sco_node *names); /* one name or a list of them */

/* ---- severity of the tools ----
 * The words that scanners use (error, warning, moderate, negligible, BLOCKER, ...) without the
 * tool's own map: UNKNOWN when not understood. Source: reference table of severities, docs. */
uint32_t sco_severity_from_word(struct sco_str word);
uint32_t sco_severity_from_score(double cvss); /* bands 0, 0.1, 4, 7, 9; 0 or less: INFO */

/* ---- CVSS ----
 * Score of a 2.0, 3.0, 3.1 or 4.0 vector ("CVSS:3.1/AV:N/..."; 2.0 has no prefix): base score for
 * 2.0 and 3.x, with threat and environment for 4.0 as its specification says. 0 and *ret_score
 * (0..10, one decimal), or SCO_E_FORMAT for a wrong, double or missing metric. */
int sco_cvss_score(struct sco_str vector, double *ret_score);

/* ---- strings ---- */
struct sco_pool;
struct sco_pool *sco_pool_new(void);
struct sco_pool *sco_pool_free(struct sco_pool *p); /* returns NULL */
/* The pool's copy of s, one per text; NULL for {NULL, 0} and when out of memory. */
const char *sco_pool_str(struct sco_pool *p, struct sco_str s);
void *sco_pool_alloc(struct sco_pool *p, size_t n); /* zeroed */
const struct sco_strs *sco_pool_strs(struct sco_pool *p, const char *const *v, uint32_t n);
const struct sco_tools *sco_pool_tools(struct sco_pool *p, const struct sco_tool *const *v,
                                       uint32_t n);
const struct sco_tool *sco_pool_tool(struct sco_pool *p, const struct sco_tool *t);
size_t sco_pool_size(const struct sco_pool *p); /* bytes */

/* ---- codec ----
 * Worker side. Normalises one reported finding and appends its wire form (one JSON object, one
 * line). What it does: repairs UTF-8, cuts texts at their limits (title 500, description and
 * remediation 16 KiB, others 4 KiB bytes, with "..." and a metadata note), makes paths relative to
 * `root`, settles severity (the given one, the word, the vector, the score), computes the score,
 * splits ids into CVE and aliases, writes CWEs as CWE-n, builds a missing purl, replaces the
 * secret by digest and preview (and removes it from title, description, snippet and metadata),
 * and hashes the normalised source line as identity. */
struct sco_encoder;
struct sco_encoder_options {
    const char *root;  /* scan root, or NULL */
    bool read_sources; /* take the line of the location from the file below root */
    const char *tool_name, *tool_version; /* until sco_encoder_tool */
    struct sco_str digest_key;            /* salt of secrets */
};
struct sco_encoder *sco_encoder_new(const struct sco_encoder_options *o);
struct sco_encoder *sco_encoder_free(struct sco_encoder *e);
int sco_encoder_tool(struct sco_encoder *e, struct sco_str name, struct sco_str version);
/* 0, or SCO_E_INVALID (no type, no rule, a struct that is too small), SCO_E_NOMEM. */
int sco_encoder_add(struct sco_encoder *e, const struct sco_report_finding *f, struct sco_buf *out,
                    struct sco_error *err) SCO_NODISCARD;

/* Engine side. Decodes a batch of wire findings and appends them to the set. The wire repeats long
 * texts by number, so a decoder belongs to one worker. SCO_E_PARSE, SCO_E_FORMAT: not our wire. */
struct sco_finding_set {
    struct sco_pool *pool; /* shared by the sets of one scan; not owned */
    struct sco_finding *v;
    size_t n, cap;
    size_t n_prepared; /* the first ones: see sco_findings_prepare */
};
struct sco_decoder;
struct sco_decoder *sco_decoder_new(struct sco_pool *pool);
struct sco_decoder *sco_decoder_free(struct sco_decoder *d);
int sco_decoder_batch(struct sco_decoder *d, struct sco_str batch, struct sco_finding_set *set,
                      struct sco_error *err) SCO_NODISCARD;
void sco_finding_set_done(struct sco_finding_set *s);

/* It counts for no gate: suppressed in one way or another, or settled. */
bool sco_finding_is_suppressed(const struct sco_finding *f);
/* It was there before what is judged, and is no more severe than it was. */
static inline bool sco_finding_is_known(const struct sco_finding *f)
{
    return f->baseline == SCO_BASELINE_UNCHANGED || f->baseline == SCO_BASELINE_ABSENT;
}
/* It counts for gates: neither suppressed nor known. */
bool sco_finding_counts(const struct sco_finding *f);

/* The finding with the names of the design, compact, for reports, API and events. */
void sco_finding_write(struct sco_json_out *o, const struct sco_finding *f);
/* The same for many findings of one set: keeps what many of them say. For one thread; the set must
 * not change meanwhile. NULL as `w` is sco_finding_write. */
struct sco_finding_writer;
struct sco_finding_writer *sco_finding_writer_new(void); /* NULL: out of memory */
struct sco_finding_writer *sco_finding_writer_free(struct sco_finding_writer *w); /* returns NULL */
void sco_finding_writer_add(struct sco_finding_writer *w, struct sco_json_out *o,
                            const struct sco_finding *f);

/* ---- identity ----
 * Fingerprints (secureops/finding/v1), then one finding for what several items or tools say about
 * the same weakness. docs/finding-model.md has the rules. Both work on a whole scan.
 *
 * sco_findings_identify sets fingerprint and risk of all; identical ones (same fingerprint) of the
 * set become one with `occurrences`. sco_findings_correlate merges across tools. sco_findings_rank
 * sorts: not suppressed first, then risk, severity, type, path, line, rule, fingerprint.
 *
 * sco_findings_prepare does ahead, while a set is being filled, what identify has to do for each
 * finding alone. Whoever changes a finding after that sets n_prepared to 0. */
int sco_findings_prepare(struct sco_finding_set *s, struct sco_error *err) SCO_NODISCARD;
int sco_findings_identify(struct sco_finding_set *s, struct sco_error *err) SCO_NODISCARD;
int sco_findings_correlate(struct sco_finding_set *s, struct sco_error *err) SCO_NODISCARD;
int sco_findings_rank(struct sco_finding_set *s, struct sco_error *err) SCO_NODISCARD;
void sco_fingerprint_hex(const uint8_t fp[SCO_FINGERPRINT_LEN], char out[65]);

/* 0 to 100, with its terms as one line for people ("CVSS 9.8 x 6.5 = 63.7; known exploited +25;
 * ..."). `explain` may be NULL. */
double sco_risk_score(const struct sco_finding *f, struct sco_buf *explain);

/* GitHub's primaryLocationLineHash of every line of a file (UTF-8 text): *ret gets n strings
 * "hex:count" in the arena, ret[0] for line 1. */
int sco_line_hashes(struct sco_str text, struct sco_arena *arena, const char ***ret, size_t *ret_n);
