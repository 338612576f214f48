/* Correlation in three parts: clusters (which findings belong together), the rules that find them,
 * and the merge of each cluster. */
#pragma once

#include "identity_priv.h"

enum {
    CORRELATE_TOOLS_MAX = 64, /* tools that take part in the merge by place: one bit each */
    CORRELATE_LINES = 3,      /* how far apart two tools may see one weakness */
    CORRELATE_TRIES = 64,     /* candidates that one finding is compared with, per bucket */
};

struct correlation {
    struct sco_finding_set *s;
    uint32_t *parent; /* union-find */
    uint64_t *tools;  /* of the cluster, at its root: bits by rank of the tool's name; 0: beyond */
    int32_t *low, *high; /* lines of the cluster, at its root */
    size_t n_tools;
    bool joined;       /* there is something to merge */
    bool has_packages; /* findings of type SCA */
    uint64_t seed;
};

uint32_t cluster_root(struct correlation *c, uint32_t i);
void cluster_join(struct correlation *c, uint32_t a, uint32_t b);
/* Joins clusters that have no tool in common; with `span` also only when all lines stay within
 * CORRELATE_LINES. True when it did. */
bool cluster_try(struct correlation *c, uint32_t a, uint32_t b, bool span);

int correlate_packages(struct correlation *c); /* SCA: alias sets */
int correlate_places(struct correlation *c);   /* SAST and IaC, across tools */
