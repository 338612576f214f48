/* What the files of the SARIF plugin share. One worker, one job: everything lives in the job's
 * memory (host->alloc) or until the next finding (host->tmp); nothing is freed here. */
#pragma once

#include <secureops/plugin.h>

enum {
    SARIF_RULES_MAX = 200000,     /* of one run */
    SARIF_NAMES_MAX = 1000000,    /* artifacts, logical locations of one run */
    SARIF_LOCATIONS_MAX = 1000,   /* of one result */
    SARIF_MESSAGE_MAX = 64 << 10, /* bytes of a message with its arguments put in */
    SARIF_RULE_TEXT_MAX = 16 << 10,
    SARIF_TITLE_MAX = 200,
    SARIF_BASES_MAX = 64,
    SARIF_IDS_MAX = 8,
};

struct sarif { /* the context of the plugin, or in that of another */
    const struct sco_host *h;
    struct sco_str type;
    int64_t merge_locations;
};

/* What a scanner's text says about a package; all parts may be absent. */
struct package {
    struct sco_str name, version, fixed, ecosystem, purl;
};

struct rule {
    struct sco_str id, name, title, description, help, help_uri, level, severity_word, precision;
    struct sco_str tags; /* joined, without the CWE ones */
    double score;        /* security-severity; below 0: none */
    uint32_t type;       /* SCO_TYPE_*; 0: the tool's */
    uint32_t n_ids;
    struct sco_str ids[SARIF_IDS_MAX];
    struct sco_str_list cwes;
    const struct sco_pair *messages; /* messageStrings */
    size_t n_messages;
    struct package package;
};

struct rule_list { /* of the driver or one extension, by position */
    struct rule **v;
    size_t n, cap;
    struct sco_str name, guid;
};

struct rules {
    struct rule_list *lists; /* the driver's first */
    size_t n_lists;
    struct rule **slots; /* all of them by id; the first one of an id wins */
    size_t n_slots, n;
    uint32_t over_limit;
};

struct names { /* artifacts, logical locations, taxa by position, read when first needed */
    struct sco_str *v;
    size_t n, cap;
    int loaded;
};

struct base { /* originalUriBaseIds */
    struct sco_str name, uri, parent;
};

#define TOOL_FLAWFINDER 1u /* the rank is the severity */
#define TOOL_ODC 2u        /* Dependency-Check: level is always error, CVSS in the properties */
#define TOOL_MIXED 4u      /* reports several kinds of findings: rules tell which */
#define TOOL_UNKNOWN 8u    /* not in the table */

struct run {
    struct sarif *s;
    const struct sco_host *h;
    struct sco_reader *reader;
    const struct sco_node *node;
    struct sco_str root; /* of the import, or absent */
    size_t number;
    struct sco_str tool_name, tool_version;
    uint32_t tool_type, tool_flags;
    struct rules rules;
    const struct sco_pair *global_messages;
    size_t n_global_messages;
    struct names artifacts, artifact_bases, logical, cwe_taxa;
    struct base bases[SARIF_BASES_MAX];
    size_t n_bases;
    struct sco_str homes[SARIF_BASES_MAX]; /* absolute folders that paths may be relative to */
    size_t n_homes;
    uint64_t n_results, n_bad, n_absent, n_not_fail, n_review, n_cut, n_no_index;
    char first_bad[160];
};

/* A location of a result, resolved. */
struct place {
    struct sco_location l;
    struct sco_str snippet, url;
    int64_t byte_offset, char_offset; /* below 0: none */
};

/* text.c: views and small texts. What they return lives until the next finding, unless stated. */
struct sco_str text_trim(struct sco_str s);
int text_contains(struct sco_str s, const char *lower); /* ASCII letters without case */
int text_starts_nocase(struct sco_str s, const char *lower);
struct sco_str text_keep(const struct sco_host *h, struct sco_str s, size_t max); /* job's copy */
struct sco_str text_title(const struct sco_host *h, struct sco_str message);
struct sco_str text_join(const struct sco_host *h, struct sco_str a, const char *sep,
                         struct sco_str b);
struct sco_str text_message(const struct run *r, const struct rule *rule,
                            const struct sco_node *message);
struct sco_str text_line_value(struct sco_str text, const char *label); /* "Package: x" */

/* classify.c */
void classify_tool(struct run *r);
uint32_t classify_rule(const struct run *r, const struct rule *rule, const struct sco_node *tags);
uint32_t classify_id(const struct run *r, struct sco_str rule_id);
uint32_t classify_ids(struct sco_str text, struct sco_str out[SARIF_IDS_MAX], uint32_t n);
uint32_t classify_word(struct sco_str word); /* SCO_SEV_*; UNKNOWN when not understood */
uint32_t classify_score(double score);
uint32_t classify_level(struct sco_str level);
void classify_package(struct package *p, struct sco_str message, struct sco_str help);

/* rules.c: 0 or an error. */
int rules_read(struct run *r, struct sco_errbuf *e);
const struct rule *rules_find(const struct run *r, const struct sco_node *result,
                              struct sco_str *ret_id);
struct sco_str_list cwes_of(struct run *r, const struct sco_node *const *sources, size_t n);

/* place.c */
void places_setup(struct run *r);
/* 1: resolved; 0: there is nothing in it; negative: an error of the reader. */
int place_read(struct run *r, const struct sco_node *location, struct place *ret,
               struct sco_errbuf *e);

/* The id of a CWE that a reference names by its place in the log's taxonomy; or absent. */
struct sco_str place_cwe(struct run *r, const struct sco_node *reference);

/* result.c */
int result_report(struct run *r, const struct sco_node *result, struct sco_errbuf *e);

/* log.c: reads a whole log, emitting its findings. 0, SCO_RUN_INCOMPLETE or an error. */
int sarif_parse(struct sarif *s, const struct sco_input *in, struct sco_errbuf *e);

/* run.c: reports one run; 0 or an error. */
int run_report(struct run *r, struct sco_errbuf *e);
