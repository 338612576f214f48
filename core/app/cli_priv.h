/* Inside of the command line program: arguments, context, commands. */
#pragma once

#include <stdlib.h>
#include <secureops/config.h>
#include <secureops/diff.h>
#include <secureops/engine.h>
#include <secureops/fs.h>
#include <secureops/report.h>
#include <secureops/store.h>
#include <secureops/waivers.h>

/* Exit statuses; docs/command-line.md. */
enum { EXIT_PASSED = 0, EXIT_GATE = 1, EXIT_USAGE = 2, EXIT_INCOMPLETE = 3, EXIT_INTERNAL = 4 };

/* ---- args.c
 * -------------------------------------------------------------------------------------- One table
 * per command is parser and help. */
struct cli;
struct event_base;
struct flag {
    const char *name;   /* "fail-on" */
    char letter;        /* 0: none */
    const char *arg;    /* "SEVERITY"; NULL: a switch; "[=PATH]": may be left out */
    const char *config; /* path of the configuration value that it sets; NULL: see id */
    int id;             /* for the command; 0 when config says it all */
    const char *help;
};
struct command {
    const char *name, *args, *summary, *details;
    const struct flag *flags; /* ends with name NULL; NULL: none */
    int (*run)(struct cli *c);
};
struct cli {
    const struct command *command;
    struct sco_config_input input;
    struct sco_config *config;
    const char **operands;
    size_t n_operands, cap_operands;
    struct sco_arena arena;
    /* what flags with an id said */
    const char *values[96];   /* the last one, by id */
    struct sco_buf lists[96]; /* all of them, comma-separated, by id */
    uint64_t given;           /* bit i: flag i of the command */
    /* places */
    char *exe_dir, *cache_dir, *data_dir;
    const char *worker;
    const char **plugin_dirs, **policy_dirs;
    const char *tools_path;
    struct sco_engine *engine;
    const char **excludes, **scanners, **skip, **require;
    struct sco_threshold *thresholds;
    char *digest_key;
    const char **gates;
    const char *sbom_file;         /* where an SBOM goes; or NULL */
    bool sbom, sbom_auto;          /* one is wanted, or made where it can be */
    const char *const *frameworks; /* compliance: what the policies judge */
    struct assess *assess;         /* what stored scans say of frameworks; or NULL */
    struct sco_waivers *waivers;
    struct sco_comparison *compare; /* or NULL */
    struct panel *panel;
    struct remote *remote;   /* the daemon that is asked in the place of a store; or NULL */
    struct sco_store *store; /* scan, import: open from before the scan to its end; or NULL */
    const struct sco_plan *plan;
    /* secureops-runner: in the place of what the command line does; or NULL */
    void (*on_progress)(struct cli *c, const struct sco_progress *p);
    int (*wanted)(struct cli *c, const char *name); /* -1 never; 0 as configured */
    const struct sco_job_lease *lease, *within;     /* as of struct sco_store_subject */
    int (*attach)(void *user, struct sco_store *s, const struct sco_scan *scan,
                  struct sco_error *err); /* user: this struct */
};
enum {
    ARG_NONE,
    ARG_CONFIG,
    ARG_SET,
    ARG_SCANNERS,
    ARG_SKIP,
    ARG_REQUIRE,
    ARG_FORMAT,
    ARG_OUTPUT,
    ARG_QUIET,
    ARG_NO_PROGRESS,
    ARG_NO_COLOR,
    ARG_ALL,
    ARG_SHOW_SUPPRESSED,
    ARG_DRY_RUN,
    ARG_SCANNER,
    ARG_ROOT,
    ARG_HELP,
    ARG_NO_SANDBOX,
    ARG_TO,
    ARG_POLICIES,
    ARG_POLICY,
    ARG_FRAMEWORK,
    ARG_TRACE,
    ARG_COVERAGE,
    ARG_FOR,
    ARG_DIR,
    ARG_KEY,
    ARG_GATE,
    ARG_WAIVERS,
    ARG_STORE,
    ARG_REPOSITORY,
    ARG_BRANCH,
    ARG_SCOPE,
    ARG_STATUS,
    ARG_SEVERITY,
    ARG_TYPE,
    ARG_TOOL,
    ARG_RULE,
    ARG_CVE,
    ARG_PATH,
    ARG_LIMIT,
    ARG_CURSOR,
    ARG_SORT,
    ARG_REASON,
    ARG_BY,
    ARG_UNTIL,
    ARG_KEEP_SCANS,
    ARG_KEEP_RESOLVED,
    ARG_ENCRYPT_KEY,
    ARG_ACTOR,
    ARG_ACTION,
    ARG_OBJECT,
    ARG_CRON,
    ARG_INTERVAL,
    ARG_TIME_ZONE,
    ARG_WINDOWS,
    ARG_JITTER,
    ARG_CATCH_UP,
    ARG_PRIORITY,
    ARG_PR,
    ARG_TARGET,
    ARG_SERVER,
    ARG_CA_FILE,
    ARG_NO_WAIT,
    ARG_CHECKOUT_SECRET,
    ARG_FAIL_ON,
    ARG_TIMEOUT,
    ARG_OFFLINE,
    ARG_EMAIL,
    ARG_TOTP,
    ARG_SETUP,
    ARG_PASSWORD_STDIN,
    ARG_TOKEN_STDIN,
    ARG_RESOURCE,
    ARG_EXPIRES,
    ARG_CONTROL,
    ARG_VERDICT,
    ARG_EVIDENCE,
    ARG_STALE_DAYS,
    ARG_TEAM,
    ARG_DIFF,
    ARG_BASELINE,
    ARG_BASELINE_WRITE,
    ARG_HEADERS,
    ARG_QUERY,
    ARG_RECEIVED,
    ARG_REQUEST,
    ARG_KIND,
    ARG_SBOM,
};
/* Fills c from argv (after the command's name). SCO_E_INVALID with what to do. */
int args_parse(struct cli *c, int argc, char **argv, struct sco_error *err);
void args_help(const struct command *command, FILE *out);
bool args_has(const struct cli *c, int id);
/* --format of the commands that know table and json only. */
int args_want_json(const struct cli *c, bool *ret, struct sco_error *err);

