/* Own pipelines, for teams without a CI server: a YAML definition, its stages (one for each
 * combination of a matrix), the conditions that decide which of them run. docs/pipelines.md has the
 * format:
 *
 *   env: {CI: "true"}
 *   timeout: 1h                      # of the whole
 *   parallel: 2                      # stages at once
 *   stages:
 *     - name: test
 *       needs: [compile]             # names; without it a stage waits for none
 *       if: branch == "main" && event != "pull_request"
 *       matrix: {python: ["3.11", "3.12"]}
 *       exclude: [{python: "3.11"}]
 *       env: {X: y}
 *       secrets: [DEPLOY_KEY]        # names of stored secrets: variables of the same name
 *       environment: production      # a deployment: for rollback and DORA's measures
 *       approval: true               # waits until somebody who may says yes
 *       timeout: 20m
 *       retries: 1
 *       continue_on_error: false
 *       network: outside             # or none, full
 *       steps:
 *         - {name: unit, run: make check, env: {}, timeout: 5m, retries: 0, directory: sub,
 *            if: always()}
 *         - {name: scan, scan: {types: [SAST], fail_on: high}}
 *       artifacts: [dist]
 *
 * Nothing of a definition is put together to a command: values reach steps as variables
 * (SECUREOPS_BRANCH, SECUREOPS_COMMIT_SHA, MATRIX_PYTHON, ...), never by substitution. */
#pragma once

#include <secureops/base.h>

enum {
    SCO_PIPELINE_SIZE_MAX = 256 << 10,
    SCO_PIPELINE_STAGES_MAX = 256, /* matrix included */
    SCO_PIPELINE_STEPS_MAX = 100,  /* of a stage */
    SCO_PIPELINE_NAME_MAX = 100,
};

struct sco_pipeline_step {
    const char *name;
    const char *run;        /* for `sh -e`; NULL: a scan */
    const char *scan;       /* members of a scan request, JSON object; NULL: run */
    const char *condition;  /* NULL: success() */
    const char *directory;  /* relative; NULL: the checkout */
    const char *const *env; /* "NAME=value", NULL-terminated */
    int64_t timeout_ms;     /* 0: the stage's */
    uint32_t retries;
    bool continue_on_error;
    uint32_t line;
};
struct sco_pipeline_stage {
    const char *name;      /* "test (3.11)" of a matrix: shown, unique */
    const char *stage;     /* "test": what `needs` speaks of */
    const uint32_t *needs; /* indexes of stages, all of a needed matrix */
    size_t n_needs;
    const char *condition;  /* NULL: success() of what it needs */
    const char *const *env; /* of definition, stage and matrix; NULL-terminated */
    const char *const *secrets, *const *artifacts;
    const char *environment; /* or NULL */
    const char *network;     /* "outside", "none", "full" */
    bool approval, continue_on_error;
    int64_t timeout_ms; /* 0: the pipeline's */
    uint32_t retries;
    const struct sco_pipeline_step *steps;
    size_t n_steps;
    uint32_t line;
};
struct sco_pipeline {
    struct sco_pipeline_stage *stages; /* each after all that it needs */
    size_t n;
    int64_t timeout_ms; /* 0: queue.timeout */
    uint32_t parallel;  /* at least 1 */
};
/* Everything lives in the arena. SCO_E_INVALID, SCO_E_PARSE, SCO_E_LIMIT: "file:line:column: ...":
 * an unknown member with the nearest one, a stage that needs itself, a name that is there twice. */
int sco_pipeline_parse(struct sco_str yaml, const char *file, struct sco_arena *arena,
                       struct sco_pipeline *ret, struct sco_error *err) SCO_NODISCARD;

/* Conditions: == != =~ (glob) over texts, && || !, parentheses, success() failure() always(),
 * and the names below. No other names: a misspelt one is an error when the definition is read. */
struct sco_pipeline_facts {
    const char *branch, *tag, *event, *actor, *repository, *commit_sha; /* NULL: "" */
    bool failed;    /* something before, which counts, has failed */
    bool cancelled; /* then only always() holds */
};
int sco_pipeline_check(const char *condition, struct sco_error *err) SCO_NODISCARD;
bool sco_pipeline_holds(const char *condition, const struct sco_pipeline_facts *f); /* NULL: none */
