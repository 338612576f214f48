/* Insides of the XML module: the parser (xml.c) tells the tree (xml_tree.c) what it meets.
 *
 * Memory: an element outside of records keeps its attributes and simple children in an arena of its
 * own, which is reused when it ends; a record and all in it is in one arena, which is reused when
 * the record has been handed out. So memory does not grow with the document. */
#pragma once

#include <secureops/xml.h>

#include <secureops/json.h>

struct xml_level {
    struct sco_node *node;
    const struct sco_node **tail; /* where the next member goes */
    bool has_child;
    struct sco_buf text;
    struct sco_arena arena; /* when outside of records */
};

struct xml_tree {
    const char *const *records;
    sco_xml_record_fn fn;
    void *user;
    size_t depth;     /* open elements */
    size_t in_record; /* depth of the outermost open record; 0: none */
    struct sco_arena record;
    struct xml_level *levels; /* SCO_XML_DEPTH_MAX */
    const char *limit;        /* which limit was met, when a result is SCO_E_LIMIT */
};

/* All return 0 or an SCO_E_*; xml_end also what the record function gave. */
int xml_tree_init(struct xml_tree *t);
void xml_tree_done(struct xml_tree *t);
int xml_start(struct xml_tree *t, struct sco_str name);
int xml_attribute(struct xml_tree *t, struct sco_str name, struct sco_str value);
int xml_text(struct xml_tree *t, struct sco_str text);
int xml_end(struct xml_tree *t);

/* A member of a map, with `prefix` and `name` for a key. NULL: no memory, or the arena's limit. */
struct sco_node *xml_member(struct sco_arena *a, struct sco_node *map,
                            const struct sco_node ***tail, const char *prefix, struct sco_str name);
