/* What identification and correlation share: keys, the order of findings, merging. */
#pragma once

#include "finding_priv.h"

#include <secureops/crypto.h>

/* fingerprint.c */
struct sco_str
finding_vuln_id(const struct sco_finding *f); /* CVE, else GHSA, else any, else rule */
/* Appends the package without version: purl without version and qualifiers, else ecosystem|name. */
void finding_package_key(struct sco_buf *b, const struct sco_package *p);
/* Appends the rule, one spelling for all: AVD-DS-0002 and DS002 of IaC checks give DS-0002. */
void finding_rule_key(struct sco_buf *b, uint32_t type, struct sco_str rule);
void finding_url_key(struct sco_buf *b, const struct sco_finding *f); /* "METHOD url" */
bool finding_has_occurrence(const struct sco_finding *f);
int finding_fingerprint(struct sco_sha256 *h, struct sco_buf *tmp, const struct sco_finding *f,
                        uint32_t occurrence, uint8_t out[SCO_FINGERPRINT_LEN]);

/* merge.c. The order depends on nothing but content: tool, rule, place, texts. 0: all the same. */
int finding_compare(const struct sco_finding *a, const struct sco_finding *b);
int finding_str_compare(const char *a, const char *b); /* NULL first */

/* Room for one more pointer. */
#define PUSH_POINTER(v, n, cap) sco_vec_reserve_((void **)&(v), (n), &(cap), sizeof(void *))

struct merger {
    struct sco_pool *pool;
    bool add_places; /* the places of the others become further locations */
};
/* Merges v[0..n-1], sorted, into *v[0]; the others are marked dead (occurrences 0). */
int finding_merge(const struct merger *m, struct sco_finding *const *v, size_t n);
void findings_compact(struct sco_finding_set *s); /* drops the dead */
