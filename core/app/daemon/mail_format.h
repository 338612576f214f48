/* The text of a mail. */
#pragma once

#include <secureops/base.h>

struct mail_text {
    const char *from, *to, *subject, *text; /* UTF-8 */
    int64_t now;
};
/* Appends. SCO_E_INVALID: an address or subject that is none. */
int mail_format(const struct mail_text *m, struct sco_buf *out,
                struct sco_error *err) SCO_NODISCARD;
int mail_check_address(const char *address, struct sco_error *err) SCO_NODISCARD;
