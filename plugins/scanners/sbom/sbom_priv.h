/* Inside of the plugin sbom. */
#pragma once

#include "../../common/report.h"

struct sbom {
    const struct sco_host *h;
    struct sco_str program; /* "auto", or one of the names */
    int64_t allow_empty;
    int64_t max_size;
};

/* What a document says of itself. */
struct sbom_facts {
    struct sco_str spec_version; /* "1.6" */
    uint64_t components;
};

/* sbom_run.c */
int sbom_run(void *ctx, const struct sco_job *job, struct sco_errbuf *e);

/* sbom_read.c */
/* Reads the whole document of `tool`: 0, or an error when it is no CycloneDX document, or not all
 * of one. Components without name or type make the job incomplete. */
int sbom_check(struct sbom *s, const char *tool, const char *path, struct sbom_facts *ret,
               struct sco_errbuf *e);
/* Gives the document to the engine, part by part. */
int sbom_hand_over(struct sbom *s, const char *path, const struct sbom_facts *facts,
                   struct sco_errbuf *e);
