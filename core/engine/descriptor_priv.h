/* Inside of descriptor.c and descriptor_check.c: a descriptor while it is read. */
#pragma once

#include "engine_priv.h"

#include <secureops/finding.h>
#include <secureops/option.h>

/* The members that are maps. Those without a table have keys of the author's choice. */
enum section { SCANNER, EXCLUDE, REPORT, EXIT_CODES, FIELDS, SNIFF, ENV, SEVERITY_MAP, SECTIONS };

struct reading {
    const char *file;
    const struct sco_yaml *root;
    const struct sco_yaml *map[SECTIONS]; /* NULL: absent */
    struct sco_values v[SECTIONS];        /* of those with a table */
    const char *type;                     /* SCO_TYPE_* by name; NULL: the report tells */
    struct sco_arena *arena;
    struct sco_error *err;
};

#define REFUSE(r, at, ...) sco_yaml_error((r)->err, SCO_E_INVALID, (r)->file, at, __VA_ARGS__)

/* A member of a section as it is written (NULL: absent), and its value. */
const struct sco_yaml *descriptor_node(const struct reading *r, int section, const char *key);
const struct sco_value *descriptor_value(const struct reading *r, int section, const char *key);
/* Item i of a list that may be written as a single value; the place of its key when it is empty. */
const struct sco_yaml *descriptor_item(const struct reading *r, int section, const char *key,
                                       size_t i);

/* What the option tables cannot say. Sets r->type. */
int descriptor_check(struct reading *r);
