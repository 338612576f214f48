/* Telling formats apart: by name, by a look at the text, by the tree. */
#pragma once

#include "set_priv.h"

/* By the file's name alone; NONE: it says nothing. */
enum iac_name {
    IAC_NAME_NOTHING,
    IAC_NAME_YAML, /* *.yaml, *.yml */
    IAC_NAME_JSON,
    IAC_NAME_PLAN,    /* *.tfplan and what people call the binary plan */
    IAC_NAME_CONTENT, /* may be a Dockerfile */
    IAC_NAME_FORMAT,
};
enum iac_name iac_name_of(const char *path, enum sco_iac_format *ret);

/* What the text looks like without reading it: good enough to choose how scalars are resolved, and
 * to say that a file which cannot be read would have been infrastructure code. */
enum sco_iac_format iac_sniff_yaml(struct sco_str text);
/* Whether the words of Kubernetes objects are anywhere: worth reading, where keys were not seen at
 * the left (explicit keys, lines that end with CR, an indented document behind another one). */
bool iac_sniff_objects(struct sco_str text);
bool iac_sniff_pipeline(struct sco_str text); /* the same of GitLab */
enum sco_iac_format iac_sniff_json(struct sco_str text);
bool iac_sniff_dockerfile(struct sco_str text);

/* By the tree of a document, whatever its schema; `named` decides where the content allows it. */
enum sco_iac_format iac_detect(const struct sco_iac_node *root, enum sco_iac_format named);

bool iac_is_plan(const struct sco_iac_node *root);

/* ---- read.c ---- */
int iac_read_json(struct sco_iac_set *s, struct sco_iac_text *text, enum sco_iac_format format,
                  uint32_t flags, struct sco_error *err);
