/* Helpers of the JSON tests: text as a file, and a document read in every way there is, as text. */
#pragma once

#include <secureops/json.h>

/* Path of a memory file with this content; replaced by the next call. */
const char *text_file(struct sco_str text);
/* Appends to that file, or cuts it. */
void text_file_append(struct sco_str text);
void text_file_truncate(size_t size);

/* The text as compact JSON, through sco_json_parse(). 0, or the error. */
int dump_parsed(struct sco_str text, struct sco_buf *out, struct sco_error *err);
/* The same through a reader, with these members deferred and walked, all the way down. */
int dump_walked(struct sco_reader *r, const char *const *deferred, struct sco_buf *out,
                struct sco_error *err);
/* One node, its deferred parts included. */
int dump_node(struct sco_reader *r, const struct sco_node *v, const char *const *deferred,
              struct sco_json_out *o, struct sco_error *err);
