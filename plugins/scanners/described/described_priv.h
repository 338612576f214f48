/* What the files of the plugin for described scanners share. */
#pragma once

#include "../../common/report.h"
#include "../sarif/sarif_priv.h"

struct described {
    struct sarif sarif;          /* the host, and what the SARIF parser wants to know */
    struct sco_str descriptor;   /* option: the descriptor as JSON, checked by the engine */
    struct sco_reader *reader;   /* keeps the tree */
    const struct sco_node *root; /* of the descriptor */
    const char *title;           /* of the scanner, for messages */
    int is_sarif;
};

/* SCO_TYPE_*, SCO_SEV_* of their names; 0: none. */
uint32_t described_type(struct sco_str name);
uint32_t described_severity(struct sco_str name);

/* json.c: a report of format json. 0, SCO_RUN_* or an error. */
int described_parse_json(struct described *d, const struct sco_input *in, struct sco_errbuf *e);

/* described.c: a report of either format. */
int described_parse(struct described *d, const struct sco_input *in, struct sco_errbuf *e);

/* run.c */
int described_run(struct described *d, const struct sco_job *job, struct sco_errbuf *e);
