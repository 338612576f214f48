/* Waivers: findings and verdicts that an organisation has accepted, why, by whom, and until when.
 * Files under version control (docs/policy-guide.md):
 *
 *   waivers:
 *     - policy: k8s-privileged        # or rule: an id, an alias, or a glob over both
 *       resource: "DaemonSet.kube-system.*"    # glob; absent: any
 *       path: deploy/web.yaml          # glob; absent: any
 *       reason: the node agent needs it        # required
 *       owner: platform@example.com
 *       expires: 2027-01-31           # the last day on which it holds
 *
 * An expired waiver does not waive: what it matches is told, and fails the gate. */
#pragma once

#include <secureops/scan.h>

struct sco_waiver {
    const char *pattern, *resource, *path; /* NULL: any */
    const char *reason, *owner, *expires;  /* owner, expires: or NULL */
    const char *file;
    uint32_t line;
    bool expired;
    uint64_t matched;
};
struct sco_waivers {
    struct sco_waiver *v;
    size_t n, cap;
    struct sco_arena arena;
};

enum { SCO_WAIVERS_MAX = 10000 };

/* Reads files, NULL-terminated. `now` decides what has expired (Unix ms). SCO_E_INVALID,
 * SCO_E_PARSE, SCO_E_LIMIT: "file:line:column: text"; SCO_E_NOT_FOUND, SCO_E_IO. */
int sco_waivers_load(const char *const *files, int64_t now, struct sco_waivers **ret,
                     struct sco_error *err) SCO_NODISCARD;
struct sco_waivers *sco_waivers_free(struct sco_waivers *w); /* NULL is fine; returns NULL */

/* The first waiver in force that speaks of one of the ids at this place; NULL: none. Counts it, and
 * expired ones that would have. resource and path may be NULL: matched by waivers that name none.
 */
const struct sco_waiver *sco_waivers_match(struct sco_waivers *w, const char *const *ids, size_t n,
                                           const char *resource, const char *path);
/* Adds a suppression to each finding that is waived and not suppressed already. *ret: how many. */
int sco_waivers_apply(struct sco_waivers *w, struct sco_finding_set *findings, uint64_t *ret,
                      struct sco_error *err) SCO_NODISCARD;
