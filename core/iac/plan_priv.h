/* Between the files of the plan reader.
 *
 * A plan is one JSON object, up to a gigabyte, of which about half repeats the other half: only the
 * members that are needed become trees. The mirrors of what is unknown and sensitive are applied to
 * the tree of `after` where it stands (plan_mirror.c), and what policies want ready made is added
 * to the entries of `resource_changes` themselves (plan_changes.c), so that pointers lead into the
 * file. */
#pragma once

#include "iac_priv.h"

enum {
    PLAN_REFERENCES_MAX = 1000, /* of one argument, those of variables and outputs followed */
    PLAN_STEPS_MAX = 10000,     /* references looked at for one argument */
    PLAN_FOLLOW_MAX = 32,       /* variables and outputs behind each other */
    PLAN_MODULES_MAX = 64,      /* modules in each other */
};

/* Keys that are looked for, interned once: they are compared as pointers. */
enum plan_key {
    K_ADDRESS,
    K_TYPE,
    K_NAME,
    K_MODE,
    K_INDEX,
    K_MODULE_ADDRESS,
    K_DEPOSED,
    K_CHANGE,
    K_BEFORE,
    K_AFTER,
    K_AFTER_UNKNOWN,
    K_BEFORE_SENSITIVE,
    K_AFTER_SENSITIVE,
    K_SENSITIVE_VALUES,
    K_ACTIONS,
    K_VALUES,
    K_WILL_EXIST,
    K_IS_NEW,
    K_IS_REPLACED,
    K_IS_DESTROYED,
    K_CONFIGURED,
    K_REFERENCES,
    K_OUTPUTS,
    K_PROVIDERS,
    K_MAX_
};

struct plan {
    struct sco_iac_set *s;
    struct sco_str text;
    uint32_t doc;
    struct sco_iac_node *root;
    const char *key[K_MAX_];
    struct sco_arena scratch; /* module instances and what is cached, until the plan is read */
    struct sco_map modules;   /* address -> plan_module */
    struct sco_map config;    /* module configuration and relative address -> node */
    struct sco_map args;      /* module instance and configuration -> plan_args */
    size_t n_resources, n_malformed;
    bool references_cut;
};

/* ---- plan_mirror.c ---- */
/* Marks in `v` what the mirror (`after_unknown`) says is unknown; members that are only there are
 * added. A node of the set's arena, changed in place. */
int plan_unknown(struct plan *p, struct sco_iac_node *v, const struct sco_iac_node *mirror);
/* Flags what the mirror (`after_sensitive`) says is sensitive, with all that is below it. */
void plan_sensitive(struct sco_iac_node *v, const struct sco_iac_node *mirror);
/* A member of a map by its interned key. `hint` (nullable): the index to look at first. */
struct sco_iac_node *plan_get(const struct sco_iac_node *v, const char *key, uint32_t *hint);

/* ---- plan_address.c ---- */
/* Behind the [key] at s[at]; `at` when there is none. */
size_t plan_key_end(struct sco_str s, size_t at);
/* Behind the name at s[at]. */
size_t plan_name_end(struct sco_str s, size_t at);
/* The next "module.NAME[KEY]" of *rest, with its dot; *ret_key with its brackets, or empty. */
bool plan_module_step(struct sco_str *rest, struct sco_str *ret_name, struct sco_str *ret_key);
/* How much of "data.type.name[key].attribute" is "data.type.name"; 0: no address. */
size_t plan_resource_end(struct sco_str s);

/* ---- plan_module.c ---- */
struct plan_module {        /* an instance */
    struct sco_str address; /* "" for the root */
    struct sco_str key;     /* "[0]" of module.x[0]; or empty */
    struct plan_module *parent;
    const struct sco_iac_node *call;   /* its module_calls entry in the parent; NULL: none */
    const struct sco_iac_node *config; /* root_module, or call.module; NULL: none */
};
/* NULL: no memory. */
struct plan_module *plan_module(struct plan *p, struct sco_str address);
/* A resource's configuration by "type.name" or "data.type.name". 0: *ret is NULL when none. */
int plan_configuration(struct plan *p, const struct plan_module *m, struct sco_str relative,
                       const struct sco_iac_node **ret);

/* ---- plan_refs.c ---- */
struct plan_args { /* what the configuration says of a resource */
    struct sco_iac_node configured, references;
    bool per_instance; /* depends on count.index or each.key */
};
/* `index`: "[0]" of the resource, or empty. */
int plan_args(struct plan *p, struct plan_module *m, const struct sco_iac_node *config,
              struct sco_str index, struct plan_args *ret);

/* ---- plan_changes.c ---- */
struct plan_entry {
    struct sco_iac_node *node; /* of a list: becomes the resource */
    struct sco_str module_address;
    const struct sco_iac_node *actions; /* a list; NULL: planned values do not tell */
    struct sco_iac_node *values;        /* NULL: null */
    const struct sco_iac_node *before;  /* NULL: null */
};
int plan_changes(struct plan *p, struct sco_iac_node *list);
/* Turns an entry into a resource. */
int plan_resource(struct plan *p, struct plan_entry *e);

/* ---- plan_values.c ---- */
int plan_values(struct plan *p, struct sco_iac_node *planned);
