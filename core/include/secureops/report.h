/* Reports of a finished scan. Each writer streams to a file descriptor through a 64 KiB buffer and
 * needs no memory per finding beyond it, but for SARIF and JUnit, which group findings by tool:
 * up to eight bytes a finding. docs/reports.md shows the formats. */
#pragma once

#include <secureops/scan.h>

struct sco_report_options {
    bool color;           /* table */
    int columns;          /* width of the terminal; 0: 100 */
    bool all;             /* table: every finding, not the first 50 */
    bool show_suppressed; /* table */
    const char *base;     /* sarif split: file name parts */
};

enum sco_report_format {
    SCO_REPORT_TABLE,
    SCO_REPORT_JSON,
    SCO_REPORT_SARIF,
    SCO_REPORT_JUNIT,
    SCO_REPORT_MAX_
};
/* "table", "json", "sarif", "junit"; MAX_ when unknown. */
enum sco_report_format sco_report_format_parse(struct sco_str name);
const char *sco_report_format_name(enum sco_report_format f);

/* Writes one report to fd. SARIF has one run per tool; when GitHub's limits (20 runs a file, 25,000
 * results a run, 10 MB gzip) would be passed, use sco_report_write_file, which splits. */
int sco_report_write(const struct sco_scan *scan, enum sco_report_format f,
                     const struct sco_report_options *o, int fd,
                     struct sco_error *err) SCO_NODISCARD;
/* Writes to a path (temporary file and rename), "-" is standard output. SARIF beyond the limits
 * becomes PATH, PATH with -2, -3, ... before its extension. *ret_files: how many. */
int sco_report_write_file(const struct sco_scan *scan, enum sco_report_format f,
                          const struct sco_report_options *o, const char *path, int *ret_files,
                          struct sco_error *err) SCO_NODISCARD;
/* Removes the file that is being written, if any. For a signal handler that ends the process. */
void sco_report_abandon(void);
