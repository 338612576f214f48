/* Inside of the table. */
#pragma once

#include "report_priv.h"

#define PAINT_BOLD "1"
#define PAINT_DIM "2"
#define PAINT_RED "31"
#define PAINT_GREEN "32"
#define PAINT_YELLOW "33"

struct table {
    const struct sco_scan *scan;
    const struct sco_report_options *o;
    struct sink *s;
    struct sco_buf *b;  /* of the sink */
    struct sco_buf tmp; /* text that is being put together */
    size_t columns;
};

/* ---- table_text.c ---------------------------------------------------------------------------- */
void add_spaces(struct sco_buf *b, size_t n);
/* Text in a colour (NULL: none). Everything from outside goes through sco_buf_add_printable. */
void add_painted(struct table *t, const char *paint, struct sco_str text);
/* Words from column `used` on; further lines start at `indent`. What does not fit in `lines` lines
 * ends with "...". */
struct wrap {
    size_t used, indent;
    unsigned lines;
    const char *paint;
};
void add_wrapped(struct table *t, const struct wrap *w, struct sco_str text);
/* At most `width` columns of a printable text, with ".." when it was longer, then padding. */
void add_cell(struct sco_buf *b, struct sco_str printable, size_t width);
void add_number(struct sco_buf *b, uint64_t n, size_t width); /* right-aligned */
const char *severity_paint(uint32_t severity);

/* ---- table_findings.c ------------------------------------------------------------------------ */
void table_findings(struct table *t);

/* ---- policies.c ---- */
void policies_table(struct table *t);
