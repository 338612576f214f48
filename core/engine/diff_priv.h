/* Inside of comparisons. */
#pragma once

#include <secureops/diff.h>

/* ---- diff_repo.c: git in a work tree whose configuration is not obeyed ---- */
struct diff_repo {
    struct sco_arena arena;
    const char *git;    /* absolute */
    const char *top;    /* of the work tree */
    const char *prefix; /* of the scan's root in it, "" or "a/b/" */
    char *view;         /* private folder: a git folder of ours with their objects and refs */
    const char *const *env;
    int64_t deadline; /* monotonic */
    int cancel_fd;
    bool shallow;
};
int diff_repo_open(struct diff_repo *r, const struct sco_compare_request *q, struct sco_error *err);
void diff_repo_done(struct diff_repo *r);
/* One git command; `args` without "git". *ret_out lives in the arena. 1: it ended with the exit
 * status `may` (0: none), and *ret_out is empty. */
int diff_repo_run(struct diff_repo *r, const char *const *args, int may, struct sco_str *ret_out,
                  struct sco_error *err);
/* Base, merge base, head; the arena's. */
int diff_repo_range(struct diff_repo *r, const char *base, struct sco_diff *ret,
                    struct sco_error *err);

/* ---- diff_parse.c ---- */
struct diff_line { /* of the patch; borrowed from its text */
    const char *p;
    uint32_t n, hunk;
    uint32_t letters; /* and digits */
    bool used, indented;
};
struct diff_lines {
    struct diff_line *v;
    size_t n, cap;
};
struct diff_hunk {
    struct sco_diff_hunk h;
    uint32_t file, first_added, first_removed;
};
struct diff_build {
    struct sco_arena *arena;
    struct sco_diff_file *files;
    size_t n_files, cap_files;
    struct sco_map by_path; /* "+new", "-deleted" -> number + 1 */
    struct diff_hunk *hunks;
    size_t n_hunks, cap_hunks;
    struct diff_lines added, removed;
};
/* `names`: of git diff --raw --numstat -z; `patch`: of git diff -p -U0. Appends to `b`.
 * SCO_E_FORMAT: not what git writes. */
int diff_parse_names(struct diff_build *b, struct sco_str names, struct sco_error *err);
int diff_parse_patch(struct diff_build *b, struct sco_str patch, struct sco_error *err);
/* Files and hunks into *ret, of the arena. */
int diff_build_end(struct diff_build *b, struct sco_diff *ret, struct sco_error *err);
void diff_build_done(struct diff_build *b);

/* ---- diff_moved.c ---- */
/* Marks what was moved: added lines whose text was removed elsewhere, in blocks that are long
 * enough to be no coincidence. */
int diff_find_moved(struct diff_build *b, struct sco_error *err);

/* ---- compare_package.c ---- */
/* Whether a manifest or lock file has the package with that version: on one line, or with the
 * version on a line of its own below the name. */
bool compare_has_package(struct sco_str text, const char *name, const char *version);

/* ---- baseline.c ---- */
struct baseline {
    struct sco_map known; /* fingerprint, 32 bytes -> struct known */
    struct sco_arena arena;
};
struct known {
    uint32_t severity; /* 0: it does not say */
    bool seen;
};
int baseline_load(struct baseline *b, const char *path, struct sco_error *err);
void baseline_done(struct baseline *b);
