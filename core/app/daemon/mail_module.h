/* The module mail.so: SMTP through libcurl, loaded with the first mail. */
#pragma once

#include <secureops/base.h>

#define MAIL_MODULE_SYMBOL "sco_mail_module_v1"

struct mail {
    const char *url, *user, *password; /* user NULL: no login */
    const char *from, *to;             /* addresses, checked */
    struct sco_str message;            /* header and body, lines end with CRLF */
    int64_t timeout_ms;
};
struct mail_module {
    uint32_t struct_size, reserved;
    int (*send)(const struct mail *m, struct sco_error *err);
};
SCO_EXPORT const struct mail_module *sco_mail_module_v1(void);
