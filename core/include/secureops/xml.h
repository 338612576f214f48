/* The XML module: a shared object of its own (xml.so beside the plugins' folder), so that only the
 * workers that read XML load libxml2. The host opens it when a plugin first calls read_xml.
 *
 * The module is part of the same build as the host: `struct_size` is the check that it is. */
#pragma once

#include <secureops/base.h>

#define SCO_XML_MODULE_SYMBOL "sco_xml_module_v1"

enum {
    SCO_XML_DEPTH_MAX = 256,     /* open elements */
    SCO_XML_QUOTES_MAX = 100000, /* quotes in one tag, comment or declaration: libxml2 compares each
                                    attribute with each other one */
    SCO_XML_MARKUP_MAX = 8 << 20, /* bytes of one tag, comment or declaration */
};

struct sco_xml_module {
    uint32_t struct_size;
    uint32_t reserved;
    /* Meaning of the walk as at sco_xml_record_fn in plugin.h. Each element, also as a record or an
     * ancestor, has its local name as `key`. White space between elements is left out; the text of
     * an element with children is what stands between them, together. A simple child is one
     * without elements in it. What `fn` gives other than 0 is the result, without a text in err. */
    int (*read)(const char *path, const char *const *records, sco_xml_record_fn fn, void *user,
                struct sco_error *err);
    /* The root element of a text that may be cut off, with "#name", "#ns" and its attributes, for
     * struct sco_probe. 1, or 0 when the text does not start like XML, or SCO_E_NOMEM. */
    int (*head)(struct sco_str text, struct sco_arena *arena, const struct sco_node **ret);
};

SCO_EXPORT const struct sco_xml_module *sco_xml_module_v1(void);
typedef const struct sco_xml_module *(*sco_xml_module_fn)(void);
