/* Between the reports of compliance. */
#pragma once

#include "report_priv.h"

#include <secureops/compliance.h>

/* ---- compliance_html.c ---- */
void compliance_esc(struct sco_buf *b, const char *z); /* text from outside; NULL is empty */
void compliance_html_begin(struct sco_buf *b, const char *title); /* up to within <h1> */
/* A word of a closed list, as a class and as a label. */
void compliance_add_status(struct sco_buf *b, const char *status);
const char *compliance_label(const char *status); /* "not evaluated" */

/* ---- compliance_text.c ---- */
/* In quotes, and no formula of a spreadsheet; then `end`. */
void compliance_csv_field(struct sco_buf *b, const char *text, char end);
