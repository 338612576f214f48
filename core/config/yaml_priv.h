/* Between yaml.c (events to nodes) and yaml_tree.c (what happens when a map is complete). */
#pragma once

#include <secureops/yaml.h>

struct yaml_build {
    const char *file;
    uint32_t flags;
    uint32_t nodes, alias_nodes; /* against SCO_YAML_NODES_MAX, SCO_YAML_ALIAS_NODES_MAX */
    struct sco_arena *arena;
    struct sco_map anchors; /* of the current document: name to node */
    struct sco_error *err;
};

/* Counts n more nodes that come out of an alias or merge at `at`. */
int yaml_count_alias(struct yaml_build *b, const struct sco_yaml *at, uint32_t n);

/* Checks the keys of a map whose members are all there and resolves its merge keys. */
int yaml_finish_map(struct yaml_build *b, struct sco_yaml *map);
