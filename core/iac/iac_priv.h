/* Between the files of core/iac: building trees, and one reader per format. */
#pragma once

#include <secureops/iac.h>

/* ---- building (build.c) ----
 * Children are collected in a vector of the caller and then moved into the set's arena. Keys are
 * interned: equal keys of one set are one pointer. All return false or SCO_E_NOMEM when out of
 * memory, SCO_E_LIMIT beyond SCO_IAC_NODES_MAX. */
struct iac_span { /* where something stands */
    uint32_t doc, pos, end;
};
struct iac_members {
    struct sco_iac_member *v;
    size_t n, cap;
};
struct iac_items {
    struct sco_iac_node *v;
    size_t n, cap;
};
void iac_members_cleanup_(struct iac_members *m); /* SCO_AUTO(iac_members) */
void iac_items_cleanup_(struct iac_items *m);

const char *iac_key(struct sco_iac_set *s, struct sco_str key); /* interned; NULL: no memory */
int iac_member(struct sco_iac_set *s, struct iac_members *m, struct sco_str key, uint32_t key_pos,
               struct sco_iac_node value);
int iac_item(struct iac_items *m, struct sco_iac_node value);
/* Seals: the vector is empty afterwards and may be used again. A repeated key: the last wins, and
 * *ret_repeated (nullable) gets the first such key. */
int iac_map(struct sco_iac_set *s, struct iac_members *m, struct iac_span at,
            struct sco_iac_node *ret, const char **ret_repeated);
int iac_list(struct sco_iac_set *s, struct iac_items *m, struct iac_span at,
             struct sco_iac_node *ret);
/* The same from any array, for readers that keep one stack of children. `v` is changed. */
int iac_seal_map(struct sco_iac_set *s, struct sco_iac_member *v, size_t n, struct iac_span at,
                 struct sco_iac_node *ret, const char **ret_repeated);
int iac_seal_list(struct sco_iac_set *s, const struct sco_iac_node *v, size_t n, struct iac_span at,
                  struct sco_iac_node *ret);
/* Scalars; text is copied into the arena unless it is already there (keep). */
int iac_str(struct sco_iac_set *s, struct sco_str text, struct iac_span at,
            struct sco_iac_node *ret);
struct sco_iac_node iac_str_keep(struct sco_str text, struct iac_span at); /* NUL-terminated */
struct sco_iac_node iac_int(int64_t i, struct iac_span at);
struct sco_iac_node iac_real(double real, struct iac_span at);
struct sco_iac_node iac_bool(bool b, struct iac_span at);
struct sco_iac_node iac_null(struct iac_span at);
struct sco_iac_node iac_unknown(struct iac_span at);
struct sco_iac_node *iac_node(struct sco_iac_set *s, struct sco_iac_node v); /* into the arena */
/* The digits of a number: INT, REAL, or STR with DIGITS. */
int iac_number(struct sco_iac_set *s, struct sco_str digits, struct iac_span at,
               struct sco_iac_node *ret);

/* ---- documents and resources (set.c) ---- */
/* A new document of the text; the pointer is valid until the next one is added. */
struct sco_iac_doc *iac_doc(struct sco_iac_set *s, struct sco_iac_text *text, uint32_t index,
                            enum sco_iac_format format);
int iac_doc_note(struct sco_iac_set *s, uint32_t doc, const char *fmt, ...) SCO_PRINTF(3, 4);
/* Ends it as FAILED or SKIPPED with the reason; returns 0, or SCO_E_NOMEM. */
int iac_doc_ends(struct sco_iac_set *s, uint32_t doc, enum sco_iac_status status, const char *fmt,
                 ...) SCO_PRINTF(4, 5);
/* A new resource of the last document, with its selectors (NULL-terminated list); all strings are
 * copied. *ret_index (nullable) is its index. pod_spec is set afterwards, in the set's list. */
int iac_resource(struct sco_iac_set *s, uint32_t doc, const char *const *selectors,
                 const char *type, const char *name, const struct sco_iac_node *node,
                 uint32_t parent, uint32_t *ret_index);

/* The number that sco_iac_node.tag holds for a YAML tag. */
int iac_tag(struct sco_iac_set *s, struct sco_str tag, uint32_t *ret);

/* ---- JSON (json.c) ----
 * As sco_iac_json, for a text whose top level is an object: members that `want` does not want are
 * passed over, which is several times as fast, and stand in the tree as UNKNOWN with their place:
 * the bytes [pos, end) of the document's text can be parsed later, with sco_iac_json. What is
 * passed over is looked at for strings and brackets only. */
typedef bool (*iac_json_want_fn)(void *user, struct sco_str key);
int iac_json_filtered(struct sco_iac_set *s, uint32_t doc, struct sco_str text,
                      iac_json_want_fn want, void *user, const struct sco_iac_node **ret,
                      struct sco_error *err);

/* ---- readers ----
 * Each adds the documents of one text (already UTF-8, in the set) and their resources. What is
 * wrong with the text ends in a document; the result is 0, SCO_E_NOMEM or SCO_E_LIMIT. */
typedef int (*iac_reader_fn)(struct sco_iac_set *s, struct sco_iac_text *text,
                             enum sco_iac_format format, uint32_t flags, struct sco_error *err);
int iac_read_dockerfile(struct sco_iac_set *s, struct sco_iac_text *text,
                        enum sco_iac_format format, uint32_t flags, struct sco_error *err);
int iac_read_plan(struct sco_iac_set *s, struct sco_iac_text *text, enum sco_iac_format format,
                  uint32_t flags, struct sco_error *err);
/* YAML and JSON of Kubernetes, Compose, workflows, GitLab; each document goes to the function of
 * its format below, with the tree resolved for it. */
int iac_read_yaml(struct sco_iac_set *s, struct sco_iac_text *text, enum sco_iac_format format,
                  uint32_t flags, struct sco_error *err);
int iac_kubernetes(struct sco_iac_set *s, uint32_t doc);
int iac_compose(struct sco_iac_set *s, uint32_t doc);
int iac_github(struct sco_iac_set *s, uint32_t doc);
int iac_gitlab(struct sco_iac_set *s, uint32_t doc);
int iac_scan(struct sco_iac_set *s, uint32_t doc);
int iac_event(struct sco_iac_set *s, uint32_t doc);
