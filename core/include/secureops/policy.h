/* Lua policies over located documents: loading bundles, evaluating, testing. For the worker and
 * tests only; what a script does cannot harm more than its own process, and the engine ends that at
 * its deadline. The interface that scripts see is policies/meta/secureops.lua.
 *
 * A bundle is a directory (or an archive of one) with policies (any .lua file outside lib/ and
 * meta/), libraries (lib/), frameworks (compliance/NAME.yaml) and cases (NAME.cases.yaml beside
 * NAME.lua). Its digest is the SHA-256 over "path\0size\0bytes" of all its .lua and .yaml files,
 * sorted by path; every verdict carries it.
 *
 * One state serves all policies of a set: each has an environment of its own, the documents are
 * read-only, and nothing that a policy can reach is shared with another. A set is one thread's.
 */
#pragma once

#include <secureops/iac.h>

enum {
    SCO_POLICY_SOURCE_MAX = 1 << 20, /* bytes of one file */
    SCO_POLICY_FILES_MAX = 10000,    /* of one bundle */
    SCO_POLICY_FAILS_MAX = 1000,     /* places of one resource that one check may fail; more are
                                        counted in the last message */
    SCO_POLICY_MESSAGE_MAX = 4096,
};

struct sco_policy_control { /* "cis-kubernetes" "5.2.2" */
    const char *framework, *control;
};

struct sco_policy {
    const char *id, *title;
    uint32_t severity;             /* SCO_SEV_* */
    const char *const *applies_to; /* lists are NULL-terminated, never NULL */
    const char *const *aliases;    /* as written: "CKV_K8S_16" */
    const struct sco_policy_control *controls;
    size_t n_controls;
    const char *description, *remediation; /* NULL: not said */
    const char *const *links;
    const int64_t *cwe;
    size_t n_cwe;
    bool project;       /* scope = "project" */
    bool workflow;      /* run in the place of check: docs/workflows.md; applies_to "event:..." */
    bool enabled;       /* part of a scan without being chosen */
    bool selected;      /* see sco_policies_select */
    const char *params; /* JSON object of names to defaults */
    const char *file_path; /* below its bundle */
    uint32_t line;         /* of its table, 0: unknown */
    const char *bundle;    /* its directory */
    const char *digest;    /* hex SHA-256 of the bundle */
};

/* A framework: compliance/ID.yaml of a bundle.
 *   id: cis-kubernetes
 *   title: CIS Kubernetes Benchmark
 *   version: "1.23"                 # what the controls were taken from
 *   includes: [other-framework]     # its controls are part of this one
 *   version_param: kubernetes_version   # --framework ID@1.25 sets this parameter of its policies
 *   controls:
 *     - id: "5.2.2"
 *       title: Minimize the admission of privileged containers
 *       description: ...
 *       facts: [...]                # what the scan itself must show, all of them:
 *                                   # scanned:TYPE  a scanner that finds TYPE completed
 *                                   # clean:TYPE:SEVERITY  and nothing of it is open from there up
 *                                   # gated  a gate that the operator chose judged the scan
 *                                   # (TYPE: SAST SCA DAST IAC SECRET LICENSE QUALITY any)
 *       manual: true                # even when policies speak of it, a person has to look
 *       policies: [k8s-rbac-*]      # ids and globs of policies that judge it
 * Which policies judge a control is said there, or by the policies (frameworks = ...). A control
 * with neither policies nor facts is manual. */
struct sco_framework_control {
    const char *id, *title, *description;
    bool manual;
    const char *const *facts;
    const char *const *named;                 /* `policies` as written; NULL-terminated, or NULL */
    const struct sco_policy *const *policies; /* all that judge it; NULL-terminated */
};
struct sco_framework {
    const char *id, *title, *version, *file_path;
    const char *version_param;
    const struct sco_framework_control *controls; /* those of included frameworks too */
    size_t n_controls;
};

struct sco_policy_problem { /* of a bundle: a policy that cannot be used */
    const char
        *message; /* "policies/x.lua:12: unknown field 'serverity': did you mean 'severity'" */
};

struct sco_policy_limits { /* 0: the default in parentheses */
    uint64_t memory;       /* bytes one evaluation may add (16 MiB) */
    uint64_t total_memory; /* bytes of the whole state (512 MiB) */
    uint64_t instructions; /* of one evaluation, and of loading one file (10,000,000) */
};

struct sco_policies;
struct sco_policies_options {
    const char *const *bundles; /* NULL-terminated: directories or archives */
    struct sco_policy_limits limits;
    const char *params; /* JSON: {"policy-id": {"name": value}}, or NULL */
    bool trace, coverage, profile;
    const char *public_keys; /* PEM file: archives must be signed by one of them; or NULL */
    int64_t now_ms; /* Unix time that expiry dates of inline skips are compared with; 0: the time of
                       the input, or else of this machine */
};
/* Loads and checks. A broken policy is a problem and is not in the set; SCO_E_INVALID only for what
 * makes the whole set unusable (no such bundle, unknown parameter, bad signature). */
int sco_policies_load(const struct sco_policies_options *o, struct sco_policies **ret,
                      struct sco_error *err) SCO_NODISCARD;
struct sco_policies *sco_policies_free(struct sco_policies *p);
void sco_policies_cleanup_(struct sco_policies **p);

const struct sco_policy *sco_policies_list(const struct sco_policies *p, size_t *ret_n); /* by id */
const struct sco_policy *sco_policies_find(const struct sco_policies *p,
                                           struct sco_str id_or_alias);
