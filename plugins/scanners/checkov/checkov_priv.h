/* Shared by the files of the Checkov plugin. */
#pragma once

#include "../../common/report.h"

struct checkov {
    const struct sco_host *h;
    struct sco_str_list frameworks, checks, skip_checks;
    struct sco_str external_checks, baseline;
    int64_t target_config;
};

#define CHECKOV_TOOL "Checkov"

int checkov_parse(void *ctx, const struct sco_input *in, struct sco_errbuf *e);
