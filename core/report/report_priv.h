/* Inside of the reports: the buffered output, and findings grouped by tool. */
#pragma once

#include <secureops/report.h>

/* ---- sink.c: a file descriptor behind a 64 KiB buffer ---------------------------------------- */
struct sink {
    int fd;
    const char *name; /* for errors */
    struct sco_buf b; /* append here, then sink_more() */
    uint64_t total;   /* bytes handed to fd */
    int error;        /* errno of the first write that failed */
};
/* Empties a buffer that text is put together in; that it had failed is not forgotten by `out`. */
static inline void buf_restart(struct sco_buf *b, struct sco_buf *out)
{
    out->failed |= b->failed;
    sco_buf_clear(b);
}
/* Writes the buffer out when it is full. False when there is no sense in going on. */
bool sink_more(struct sink *s);
/* Writes the buffer out, then `text`, which is cleared. False when there is no sense in going on.
 */
bool sink_take(struct sink *s, struct sco_buf *text);
/* Writes the rest and frees the buffer. 0, or the first error. */
int sink_end(struct sink *s, struct sco_error *err);

/* ---- lines.c: one finding a line, on several threads ----------------------------------------- */
/* Writes the findings as JSON objects, each on a line of its own, with commas between them. */
void lines_write(const struct sco_finding_set *set, struct sink *s);

/* ---- group.c: findings by the tool that is listed first -------------------------------------- */
enum { GROUPS_MAX = 1000 }; /* further tools share the last group */

struct tool_group {
    const char *name, *version, *homepage;
    size_t first, n;  /* its part of `order` */
    size_t n_skipped; /* suppressed, or known before */
};

struct grouping {
    const struct sco_scan *scan;
    struct tool_group *v; /* the tools of scanner runs in their order, then others as they come */
    size_t n, cap;
    uint32_t *order;      /* indices of findings: by group, within it as ranked */
    size_t *run_group;    /* of each scanner run */
    struct sco_map names; /* lower-case name -> group number + 1 */
    bool failed;          /* out of memory for a name */
};
int grouping_init(struct grouping *g, const struct sco_scan *scan, struct sco_error *err);
void grouping_done(struct grouping *g);
void grouping_cleanup_(struct grouping *g);

/* ---- report.c -------------------------------------------------------------------------------- */
/* Known and settled: it neither fails a gate nor counts by severity. */
/* Why, in one phrase; never NULL. */
const char *finding_suppression_reason(const struct sco_finding *f);
/* Why it does not count: suppressed, or known before; never NULL. */
const char *finding_skip_reason(const struct sco_finding *f);
/* The run did its work to the end. */
bool run_is_complete(const struct sco_scanner_run *r);
/* The name of a scanner for people. */
const char *run_title(const struct sco_scanner_run *r);
/* The tool that a run spoke for when it is another than the scanner itself (an imported report of
 * any tool), or NULL. */
const char *run_other_tool(const struct sco_scanner_run *r);
uint64_t run_findings(const struct sco_scanner_run *r); /* of all severities */
/* Appends a repository's URL without user name, password or token. */
void add_repository(struct sco_buf *b, const char *url);
/* "completed", "incomplete" or "cancelled". */
const char *scan_status(const struct sco_scan *scan);
/* Appends what to do about the finding in one line; nothing when it is not known. */
void add_fix(struct sco_buf *b, const struct sco_finding *f);
/* Opens a temporary file beside path (or the path itself when it is no regular file). */
struct report_file {
    char *path, *tmp; /* tmp NULL: written in place */
    int fd;
};
int report_file_open(struct report_file *f, const char *path, struct sco_error *err);
/* Puts it in place, or removes it when `result` is negative. Returns `result` or an error. */
int report_file_close(struct report_file *f, int result, struct sco_error *err);

/* ---- policies.c: what the policies said beside findings ---- */
void policies_json(struct sco_json_out *o, const struct sco_scan *scan);
void policies_json_gate(struct sco_json_out *o, const struct sco_scan *scan); /* members of gate */

/* ---- formats --------------------------------------------------------------------------------- */
int table_write(const struct sco_scan *scan, const struct sco_report_options *o, struct sink *s,
                struct sco_error *err);
int json_write(const struct sco_scan *scan, struct sink *s, struct sco_error *err);
int html_write(const struct sco_scan *scan, struct sink *s, struct sco_error *err);
int markdown_write(const struct sco_scan *scan, struct sink *s, struct sco_error *err);
int csv_write(const struct sco_scan *scan, struct sink *s, struct sco_error *err);
int gitlab_security_write(const struct sco_scan *scan, bool secrets, struct sink *s,
                          struct sco_error *err);
int gitlab_quality_write(const struct sco_scan *scan, struct sink *s, struct sco_error *err);
int junit_write(const struct sco_scan *scan, struct sink *s, struct sco_error *err);
int sarif_write(const struct sco_scan *scan, struct sink *s, struct sco_error *err);
int sarif_write_files(const struct sco_scan *scan, const char *path, int *ret_files,
                      struct sco_error *err);
