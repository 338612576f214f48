/* Between the YAML files: events to nodes (yaml.c), aliases and merge keys (yaml_tree.c), what a
 * plain scalar is (yaml_resolve.c), documents and their formats (read.c). */
#pragma once

#include "set_priv.h"

/* Who reads the text. */
enum iac_schema {
    IAC_SCHEMA_KUBERNETES, /* sigs.k8s.io/yaml: YAML 1.1 booleans, merge keys, keys resolved */
    IAC_SCHEMA_GO3,        /* Compose: 1.2 booleans, 1.1 numbers, merge keys */
    IAC_SCHEMA_RUBY,       /* GitLab: as Compose, but yes, no, on and off are booleans */
    IAC_SCHEMA_CORE,       /* GitHub: YAML 1.2 core, keys are text, no merge keys */
};

/* Resolves a plain scalar. */
int iac_yaml_plain(struct sco_iac_set *s, enum iac_schema schema, struct sco_str text,
                   struct iac_span at, struct sco_iac_node *ret);
/* The text of a key: what the resolved value is as text. Valid until *tmp changes. */
struct sco_str iac_yaml_key_text(const struct sco_iac_node *v, char tmp[32]);

/* ---- one text ---- */
struct iac_anchor {
    struct sco_iac_node node;
    bool complete;
};

struct iac_yaml {
    struct sco_iac_set *s;
    struct sco_iac_text *text;
    enum iac_schema schema;
    uint32_t doc;
    struct iac_members members; /* of all open maps */
    struct iac_items items;     /* of all open lists */
    struct sco_map anchors;     /* of the document: name to struct iac_anchor */
    uint32_t nodes, alias_nodes;
    uint32_t last_end;  /* where the last scalar, alias or flow collection ended */
    bool ascii;         /* characters are bytes */
    bool braces;        /* there is a "{{" somewhere */
    size_t at_char, at; /* a character and its byte: where the last mark was */
    bool complex_key;   /* a key that is no scalar was met: an error, or a template */
    bool helm;          /* a scalar with {{ .Values }} was met */
    uint32_t fault_pos; /* of the error */
    struct sco_error *err;
    void *parser; /* yaml_parser_t */
};

int iac_yaml_open(struct iac_yaml *y, struct sco_iac_set *s, struct sco_iac_text *text,
                  enum iac_schema schema, struct sco_error *err);
void iac_yaml_close(struct iac_yaml *y);
/* The next document, as nodes of document `doc`. 1: *ret is it (a null for an empty one); 0: the
 * text ends; SCO_E_PARSE, SCO_E_LIMIT, SCO_E_NOMEM. */
int iac_yaml_next(struct iac_yaml *y, uint32_t doc, struct sco_iac_node *ret);

int SCO_PRINTF(4, 5)
    iac_yaml_fault(struct iac_yaml *y, int code, uint32_t pos, const char *fmt, ...);
int iac_yaml_limit(struct iac_yaml *y, int code, uint32_t pos); /* of what build.c returns */

/* Stands for a plain "<<" among the members until the map is complete. No interned key. */
extern const char iac_merge_key[];

/* ---- yaml_tree.c ---- */
int iac_yaml_alias(struct iac_yaml *y, struct sco_str name, uint32_t pos, uint32_t depth,
                   struct sco_iac_node *ret);
/* Makes the members from `first` on a map: merge keys, repeated keys. */
int iac_yaml_map(struct iac_yaml *y, size_t first, struct iac_span at, struct sco_iac_node *ret);
