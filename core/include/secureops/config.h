/* The configuration: one immutable snapshot out of layers, the later one stronger:
 *   1. the defaults of the option tables
 *   2. the user's file, $XDG_CONFIG_HOME/secureops/config.yaml
 *   3. --config FILE, or else secureops.yaml in the current folder
 *   4. the environment: SECUREOPS_SCAN_JOBS, SECUREOPS_SCANNERS_TRIVY_TIMEOUT, ...
 *   5. flags of the command line, through sco_config_set
 * Each section is an option table (option.h), so that the reference is generated from it.
 *
 * What is scanned is never configuration. A repository under scan may be hostile: a pull request
 * that brought its own settings could switch the scanner off that would have found it, leave its
 * folder out, or name a program or plugin of its own to be run with the rights of the scan. So
 * `secureops scan /some/where` reads nothing from /some/where. The exception is the current folder,
 * because that is where a developer keeps the file of the own project; but in CI the current folder
 * is often just the pull request. A secureops.yaml that was found there, and not named with
 * --config, is therefore untrusted: it may tune a scan, but whatever makes other code run or gives
 * secrets away (tools, secrets, scan.sandbox, options of scanners that are SCO_OPT_SECRET or
 * SCO_OPT_TRUSTED) is refused in it, with an error that says what to do. Whoever wants the file
 * trusted names it.
 *
 * Options of scanners are known only once the worker has described the plugin. Until then they are
 * kept as located YAML; sco_config_scanner_options checks them against the plugin's table.
 */
#pragma once

#include <secureops/log.h>
#include <secureops/option.h>

/* ---- loading ---- */
struct sco_config_override;

/* Where to load from. Zero-initialise, fill, load, sco_config_input_done. */
struct sco_config_input {
    const char *file;       /* --config; NULL: secureops.yaml of the current folder, if any */
    const char *const *env; /* NULL-terminated NAME=VALUE, as environ; NULL: none */
    bool no_user_file;      /* leave layer 2 out */
    bool no_local_file;     /* leave secureops.yaml of the current folder out */
    struct sco_str text;    /* instead of layers 2 and 3: this text, called `file`; p NULL: none */
    struct sco_config_override *overrides; /* of sco_config_set */
    size_t n_overrides, cap_overrides;
    struct sco_arena arena;
};

/* Notes a value of the strongest layer: path "scan.jobs", "scanners.trivy.timeout", "output". Lists
 * are separated by commas. `origin` names it in messages ("--jobs"). Nothing is checked before the
 * load but that the path has a form. sco_config_add adds to a list that the files may have started.
 * Both copy everything. */
int sco_config_set(struct sco_config_input *in, const char *path, const char *value,
                   const char *origin, struct sco_error *err) SCO_NODISCARD;
int sco_config_add(struct sco_config_input *in, const char *path, const char *value,
                   const char *origin, struct sco_error *err) SCO_NODISCARD;
void sco_config_input_done(struct sco_config_input *in);

/* ---- the snapshot ---- */
/* The sections are filled by their option tables, hence the types of plugin.h. Texts are
 * NUL-terminated. */
struct sco_config_scan {
    int64_t jobs;                /* scanners at once; 0: one per core */
    int64_t timeout;             /* ms, of one scanner; 0: its own default */
    int64_t offline;             /* 1: no network */
    struct sco_str_list exclude; /* globs */
    int64_t
        include_ignored;  /* 1: also what .gitignore and the list of vendored folders leave out */
    int64_t max_findings; /* of one scanner; 0: the engine's limit */
    int64_t output_limit; /* bytes that a scanner's program may write; 0: the engine's limit */
    int64_t memory_limit; /* bytes of address space of a scanner's program; 0: none */
    int64_t sandbox;      /* 0: no Landlock, no seccomp */
};

/* Fails when more than `max` findings of this type have this severity or a higher one. */
struct sco_config_threshold {
    uint32_t type;     /* SCO_TYPE_*; 0: every type */
    uint32_t severity; /* SCO_SEV_* */
    uint64_t max;
};

struct sco_config_gate {
    struct sco_str fail_on_text, on_incomplete; /* as configured */
    struct sco_str_list policies;               /* gates by preset or id */
    bool fail_on_given;                         /* by a file, the environment or a flag */
    uint32_t fail_on;        /* SCO_SEV_*: findings of it and above fail; 0: none do */
    bool warn_on_incomplete; /* incomplete scans are shown, but do not fail */
    const struct sco_config_threshold *thresholds;
    size_t n_thresholds;
};

struct sco_config_log {
    struct sco_str level_text, format_text;
    uint32_t level; /* SCO_LOG_* */
    enum sco_log_format format;
    bool level_given, format_given; /* by a file, the environment or a flag */
};

