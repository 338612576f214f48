/* Plans as short texts, trees as short texts: what the plan tests share. */
#pragma once

#include <secureops/iac.h>

#include <setjmp.h>
#include <stdlib.h>
#include <cmocka.h>

struct plan_set {
    struct sco_iac_set set;
    struct sco_buf text, shown;
    struct sco_error err;
};

/* Reads the text, in which ' stands for ", as a plan; one document must come of it. */
const struct sco_iac_doc *plan_load(struct plan_set *f, const char *text);
/* The same with the usual frame around resource_changes and configuration. */
const struct sco_iac_doc *plan_entries(struct plan_set *f, const char *changes,
                                       const char *configuration);
void plan_done(struct plan_set *f);

/* A tree as text: {a:1,b:"x",c:?}; ? is unknown, ! before what is sensitive. Until the next one. */
const char *plan_show(struct plan_set *f, const struct sco_iac_node *v);
const struct sco_iac_resource *plan_find(const struct plan_set *f, const char *name);
/* plan_show of a member of a resource: "values.tags". */
const char *plan_value(struct plan_set *f, const char *resource, const char *path);
void assert_status(const struct sco_iac_doc *d, enum sco_iac_status status, const char *in_reason);
