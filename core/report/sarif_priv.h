/* Inside of the SARIF report. A chunk is one run of a log: the findings of one tool, or a part of
 * them when there are more than a consumer takes. */
#pragma once

#include "report_priv.h"

enum {
    SARIF_RUNS_MAX = 20,       /* GitHub's limits, a file */
    SARIF_RESULTS_MAX = 25000, /* a run; a rule needs a result, so rules are no more */
    SARIF_GZIP_MAX = 9500000,  /* of 10 MB */
    SARIF_TAGS_MAX = 20,
    SARIF_CWES_MAX = 50,   /* of a rule or result */
    SARIF_TEXT_MAX = 1000, /* characters of a rule's full description */
    SARIF_PLACES_MAX = 99, /* further locations of a result */
};

struct sarif_chunk {
    size_t group;
    size_t first, n; /* part of the grouping's `order` */
    bool sorted;     /* by place; otherwise as ranked */
};

/* A rule is put together from its findings in the chunk. */
struct sarif_rule {
    const char *id;
    const struct sco_finding *first;
    uint32_t severity; /* highest */
    double score;      /* highest CVSS score in the band of its severity; 0: none */
    bool titles, descriptions, remediations; /* its findings differ in these */
};

struct sarif {
    const struct sco_scan *scan;
    struct sink *s;
    struct sco_json_out o;
    struct grouping g;
    struct sco_buf tmp, text; /* text that is being put together */
    struct sarif_lines *lines;
    /* of the chunk that is being written */
    const struct sarif_chunk *chunk;
    const struct tool_group *group;
    struct sarif_rule *rules;
    size_t n_rules, cap_rules;
    struct sco_map rule_at; /* id -> index + 1 */
    const char **cwes;
    size_t n_cwes, cap_cwes;
    struct sco_map cwe_at; /* "CWE-79" -> index + 1 */
    bool suppressions;     /* a result has some: then each says so */
};

/* ---- sarif.c --------------------------------------------------------------------------------- */
int sarif_init(struct sarif *w, const struct sco_scan *scan, struct sco_error *err);
void sarif_done(struct sarif *w);
/* The chunks of a scan, one per tool that ran or found something. */
int sarif_plan(const struct sarif *w, struct sarif_chunk **ret, size_t *ret_n,
               struct sco_error *err);
/* One log with the runs v[from .. from + n) of all. */
int sarif_write_log(struct sarif *w, struct sarif_chunk *all, size_t from, size_t n, struct sink *s,
                    struct sco_error *err);

/* ---- sarif_rules.c --------------------------------------------------------------------------- */
int sarif_collect(struct sarif *w); /* rules and CWEs of the chunk; SCO_E_NOMEM */
void sarif_forget(struct sarif *w);
void sarif_write_rules(struct sarif *w);
void sarif_write_taxonomies(struct sarif *w);
const char *sarif_rule_id(const struct sco_finding *f);
size_t sarif_rule_index(const struct sarif *w, const struct sco_finding *f);
const char *sarif_level(uint32_t severity);
/* "9.8", or NULL for INFO: GitHub's bands give our severity back. */
const char *sarif_security_severity(uint32_t severity, double score, char out[8]);
/* The list of references to the CWE taxonomy; the caller has written the key. */
void sarif_write_cwe_targets(struct sarif *w, const struct sco_strs *cwes, bool relationships);

/* ---- sarif_result.c -------------------------------------------------------------------------- */
void sarif_write_result(struct sarif *w, const struct sco_finding *f);

/* ---- sarif_text.c ---------------------------------------------------------------------------- */
/* Plain text of a message: ends with a period, placeholders and links of SARIF are escaped. */
void sarif_add_message(struct sco_buf *b, struct sco_str s);
/* Text for Markdown: nothing in it becomes markup, a link or HTML. */
void sarif_add_markdown(struct sco_buf *b, struct sco_str s);
/* A relative reference: percent-encoded, no leading slash, no "." or "..". */
void sarif_add_path_uri(struct sco_buf *b, struct sco_str path);
/* Whether it is a whole http(s) URI without anything that RFC 3986 forbids. */
bool sarif_is_url(struct sco_str s);
/* The first `characters` of s, "..." included when it was cut. */
void sarif_add_cut(struct sco_buf *b, struct sco_str s, size_t characters);
/* "Use of eval" gives UseOfEval. */
void sarif_add_pascal(struct sco_buf *b, struct sco_str s);
/* {"text": ...}: writes b as the value. */
void sarif_write_text(struct sco_json_out *o, const char *key, struct sco_str s);

/* ---- sarif_lines.c --------------------------------------------------------------------------- */
/* primaryLocationLineHash of a line; the hashes of one file are kept. NULL: the file is not there
 * or no plain file below the root, too large, or shorter. */
struct sarif_lines;
struct sarif_lines *sarif_lines_new(const char *root);
struct sarif_lines *sarif_lines_free(struct sarif_lines *l);
const char *sarif_line_hash(struct sarif_lines *l, const char *path, int32_t line);
