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
    SCO_REPORT_HTML,
    SCO_REPORT_MARKDOWN,
    SCO_REPORT_CSV,
    SCO_REPORT_GITLAB_SAST,
    SCO_REPORT_GITLAB_SECRET_DETECTION,
    SCO_REPORT_GITLAB_CODEQUALITY,
    SCO_REPORT_MAX_
};
/* "table", "json", "gitlab-sast", ...; MAX_ when unknown. */
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
/* Markdown for a pull request: the verdict, a table of the scanners, then the findings that count,
 * worst first, one row each. Texts of scanners are escaped: no link, mention, HTML or cell of a
 * table comes from them. Longer than `limit`: rows are left out from the end, and it says how many;
 * what is open is closed. A limit below 2,000 is SCO_E_INVALID. */
struct sco_report_markdown_options {
    size_t limit;       /* bytes; 0: 65,000 */
    const char *marker; /* first line, as "<!-- secureops:NAME -->": plain text, no "--"; or NULL */
    const char *title;  /* NULL: "SecureOps" */
    const char *link;   /* URL of the whole report, or NULL */
    const char *file_url; /* what stands before "PATH#L12": https://host/o/r/blob/SHA/; or NULL */
    bool new_only;        /* without a word about those that were there before */
};
int sco_report_markdown(const struct sco_scan *scan, const struct sco_report_markdown_options *o,
                        struct sco_buf *ret, struct sco_error *err) SCO_NODISCARD;
/* Removes the file that is being written, if any. For a signal handler that ends the process. */
void sco_report_abandon(void);