const struct sco_framework *sco_policies_frameworks(const struct sco_policies *p, size_t *ret_n);
const struct sco_policy_problem *sco_policies_problems(const struct sco_policies *p, size_t *ret_n);

/* Chooses what is evaluated. `want`: ids, aliases, globs over both, NULL-terminated; NULL: all, and
 * with only_enabled those with `enabled`. `frameworks`: "ID" or "ID@VERSION": the policies of their
 * controls. `skip` as want, goes last. SCO_E_INVALID: a name that is nothing, with the nearest. */
int sco_policies_select(struct sco_policies *p, const char *const *want,
                        const char *const *frameworks, const char *const *skip, bool only_enabled,
                        struct sco_error *err) SCO_NODISCARD;

/* ---- evaluation ---- */
enum sco_verdict_kind {
    SCO_VERDICT_PASS,
    SCO_VERDICT_FAIL,
    SCO_VERDICT_UNKNOWN,
    SCO_VERDICT_SKIP, /* by a comment or annotation in the document, with its reason */
    SCO_VERDICT_ERROR,
    SCO_VERDICT_NOT_APPLICABLE,
    SCO_VERDICT_MAX_
};
const char *sco_verdict_name(enum sco_verdict_kind k); /* "pass" ... "not_applicable" */

/* A change that would make it pass: replace the bytes [pos, end) of the file by the text. */
struct sco_policy_fix {
    uint32_t pos, end;
    const char *text;
};

struct sco_verdict { /* borrowed for the call */
    const struct sco_policy *policy;
    enum sco_verdict_kind kind;
    const struct sco_iac_doc *doc;
    const struct sco_iac_resource *resource; /* the innermost that holds the place */
    struct sco_iac_place place;
    const char *pointer;              /* of the place in its document; "" for the root */
    const char *message;              /* for people; never holds a sensitive value */
    const char *reason;               /* SKIP: as written; ERROR: traceback; or NULL */
    const char *expires;              /* SKIP: date as written, or NULL */
    const struct sco_policy_fix *fix; /* or NULL */
    const char *trace; /* with options.trace: what the check read, a line each; or NULL */
    /* Of a workflow that passed: what it asks for, JSON [{"action":"call","with":{...}},...],
     * checked (action.h); and the members that it replaces in the event for those after it, or
     * NULL. */
    const char *actions, *changed;
};
typedef int (*sco_verdict_fn)(void *user, const struct sco_verdict *v); /* not 0: stop with it */

/* Evaluates the selected policies over every resource that they apply to, in the order of the
 * documents, then of the policy ids: the same input gives the same verdicts. One FAIL for each
 * place, else one verdict per policy and resource. An error of a policy is a verdict; the function
 * fails only with SCO_E_NOMEM or what fn returned. */
int sco_policies_eval(struct sco_policies *p, const struct sco_iac_set *docs, sco_verdict_fn fn,
                      void *user, struct sco_error *err) SCO_NODISCARD;

struct sco_policy_stats { /* of one policy, since it was loaded */
    uint64_t evaluations, instructions, ns;
    uint64_t verdicts[SCO_VERDICT_MAX_];
};
void sco_policies_stats(const struct sco_policies *p, const struct sco_policy *policy,
                        struct sco_policy_stats *ret);

/* ---- cases ----
 * NAME.cases.yaml: a list of
 *   - policy: k8s-privileged        # id; may be left out when NAME.lua has one policy
 *     name: a privileged container  # what the case shows
 *     file: Dockerfile              # name of the input; tells its format; default input.yaml
 *     input: |                      # its text; or `files: {name: text}` for several
 *       apiVersion: v1
 *     params: {max: 3}
 *     framework: pod-security-baseline@1.25
 *     expect: fail                  # every applicable resource; or a list of
 *     expect:
 *       - {verdict: fail, resource: Pod.default.x, line: 7, pointer: /spec/..., message: glob}
 *                                   # each must match one verdict, and none but pass and
 *                                   # not_applicable may be left over
 * Each case runs in a fresh state, and twice: a policy whose second answer differs keeps state.
 * Cases of workflows have `event: {event: push, ...}` in the place of the input, and expect a list
 * of {ACTION: {member: value}}, in order, where texts are globs; or one of the words. */
struct sco_policy_case_result {
    const char *file_path, *name, *policy;
    uint32_t line;
    bool passed;
    const char *message; /* what differed, expected and got; NULL when passed */
    int64_t ns;
};
typedef int (*sco_policy_case_fn)(void *user, const struct sco_policy_case_result *r);
/* Runs the cases of all bundles (only those of selected policies). Policies without at least one
 * passing and one failing case are reported as a result of their own. With options.coverage the
 * lines that ran are kept for sco_policies_coverage. */
int sco_policies_test(struct sco_policies *p, sco_policy_case_fn fn, void *user,
                      struct sco_error *err) SCO_NODISCARD;

struct sco_policy_coverage { /* of one policy file */
    const char *file_path;
    uint32_t lines, covered;           /* that hold code */
    uint32_t branches, branches_taken; /* both ways of each conditional line */
    const uint32_t *missed;            /* line numbers, ended by 0 */
};
typedef int (*sco_policy_coverage_fn)(void *user, const struct sco_policy_coverage *c);
int sco_policies_coverage(struct sco_policies *p, sco_policy_coverage_fn fn, void *user,
                          struct sco_error *err) SCO_NODISCARD;
