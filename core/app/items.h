/* Commands that list things of a store or a daemon, show one by its id, and do something with one:
 * deliveries, jobs, publications. */
#pragma once

#include "remote.h"

struct items_kind {
    const char *name;         /* "deliveries": the command, and the member of JSON */
    const char *heading;      /* of the table */
    size_t size;              /* of an item */
    const char *const *verbs; /* beside list and show; NULL-terminated */
    const char *const *flags; /* that a daemon can be told; NULL-terminated */
    /* `ret` is a page of items; `s` is NULL with a daemon. */
    int (*list)(struct cli *c, struct sco_store *s, struct remote_list *ret, struct sco_error *err);
    int (*one)(struct cli *c, struct sco_store *s, const char *id, struct remote_list *ret,
               struct sco_error *err);
    int (*act)(struct cli *c, struct sco_store *s, const char *verb, const char *id,
               struct sco_error *err);
    void (*row)(const void *item);
    void (*write)(struct sco_json_out *o, const void *item);
};
int items_command(struct cli *c, const struct items_kind *k);

/* Pages of a store have the shape of a list: moves one. */
#define ITEMS_TAKE(page) ((struct remote_list){(page).v, (page).n, (page).cursor, (page).arena})
