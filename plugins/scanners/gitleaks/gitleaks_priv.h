/* Shared by the files of the Gitleaks plugin. */
#pragma once

#include "../../common/report.h"

struct gitleaks {
    const struct sco_host *h;
    struct sco_str config, baseline, log_opts;
    int64_t history, redact, target_config, max_file;
};

#define GITLEAKS_TOOL "Gitleaks"

int gitleaks_parse(void *ctx, const struct sco_input *in, struct sco_errbuf *e);
