/* The reports that --format and -o ask for. */
#pragma once

#include "cli_priv.h"

enum { OUTPUTS_MAX = 16 };
struct output {
    enum sco_report_format format;
    const char *path; /* "-": standard output */
};
/* out: of OUTPUTS_MAX. SCO_E_INVALID; a folder that is not there is told before the scan. */
int outputs_choose(struct cli *c, struct output *out, size_t *n, struct sco_error *err);
/* One that cannot be written does not cost the others. */
int outputs_write(struct cli *c, const struct sco_scan *scan, const struct output *out, size_t n,
                  struct sco_error *err);
/* The last line on stderr when no table says it. */
void outputs_say_verdict(struct cli *c, const struct sco_scan *scan, const struct output *out,
                         size_t n);
/* --sbom PATH: c->sbom, c->sbom_file. */
int outputs_choose_sbom(struct cli *c, struct sco_error *err);
void outputs_say_sbom(const struct cli *c, const struct sco_scan *scan);
