/* What the files of the Dependency-Check plugin share. JSON and XML reports have the same members
 * under the same names, so both are read through dc_text and dc_items. */
#pragma once

#include <stddef.h>

#include "../../common/report.h"

#define DC_TOOL "Dependency-Check"

enum {
    DC_RELATED_MAX = 200,    /* further files of one dependency that are listed */
    DC_REFERENCES_MAX = 200, /* of one vulnerability */
    DC_CWES_MAX = 50,
};

struct dc { /* the plugin's context */
    const struct sco_host *h;
    struct sco_str data_directory, nvd_api_key, nvd_datafeed, java_options;
    struct sco_str ossindex_user, ossindex_password;
    struct sco_str_list suppression, exclude, disable;
    int64_t update, nvd_api_delay, experimental;
};

/* A dependency and what its findings have in common. */
struct component {
    const struct sco_node *node;
    struct sco_str name, version, ecosystem, purl, file_name, file_path, cpe;
    struct sco_location *related;
    size_t n_related;
};

/* ---- both shapes ---- */

/* The text of a member: a JSON scalar, or the text of an XML element. Trimmed. */
struct sco_str dc_text(const struct sco_node *node, const char *name);
/* The members of a list: JSON `outer` is a list; XML: the `inner` elements in `outer`, or in the
 * node itself when `outer` is absent. Returns how many were put into `items`. */
size_t dc_items(const struct sco_node *node, const char *outer, const char *inner,
                const struct sco_node **items, size_t max);
struct sco_str dc_self(const struct sco_node *item); /* the item's own text */
struct sco_str dc_trim(struct sco_str s);

/* ---- parts ---- */
/* Who the dependency is. The texts live until the next finding. */
void dc_component(const struct sco_host *h, const struct sco_node *dependency,
                  struct component *ret);
/* Reports one vulnerability of a dependency. 0, REP_UNUSABLE, or an error. */
int dc_vulnerability(struct rep_doc *doc, const struct component *c, const struct sco_node *v,
                     int suppressed);
int dc_parse(void *ctx, const struct sco_input *in, struct sco_errbuf *e);
int dc_run(void *ctx, const struct sco_job *job, struct sco_errbuf *e);
