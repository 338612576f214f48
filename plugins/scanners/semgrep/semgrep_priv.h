/* Shared by the files of the Semgrep plugin. */
#pragma once

#include "../../common/report.h"

#define SEMGREP_TOOL "Semgrep"

enum { SEMGREP_TITLE_MAX = 120 };

struct semgrep {
    const struct sco_host *h;
    struct sco_str_list config, exclude_rules;
    struct sco_str partial_parsing, baseline_commit;
    int64_t rule_timeout_ms, max_memory, max_file;
};

struct semgrep_parse {
    struct semgrep *s;
    struct rep_doc doc;
    struct rep_names skipped, partial; /* files with errors */
    uint64_t errors, scanned;
    struct sco_str first_error, first_skip;
};

uint32_t semgrep_severity(struct sco_str word);
/* The first sentence of a message, on one line and not too long; until the next emit. */
struct sco_str semgrep_title(const struct sco_host *h, struct sco_str message);

/* ---- semgrep_cloud.c: exports of the AppSec Platform ---- */
int semgrep_platform_finding(void *user, const struct sco_node *item);
int semgrep_supply_chain(void *user, const struct sco_node *item);

int semgrep_parse_report(void *ctx, const struct sco_input *in, struct sco_errbuf *e);
/* The first error in a report whose run failed, or ""; *ret_worked: files were scanned all the
 * same. */
const char *semgrep_words(struct semgrep *s, const char *report, int *ret_worked);
int semgrep_run(void *ctx, const struct sco_job *job, struct sco_errbuf *e);
