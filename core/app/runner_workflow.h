/* Workflows in the runner: what they asked for, checked, and the jobs that do it. */
#pragma once

#include "runner_priv.h"

#include <secureops/action.h>

struct wanted {
    const char *workflow, *digest;
    enum sco_action_kind kind;
    const struct sco_node *with;
    /* of the check */
    const char *integration, *repository, *location, *host;
    bool foreign; /* a stranger's code, at the stranger's */
    bool strange; /* a stranger's code, in our repository: its branches are none of ours */
};

struct workflow_job {
    struct runner *r;
    const struct sco_node *event;
    const char *integration; /* or NULL */
    const char *const *names;
    size_t n_names, n_judged;
    int64_t depth, asked_at; /* asked_at: when the job was added */
    struct wanted *v;
    size_t n, cap;
    const char *failed; /* the first thing that went wrong; or NULL */
    struct sco_config_integration *integrations;
    size_t n_integrations;
};

bool workflow_is_inner(const struct workflow_job *w); /* the event is of no platform */
const char *workflow_text(const struct workflow_job *w, const struct sco_node *map,
                          const char *name); /* in the runner's arena; or NULL */

/* ---- runner_allow.c ---- */
/* Whether all of it may be done: w->failed says what may not. */
int workflow_allow(struct workflow_job *w, struct sco_error *err);

/* ---- runner_actions.c ---- */
/* What a scan's findings are kept under; NULL: nobody can tell, or the default. */
const char *workflow_branch(const struct workflow_job *w, const struct wanted *x);
/* In the transaction that is open. */
int workflow_do(struct workflow_job *w, size_t i, int64_t now, struct sco_error *err);
/* The last call of the transaction: one row for each action. */
int workflow_audit(const struct workflow_job *w, int64_t now, struct sco_error *err);

/* ---- runner_call.c ---- */
/* A job of kind "call"; `request`: JSON object. */
int runner_call_add(struct sco_store *s, const char *origin, const char *target, const char *unique,
                    struct sco_str request, const char *by, const char *correlation_id, int64_t now,
                    struct sco_error *err);