/* ---- context.c ---- */
int context_load_config(struct cli *c, struct sco_error *err);
int context_open_engine(struct cli *c, struct sco_error *err);
/* The packs, keys, waivers and gates of the configuration; part of context_open_engine. */
const char *context_first_existing(struct cli *c, const char *const *candidates, bool dir);
int context_policies(struct cli *c, struct sco_error *err);
/* Says that the current folder has waivers that are not used. */
void context_mention_waivers(const struct cli *c);
/* Whether there are such gates: asked of the worker, before minutes of scanning. */
int context_check_gates(struct cli *c, struct sco_error *err);
/* Both, and what plugins there are. */
int context_plugins(struct cli *c, const struct sco_plugins **ret, struct sco_error *err);
/* What is configured for scanners: their names, common values, and the options of those that are
 * spoken of; the others may lack what they would require. flags: SCO_VALUES_RESOLVE. */
int context_check_scanners(struct cli *c, const struct sco_plugins *p, uint32_t flags,
                           struct sco_error *err);
/* The progress display, the engine and its temporary files go; signals end the program again. */
void context_close_engine(struct cli *c);
void context_done(struct cli *c);
bool context_color(const struct cli *c, int fd);
/* Prints "secureops: TEXT" on stderr; returns the exit status that belongs to the code. */
int context_fail(const struct sco_error *err);

/* ---- context_store.c ---- */
/* The store of --store and the configuration; SCO_E_INVALID: two of them, a relative path. */
/* Where the store is, or would be. */
int context_where(struct cli *c, const char **ret, struct sco_error *err);
int context_open_store(struct cli *c, bool create, bool any_version, struct sco_store **ret,
                       struct sco_error *err);
/* scan, import: c->store when one is wanted, and it can be said whose findings these will be. */
int context_want_store(struct cli *c, bool import, struct sco_error *err);
/* Findings that people have settled get that status; for the engine, before its gate. */
int context_recall(void *user, struct sco_scan *scan, struct sco_error *err);
int context_save_scan(struct cli *c, struct sco_scan *scan, struct sco_error *err);
/* A list option as bits of `name(0)`, `name(1)`, ...; 0: not given. SCO_E_INVALID. */
int context_bits(struct cli *c, int id, const char *option, uint32_t max,
                 const char *(*name)(uint32_t), uint32_t *ret, struct sco_error *err);
int context_limit(struct cli *c, uint32_t *ret, struct sco_error *err);
const char *context_user(struct cli *c); /* --by, else who runs the program; NULL: no memory */

/* ---- assess.c: compliance of stored scans ---- */
/* Before the scan: the frameworks that it is asked for, or configured. SCO_E_INVALID: one is not
 * there. */
int context_load_frameworks(struct cli *c, struct sco_error *err);
/* Of struct sco_store_subject, with a struct cli: the assessments, then c->attach. */
int context_attach(void *user, struct sco_store *s, const struct sco_scan *scan,
                   struct sco_error *err);

/* ---- panel.c: progress ---- */
struct panel;
struct panel *panel_new(struct event_base *base, bool terminal);
void panel_update(struct panel *p, const struct sco_progress *u);
void panel_hide(struct panel *p); /* until the next update: something else is to be printed */
struct panel *panel_free(struct panel *p); /* clears what is on the screen */

/* ---- signals.c ---- */
void signals_watch(struct sco_engine *e);
struct sco_engine *signals_release(struct sco_engine *e); /* and frees it; returns NULL */

/* ---- commands ---- */
int cmd_scan(struct cli *c);
int cmd_import(struct cli *c);
int cmd_plugin(struct cli *c);
int cmd_doctor(struct cli *c);
int cmd_config(struct cli *c);
int cmd_compliance(struct cli *c);
int cmd_policy(struct cli *c);
int cmd_findings(struct cli *c);
int cmd_scans(struct cli *c);
int cmd_db(struct cli *c);
int cmd_audit(struct cli *c);
int cmd_jobs(struct cli *c);
int cmd_deliveries(struct cli *c);
int cmd_publications(struct cli *c);
int cmd_pipelines(struct cli *c);
int cmd_schedules(struct cli *c);
int cmd_waivers(struct cli *c);
int cmd_login(struct cli *c);
int cmd_logout(struct cli *c);