struct sco_config_tools {     /* relative paths in files are made absolute from the file's folder */
    struct sco_str_list path; /* folders searched for scanners before PATH */
    struct sco_str_list plugins; /* folders with plugins beside the installed ones */
};

struct sco_config_secrets {
    struct sco_str digest_key; /* reference; absent: none. See sco_secret_resolve */
};

struct sco_config_policies { /* paths, made absolute as those of tools */
    struct sco_str_list dirs, keys, waivers;
};

struct sco_config_store {
    struct sco_str path, url; /* at most one; absent: scans are not stored */
    int64_t wait;             /* of the daemon's threads */
};

/* ---- the daemon: docs/daemon.md ---- */
struct sco_config_server {
    struct sco_str listen, tls_cert, tls_key, public_url, data, node, metrics_token;
    struct sco_str_list trusted_proxies, cors_origins;
    int64_t threads, connections, rate, burst, body_limit, upload_limit, idle, request, hsts;
};
struct sco_config_queue {
    int64_t slots, ci_slots, target_max, lease, poll, ageing, attempts, backoff, backoff_max,
        timeout, grace;
    int64_t node_wait;
    struct sco_str_list scanner_limits; /* "zap=1" */
};
struct sco_config_checkout {
    struct sco_str token, ssh_key, known_hosts, cache;
    struct sco_str_list hosts, folders; /* that may be scanned; hosts empty: all, folders: none */
    int64_t depth, submodules, timeout, size_limit, cache_limit;
};
struct sco_config_pipelines { /* own ones: commands of others on this machine */
    int64_t enabled, memory_limit, output_limit, artifact_limit, rollback_approval;
    struct sco_str_list repositories; /* globs; empty: all */
};
struct sco_config_events {
    struct sco_str brokers, prefix, environment, jsonl, group;
    struct sco_str_list kafka; /* "security.protocol=SASL_SSL" */
    struct sco_str kafka_password;
};
struct sco_config_retention { /* ms; 0: for ever */
    int64_t audit, executions, scans, resolved, alerts, activity, events, artifacts, deliveries;
};
struct sco_config_sla { /* ms from first_detected; 0: no end */
    int64_t critical, high, medium, low;
};
struct sco_config_auth {
    struct sco_str key, old_key, oidc_issuer, oidc_audience, oidc_roles_claim, oidc_jwks;
    struct sco_str oidc_repositories_claim, oidc_teams_claim;
    int64_t access, refresh;
};
struct sco_config_smtp {
    struct sco_str url, user, password, from;
};
struct sco_config_telemetry {
    struct sco_str otlp_endpoint;
    double ratio;
};
struct sco_config_vault {
    struct sco_str address, token, namespace_;
};

struct sco_config_workflows {                 /* docs/workflows.md */
    struct sco_str_list after_scan;           /* ids, in order */
    struct sco_str_list on_finding, on_alert; /* ids, in order */
    struct sco_str_list schedule;             /* "ID=CRON" */
    struct sco_str time_zone;                 /* of them */
    struct sco_str_list hosts;                /* that calls may go to; sco_action_host_allowed */
    struct sco_str_list secrets;              /* "NAME=env:X" */
    struct sco_str_list recipients;           /* globs of mail addresses */
    struct sco_str_list targets;              /* globs of repositories that scan() may name */
    int64_t rate;                             /* of one repository, an hour; 0: no limit */
    int64_t timeout;
};
struct sco_config_notifications {
    struct sco_str severity_text;
    uint32_t severity; /* SCO_SEV_* */
    struct sco_str_list kinds, mail, webhooks;
    struct sco_str secret; /* reference; signs what goes to webhooks */
};

/* One item of `rules`: what becomes of an event of a CI platform (ci.h). Empty lists: any, all. */
struct sco_config_rule {
    struct sco_str name;
    struct sco_str_list on, integrations, repositories, branches, actions, actors, paths;
    struct sco_str forks; /* "true" "false" "only" */
    int64_t drafts, scan;
    struct sco_str diff, sbom; /* "auto" "true" "false" */
    struct sco_str_list publish, types, scanners, skip, frameworks, gates;
    struct sco_str fail_on; /* absent: gate.fail_on */
    struct sco_str path;    /* folder of the repository; absent: all of it */
    int64_t timeout, priority;
    struct sco_str_list workflows, pipelines;
    int64_t notify;
    const char *origin; /* file:line:column */
};
/* Whether it is the path of a folder within a repository: names and slashes, no "." or "..". */
bool sco_config_rule_path(struct sco_str path) SCO_NODISCARD;

