/* Between skip_comment.c, which finds comments, and skip.c, which decides what they skip. */
#pragma once

#include "policy_priv.h"

enum skip_kind {
    SKIP_CHECKOV,  /* checkov:skip=ID,ID:reason, also bridgecrew: and cortex: */
    SKIP_OWN,      /* secureops:skip=ID,ID:reason */
    SKIP_TRIVY,    /* trivy:ignore:ID[attribute=value]:exp:DATE:ws:NAME */
    SKIP_HADOLINT, /* hadolint ignore=DL3006,DL3008; hadolint global ignore=... */
    SKIP_KICS,     /* kics-scan ignore, ignore-line, ignore-block, enable=, disable= */
};
enum skip_scope { SCOPE_BLOCK, SCOPE_FILE, SCOPE_LINE, SCOPE_NEXT_BLOCK };

struct skip_comment {
    enum skip_kind kind;
    enum skip_scope scope;
    uint32_t pos;       /* of its line */
    uint32_t line;      /* 1-based */
    struct sco_str ids; /* with commas between; {NULL, 0}: all */
    bool others;        /* kics enable: all but these */
    struct sco_str reason, expires;
    struct skip_comment *next;
};

/* The comments of a text, in its order; found once. *ret_ok false: no memory. */
const struct skip_comment *skip_comments(struct sco_policies *p, const struct sco_iac_text *text,
                                         bool *ret_ok);
