/* Mail by the configured server: for the daemon and its runners. */
#pragma once

#include <secureops/config.h>

/* Through libcurl, which is loaded with the first mail. Any thread; takes up to a minute. */
int mail_send(const struct sco_config *c, const char *to, const char *subject, const char *text,
              struct sco_error *err) SCO_NODISCARD;
