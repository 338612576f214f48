/* The merge of a scan's findings: decided in merge.c, written in merge_write.c. */
#pragma once

#include "store_priv.h"

#include <secureops/crypto.h>

enum { DIGEST_LEN = 16 };

struct merge_gone { /* of a finding that is no longer reported, for its event */
    uint8_t fingerprint[SCO_FINGERPRINT_LEN];
    struct sco_str type, severity, title, rule_id, file_path, cve_id, tools;
    int64_t line;
    double risk;
};
struct merged {                  /* a finding that is stored now, or was before */
    const struct sco_finding *f; /* its content from now on; NULL: not in the report */
    struct sco_finding **same;   /* those of the report with its fingerprint: one or more */
    size_t n_same;
    int64_t pk, first, last;
    uint8_t id[16], digest[DIGEST_LEN];
    uint8_t from, to;      /* enum sco_status */
    uint8_t from_severity; /* as it was stored */
    bool was_suppressed;
    bool created, content, state;     /* what there is to write */
    int8_t suppression;               /* 1: suppressed now, -1: no longer */
    const char *action, *by, *reason; /* of the state: a row of the history */
    const char *change;               /* of the content: another one; or NULL */
    const struct merge_gone *gone;    /* f NULL, and somebody wants events */
    const char *tools;                /* names that the store had, when some are to be kept */
};

struct merge {
    struct sco_store *s;
    const struct sco_store_subject *subject;
    struct sco_scan *scan;
    struct coverage *coverage;
    struct sco_finding **sorted; /* by fingerprint */
    size_t n_sorted, at;
    struct merged *v;
    size_t n, cap;
    uint8_t scan_id[16];
    int64_t branch;
    struct sco_finding_writer *writer;
    struct sco_sha256 *sha;
    struct sco_buf content;
    struct sco_scan_stored counts;
    uint64_t critical; /* CRITICAL ones that are open and were not there, or not any more */
    struct sco_arena arena;
    struct sco_error *err;
};

/* The finding's JSON, in m->content. */
int merge_content(struct merge *m, const struct sco_finding *f, struct sco_error *err);
/* "bandit,semgrep" */
void merge_tools(struct sco_buf *b, const struct sco_finding *f);
int merge_digest_of(struct sco_sha256 *sha, struct sco_str content, uint8_t ret[DIGEST_LEN]);
int merge_write(struct merge *m, struct sco_error *err);
/* Events of what was found and of what is gone, in bulk. */
int merge_tell(struct merge *m, struct sco_error *err);
/* alerts_raise.c */
int alert_scan(struct merge *m, struct sco_error *err);
/* Attachments, event, alerts, the job's end; SCO_E_CANCELLED: its lease is lost. */
int merge_end(struct merge *m, struct sco_error *err);

/* ---- merge_encode.c: content of new findings, a batch after the other ---- */
enum { MERGE_BATCH = 4096 };
struct merge_batch { /* of the new ones among m->v[from] to m->v[to - 1]; their digests are set */
    size_t from, to, n; /* n 0: there are no more */
    struct sco_buf text;
    size_t ends[MERGE_BATCH]; /* in the text, of each content */
    int result;
};
struct merge_encoder;
struct merge_encoder *merge_encoder_new(struct merge *m);          /* NULL: out of memory */
struct merge_encoder *merge_encoder_free(struct merge_encoder *e); /* returns NULL */
/* Good until the next call. */
const struct merge_batch *merge_encoder_next(struct merge_encoder *e);
