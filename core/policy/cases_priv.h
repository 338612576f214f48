/* Between cases.c, which runs cases, and cases_read.c, which reads them. */
#pragma once

#include "policy_priv.h"

struct got { /* a verdict that came out */
    enum sco_verdict_kind kind;
    const char *resource, *pointer, *message;
    const char *actions; /* of a workflow: JSON; or NULL */
    uint32_t line;
    bool used;
};
struct want { /* one that was expected; NULL and 0: anything */
    enum sco_verdict_kind kind;
    const char *resource, *pointer, *message;
    uint32_t line;
};
struct case_input {
    const char *name;
    struct sco_str text;
};
struct case_run {
    struct sco_policies *of;       /* whose cases these are */
    struct sco_policies *policies; /* that run it */
    const struct pl_file *file;
    const struct sco_policy *policy; /* of `of` */
    const char *name, *params;       /* JSON, or NULL */
    uint32_t line;
    struct case_input *inputs;
    size_t n_inputs;
    bool word; /* one word for all */
    enum sco_verdict_kind word_kind;
    struct want *want;
    size_t n_want;
    const struct sco_yaml *actions; /* a list of those that are expected; or NULL */
    struct got *got;
    size_t n_got, cap_got;
    const char *message; /* why it failed */
    uint8_t *seen;       /* per policy of `of`: 1 passed, 2 failed */
    struct sco_arena arena;
};

/* Runs and reports a case that was read; r as of fn. */
int case_execute(struct case_run *c, sco_policy_case_fn fn, void *user, struct sco_error *err);
/* c->policies: a set with nothing but the policy's own file and the libraries of its bundle. */
int case_policies(struct case_run *c, struct sco_error *err);
/* ---- cases_actions.c: of workflows ---- */
/* `event` as the input. */
int case_event(struct case_run *c, const struct sco_yaml *v);
/* c->message: why the actions are not those that were expected. */
int case_judge_actions(struct case_run *c);
bool case_acts(const struct got *g);                                   /* asks for something */
void case_add_value(struct sco_json_out *o, const struct sco_yaml *v); /* YAML as JSON */

struct sco_policies *pl_sub_free(struct sco_policies *p); /* NULL is fine; returns NULL */
int case_file(struct sco_policies *p, const struct pl_file *f, uint8_t *seen, sco_policy_case_fn fn,
              void *user, struct sco_error *err);
