/* Between the files that implement option.h. */
#pragma once

#include <secureops/option.h>

/* Rows are well-formed: names, types, flags, ranges, defaults. SCO_E_INVALID with the row's name.
 */
int option_table_check(const struct sco_option *table, struct sco_arena *arena,
                       struct sco_error *err);

/* One text as a value of the row; texts are copied. Errors say what is expected and never repeat
 * the value of a secret. For LIST, the text is split at commas. */
int option_parse(const struct sco_option *row, struct sco_str text, struct sco_arena *arena,
                 struct sco_value *ret, struct sco_error *err);

/* "expected a duration such as 30s, got ..." */
int option_expected(const struct sco_option *row, const char *got, struct sco_error *err);

/* A text of a list or string: length, no NUL. */
int option_check_text(struct sco_str text, struct sco_error *err);

/* The exact value in its largest whole unit: 90s, 64KiB. */
void option_print_number(uint32_t type, int64_t v, struct sco_buf *out);

/* The name in the table, or among the others (nullable), nearest to a wrong one, or NULL. */
const char *option_nearest(const struct sco_option *table, const char *const *others,
                           struct sco_str name);

/* Up to 80 bytes of a text in quotes, made printable. */
void option_quote(struct sco_buf *out, struct sco_str text);
