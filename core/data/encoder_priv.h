/* The worker's side of the wire, in parts: texts, secrets, sources, identifiers, packages, and the
 * wire itself. All memory of one finding is the scratch arena, emptied by the next one. */
#pragma once

#include "finding_priv.h"

#include <secureops/crypto.h>

enum {
    ENC_SECRET_PARTS = 32, /* forms of one secret that are looked for */
    ENC_PENDING_MAX = FINDING_REFERENCES_MAX + 8,
    ENC_SEEN = 1 << 14,
    ENC_DEFINITION_BYTES = 16 << 20,
    ENC_NOTES_MAX = 8,
};

/* A finding in its normal form: what goes over the wire. Absent is {NULL, 0} or 0. */
struct norm {
    uint32_t type, severity, status;
    bool kev;
    int32_t line, end_line, column, end_column;
    int32_t cvss_hundredths, epss_millionths;
    struct sco_str title, description, remediation, rule_id;
    struct sco_str file_path, resource, parameter, commit, identity;
    struct sco_str package_name, package_version, ecosystem, purl, fixed_version;
    struct sco_str cve_id, cvss_vector, secret_digest, secret_preview;
    struct sco_str tool_name, tool_version;
    struct sco_str_list aliases, cwes, references;
    const struct sco_location *locations;
    size_t n_locations;
    const struct sco_suppression *suppressions;
    size_t n_suppressions;
    const struct sco_pair *metadata;
    size_t n_metadata;
};

struct enc_definition {
    uint64_t hash;
    struct sco_str text;
    uint32_t number; /* from 1; 0: not sent yet */
};

enum enc_kind { ENC_TEXTS, ENC_OBJECTS, ENC_KINDS };

struct enc_known { /* open addressing, at most half full */
    struct enc_definition **v;
    uint32_t cap, n;
};

struct enc_sources; /* encoder_source.c */

struct sco_encoder {
    char *root;
    bool read_sources;
    char *tool_name, *tool_version;
    struct sco_str tool, version; /* the same */
    struct sco_buf digest_key;
    struct sco_sha256 *sha;
    struct enc_sources *sources;

    struct sco_arena scratch;
    bool failed; /* out of memory in this finding */
    struct sco_str secrets[ENC_SECRET_PARTS];
    size_t n_secrets;
    const char *cut[ENC_NOTES_MAX]; /* fields that were cut */
    size_t n_cut;
    struct sco_pair notes[ENC_NOTES_MAX];
    size_t n_notes;

    uint64_t hash_key; /* 0: none yet */
    struct enc_known known[ENC_KINDS];
    struct sco_arena definition_memory;
    uint32_t n_definitions;
    struct enc_definition *pending[ENC_PENDING_MAX];
    uint32_t n_pending;
    uint32_t seen[ENC_SEEN]; /* hashes of texts that came once */
};

/* encoder_text.c: memory, and texts made fit. `name` is the field's, for the note when it is cut.
 */
void *enc_alloc(struct sco_encoder *e, size_t n);
struct sco_str enc_copy(struct sco_encoder *e, struct sco_str s);
struct sco_str enc_take(struct sco_encoder *e, struct sco_buf *b); /* copy; empties b */
struct sco_str enc_text(struct sco_encoder *e, struct sco_str s, size_t max, const char *name);
struct sco_str enc_line(struct sco_encoder *e, struct sco_str s, size_t max, const char *name);
struct sco_str enc_upper(struct sco_encoder *e, struct sco_str s);
struct sco_str enc_lower(struct sco_encoder *e, struct sco_str s);
/* Most texts need no trim: two looks instead of a search. */
static inline struct sco_str enc_trim(struct sco_str s)
{
    if (!s.n || ((unsigned char)s.p[0] > ' ' && (unsigned char)s.p[s.n - 1] > ' '))
        return s;
    return sco_str_trim(s);
}
void enc_note(struct sco_encoder *e, const char *key, struct sco_str value);
void enc_metadata(struct sco_encoder *e, const struct sco_report_finding *f, struct norm *n);

/* encoder_secret.c */
void enc_secret(struct sco_encoder *e, const struct sco_report_finding *f, struct norm *n);
struct sco_str enc_redact(struct sco_encoder *e, struct sco_str s);

/* encoder_source.c: paths below the root, and the identity of a source line. */
struct enc_sources *enc_sources_free(struct enc_sources *s);
struct sco_str enc_path(struct sco_encoder *e, struct sco_str path);
void enc_identity(struct sco_encoder *e, const struct sco_report_finding *f, struct norm *n);
/* A line of the finding's file as it was scanned; {NULL, 0}: it cannot be had. */
struct sco_str enc_source_line(struct sco_encoder *e, const struct norm *n, int64_t line);

/* encoder_inline.c: comments of the source that suppress it */
void enc_inline(struct sco_encoder *e, struct norm *n);

/* encoder_ids.c */
void enc_ids(struct sco_encoder *e, const struct sco_report_finding *f, struct norm *n);
void enc_cwes(struct sco_encoder *e, const struct sco_report_finding *f, struct norm *n);
void enc_severity(struct sco_encoder *e, const struct sco_report_finding *f, struct norm *n);

/* encoder_package.c */
void enc_package(struct sco_encoder *e, const struct sco_report_finding *f, struct norm *n);

/* encoder_known.c. True: *ret_number is the text's number. Else it goes out as text, and
 * *ret_define says whether this is its definition. */
bool enc_is_known(struct sco_encoder *e, enum enc_kind kind, struct sco_str s, uint32_t *ret_number,
                  bool *ret_define);
void enc_known_sent(struct sco_encoder *e); /* the definitions of this finding are on their way */
void enc_known_free(struct sco_encoder *e);

/* encoder_wire.c: appends the line; on failure `out` and the definitions are as before. */
int enc_write(struct sco_encoder *e, const struct norm *n, struct sco_buf *out);
