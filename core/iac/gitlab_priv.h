/* Between the files that read GitLab pipelines: jobs (gitlab.c), and what their lists refer to
 * (gitlab_refer.c). */
#pragma once

#include "set_priv.h"

struct iac_gitlab_refers {
    struct sco_iac_set *s;
    uint32_t doc;
    const struct sco_map *jobs; /* what stands at the top, by name */
    uint32_t nodes;             /* looked at so far, of SCO_IAC_ALIAS_NODES_MAX */
    bool spent;
};

/* Puts what `!reference [job, key]` names in its place. The job becomes MADE when it had any. */
int iac_gitlab_refer(struct iac_gitlab_refers *o, struct sco_iac_node *job);

/* Makes lists in the lists of a job's scripts one list, as the runner does. */
int iac_gitlab_flatten(struct sco_iac_set *s, struct sco_iac_node *job);
