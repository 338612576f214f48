/* Between the files that implement config.h. */
#pragma once

#include <secureops/config.h>

#define CONFIG_UNTRUSTED_HINT                                                                      \
    "not taken from a file that was only found in the current folder; name the file with "         \
    "--config to trust it"

struct sco_config_impl;
struct layer;

struct sco_config_override {
    const char *path, *value, *origin;
    bool add; /* to a list, instead of replacing it */
};

enum section_id {
    SECTION_TOP, /* options that are in no section */
    SECTION_SCAN,
    SECTION_GATE,
    SECTION_LOG,
    SECTION_TOOLS,
    SECTION_SECRETS,
    SECTION_POLICIES,
    SECTION_STORE,
    SECTION_SERVER,
    SECTION_QUEUE,
    SECTION_CHECKOUT,
    SECTION_EVENTS,
    SECTION_RETENTION,
    SECTION_SLA,
    SECTION_PIPELINES,
    SECTION_AUTH,
    SECTION_SMTP,
    SECTION_TELEMETRY,
    SECTION_VAULT,
    SECTION_WORKFLOWS,
    SECTION_NOTIFICATIONS,
    SECTION_MAX_
};

struct section {
    const char *name; /* "" for SECTION_TOP */
    const char *doc;
    const struct sco_option *table;
    size_t offset;             /* of the struct that the table fills in struct sco_config */
    const char *const *others; /* keys that are read by hand */
    bool trusted_only;         /* refused as a whole in an untrusted file */
};
extern const struct section config_sections[SECTION_MAX_];

/* One item of gate.thresholds. */
struct threshold_text {
    struct sco_str type, severity;
    int64_t max;
};
extern const struct sco_option config_threshold_table[];

/* rules.c */
extern const struct sco_option config_rule_table[];
int config_take_rules(struct sco_config_impl *c, const struct layer *l, struct sco_error *err);
void config_show_rules(const struct sco_config *c, struct sco_buf *out);

/* integrations.c */
extern const struct sco_option config_integration_table[];
int config_check_integrations(const struct sco_config_impl *c, struct sco_error *err);
void config_show_integrations(const struct sco_config *c, struct sco_buf *out);

/* What every scanner has. */
struct scanner_common {
    struct sco_str enabled;
    int64_t required, timeout;
};
extern const struct sco_option config_scanner_table[];

/* Place of a word in "a,b,c" without regard to case: 0, 1, 2; 0 when it is not there. */
uint32_t config_word_index(const char *words, struct sco_str word);

struct layer {
    const char *file;
    const struct sco_yaml *root;
    bool untrusted;
};

struct sco_config_impl {
    struct sco_config pub; /* first: the snapshot is what is freed */
    struct sco_arena arena;
    struct layer layers[2];
    size_t n_layers;
    const char **env; /* NULL-terminated copies of what starts with SECUREOPS_ */
    const struct sco_config_override *overrides;
    size_t n_overrides;
    struct sco_values values[SECTION_MAX_];
    const char *thresholds_origin;
    struct sco_warnings warnings;
};

/* named.c: sections that are maps of things by name */
enum { CONFIG_NAME_MAX = 64 };
struct config_named_one { /* "scanners", "trivy" */
    const char *section, *name;
    const struct sco_option *table;
};
const struct sco_yaml *config_named(const struct layer *l, const char *section);
/* "trivy" and "timeout" of scanners.trivy.timeout; false for other paths. */
bool config_named_path(const char *section, const char *path, struct sco_str *name,
                       struct sco_str *option);
bool config_named_is_below(const char *section, const char *path); /* or is it */
#define CONFIG_NAME_IS "1 to 64 lower case letters, digits and -, with no - first"
bool config_named_good(struct sco_str name);
/* All layers of one into v. With SCO_VALUES_PARTIAL, what is not in the table is left. */
int config_named_collect(const struct sco_config_impl *c, const struct config_named_one *of,
                         uint32_t flags, struct sco_arena *arena, struct sco_warnings *w,
                         struct sco_values *v, struct sco_error *err);
/* The common rows, then those of of->table. */
int config_named_join(const struct config_named_one *of, const struct sco_option *common,
                      struct sco_arena *arena, const struct sco_option **ret,
                      struct sco_error *err);
/* The plugin's own values, as a JSON object. */
int config_named_write(const struct sco_values *v, const struct sco_option *common, uint32_t flags,
                       struct sco_buf *out, struct sco_error *err);

/* Variable for an option: SECUREOPS_SCAN_JOBS; `section` may have a dot. Into the arena. */
const char *config_env_name(struct sco_arena *arena, const char *section, const char *name);
/* Value of a variable in the snapshot's copy; p NULL when absent or empty. */
struct sco_str config_env_get(const struct sco_config_impl *c, const char *name);

/* Checks everything about scanners that can be checked without their plugins. */
int config_check_common(const struct sco_config_impl *c, struct sco_error *err);