struct sco_config {
    const struct sco_config_rule *rules;
    size_t n_rules;
    bool rules_given; /* an empty list is one, too: nothing is done */
    struct sco_config_policies policies;
    struct sco_config_store store;
    struct sco_config_server server;
    struct sco_config_queue queue;
    struct sco_config_checkout checkout;
    struct sco_config_pipelines pipelines;
    struct sco_config_events events;
    struct sco_config_retention retention;
    struct sco_config_sla sla;
    struct sco_config_auth auth;
    struct sco_config_smtp smtp;
    struct sco_config_telemetry telemetry;
    struct sco_config_vault vault;
    struct sco_config_workflows workflows;
    struct sco_config_notifications notifications;
    struct sco_config_scan scan;
    struct sco_config_gate gate;
    struct sco_str_list output; /* FORMAT[=PATH] */
    struct sco_config_log log;
    struct sco_config_tools tools;
    struct sco_config_secrets secrets;
    const char *const *files;    /* that were read, the weakest first; NULL-terminated */
    const char *const *warnings; /* for the user; NULL-terminated */
    struct sco_config_impl *impl;
};

/* 0 and a snapshot, or the first thing that is wrong: SCO_E_INVALID, SCO_E_PARSE, SCO_E_LIMIT with
 * "file:line:column: text", SCO_E_NOT_FOUND (a --config FILE that is not there), SCO_E_IO. Nothing
 * refers to `in` afterwards. Read by any number of threads. */
int sco_config_load(const struct sco_config_input *in, struct sco_config **ret,
                    struct sco_error *err) SCO_NODISCARD;
struct sco_config *sco_config_free(struct sco_config *c); /* NULL is fine; returns NULL */
void sco_config_cleanup_(struct sco_config **c);

/* ---- scanners ---- */
/* enabled: what scanner_wanted of engine.h takes. */
#define SCO_ENABLED_NEVER (-1) /* enabled: false */
#define SCO_ENABLED_AUTO 0     /* when it applies and is installed */
#define SCO_ENABLED_ALWAYS 1   /* enabled: true, or required: it must run */

struct sco_config_scanner {
    int32_t enabled;
    bool required;   /* its not finishing makes the scan incomplete */
    bool configured; /* some layer speaks of it */
    int64_t timeout; /* ms; 0: not said */
};
int sco_config_scanner(const struct sco_config *c, const char *name, struct sco_config_scanner *ret,
                       struct sco_error *err) SCO_NODISCARD; /* SCO_E_INVALID: environment,
                                                 or required and never enabled */

/* Checks the configuration of a scanner against its plugin's table (NULL: none) and appends the
 * values, defaults included, as a JSON object. flags: SCO_VALUES_RESOLVE. SCO_E_INVALID also for a
 * table that has one of the names that belong to every scanner. `w` may be NULL. */
int sco_config_scanner_options(const struct sco_config *c, const char *name,
                               const struct sco_option *table, uint32_t flags, struct sco_buf *out,
                               struct sco_warnings *w, struct sco_error *err) SCO_NODISCARD;

/* An error for what is configured for a scanner that is none of the n names: a misspelt name would
 * silently leave a scanner at its defaults. */
int sco_config_check_scanners(const struct sco_config *c, const char *const *names, size_t n,
                              struct sco_error *err) SCO_NODISCARD;

/* ---- integrations ---- */
/* What every integration has. Names are unique; the texts live in the snapshot. */
struct sco_config_integration {
    const char *name, *origin; /* origin: file:line:column */
    struct sco_str plugin;
    struct sco_str_list repositories;
    int64_t enabled, poll, flood_rate, delivery_limit, break_after, break_time;
};
/* Whether somebody says something of that option, one of its plugin perhaps. */
bool sco_config_integration_has(const struct sco_config *c, const char *name, const char *option);
/* All of them, in the order of the files; lists and origins in the arena. */
int sco_config_integrations(const struct sco_config *c, struct sco_arena *arena,
                            struct sco_config_integration **ret, size_t *ret_n,
                            struct sco_error *err) SCO_NODISCARD;
/* As sco_config_scanner_options, for an integration and the table of its plugin. */
int sco_config_integration_options(const struct sco_config *c, const char *name,
                                   const struct sco_option *table, uint32_t flags,
                                   struct sco_buf *out, struct sco_warnings *w,
                                   struct sco_error *err) SCO_NODISCARD;

/* ---- for people ---- */
/* Where one item of a list of `section` stands: "file:line:column", in the arena; of `rules` in
 * the rule of that number. What no file says: its name. NULL: no memory. */
const char *sco_config_item_place(const struct sco_config *c, const char *section, size_t rule,
                                  const char *option, struct sco_str item, struct sco_arena *arena);
/* The effective values as YAML, each with its origin as a comment. Secrets are references. */
void sco_config_show(const struct sco_config *c, struct sco_buf *out);

struct sco_config_doc { /* a plugin of the reference */
    const char *name, *title;
    const struct sco_option *options;
    bool ci; /* of a CI platform */
};
/* Appends the configuration reference (docs/configuration.md) as Markdown. */
void sco_config_docs(const struct sco_config_doc *plugins, size_t n, struct sco_buf *out);
