/* What a change brings: the lines that it added or changed, as git tells them, and the findings of
 * a scan compared with what was there before. docs/new-only.md has the rules.
 *
 * A scan that was compared has a state in each finding (enum sco_baseline) and the counts in
 * sco_scan.comparison. What cannot be judged is new. */
#pragma once

#include <secureops/scan.h>

/* ---- the lines of a change ---- */
struct sco_diff_hunk {
    int32_t line, n;         /* lines of the new file; n 0: some were removed after `line` */
    int32_t old_line, old_n; /* the lines that they stand for; old_n 0: none */
    uint32_t lost;           /* of the old lines: those that are nowhere else in the change */
    const uint8_t *moved;    /* n times SCO_DIFF_*; NULL: every line is new */
};
enum { SCO_DIFF_ADDED, SCO_DIFF_MOVED, SCO_DIFF_INDENTED /* moved, with other white space */ };
struct sco_diff_file {
    const char *path;                  /* relative to the top of the work tree; NULL: deleted */
    const char *old_path;              /* NULL: added */
    bool binary;                       /* there are no lines to be told apart */
    bool module;                       /* a submodule: another commit of it */
    const struct sco_diff_hunk *hunks; /* by line */
    size_t n_hunks;
};
struct sco_diff {
    struct sco_diff_file *files;
    size_t n_files;
    const char *base_sha;   /* commit of the revision that was asked for */
    const char *merge_base; /* where the change left it: what it is compared with */
    const char *head_sha;
};

/* What happened to the lines of a place. */
enum sco_diff_place {
    SCO_DIFF_SAME,    /* all of them were there before */
    SCO_DIFF_TOUCHED, /* one was added or changed, or one between them was removed */
};
/* Of the file's lines [line, end_line]; end_line 0: one line. `strict`: a line whose indentation
 * changed is another one, as it is in YAML. */
enum sco_diff_place sco_diff_lines(const struct sco_diff_file *f, int32_t line, int32_t end_line,
                                   bool strict);
/* The number that a line had before, 0: it was added. For comments in merge requests. */
int32_t sco_diff_old_line(const struct sco_diff_file *f, int32_t line);

/* ---- comparing ----
 * Made before the scan, so that a revision that is not there costs no scan. One of base and
 * baseline, or both: a finding is known when either knows it. */
struct sco_comparison;
struct sco_compare_request {
    const char *base;     /* revision: branch, tag or commit; NULL: no git */
    const char *name;     /* how people know the base; NULL: as it is written */
    bool whole_paths;     /* findings have their paths in the work tree, not below `root` */
    const char *root;     /* with base: folder of the scan, in a work tree */
    const char *baseline; /* a JSON or SARIF report of ours, or what sco_baseline_write wrote */
    const char *git;      /* program; NULL: on the path */
    int64_t timeout_ms;   /* of git; 0: five minutes */
    int cancel_fd;        /* readable: give up; -1: none */
};
/* SCO_E_NOT_FOUND: no such revision or file; SCO_E_INVALID: no work tree, no common history, a
 * clone that is too shallow, with what to do about it; SCO_E_FORMAT, SCO_E_PARSE: the baseline;
 * SCO_E_TIMEOUT, SCO_E_LIMIT, SCO_E_CANCELLED, SCO_E_TOOL. Runs git as sco_checkout does, and obeys
 * no configuration of the work tree: for a process that does one thing. */
int sco_compare_new(const struct sco_compare_request *q, struct sco_comparison **ret,
                    struct sco_error *err) SCO_NODISCARD;
struct sco_comparison *sco_compare_free(struct sco_comparison *c); /* NULL is fine; returns NULL */
/* Sets the state of each finding and scan->comparison. The engine does it before it ranks and
 * judges: see sco_engine_compare. */
int sco_compare_apply(struct sco_comparison *c, struct sco_scan *scan,
                      struct sco_error *err) SCO_NODISCARD;
const struct sco_diff *sco_compare_peek_diff(const struct sco_comparison *c); /* or NULL */
/* The entry of a path of the scan; NULL: the change has not touched it. */
const struct sco_diff_file *sco_compare_find(const struct sco_comparison *c, const char *path);

/* Writes the fingerprints of what counts, known or not, as a baseline. "-": standard output. */
int sco_baseline_write(const struct sco_scan *scan, const char *path,
                       struct sco_error *err) SCO_NODISCARD;
