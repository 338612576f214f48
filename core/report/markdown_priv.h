/* Inside of Markdown. */
#pragma once

#include "report_priv.h"

enum { MARKDOWN_URL_MAX = 1000 };

/* One line of text that means nothing but itself, at most `max` bytes; "..." when it was longer. */
void markdown_text(struct sco_buf *b, const char *z, size_t max);
/* The same as code, where it can be. */
void markdown_code(struct sco_buf *b, const char *z, size_t max);
void markdown_url_path(struct sco_buf *b, const char *path); /* escaped for an URL */
bool markdown_is_url(const char *z); /* http or https, and nothing in it that ends a link */
