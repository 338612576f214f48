/* The daemon as a client: the keys of an OIDC issuer, Vault, a collector of traces. Any thread; a
 * connection per call, libcurl is loaded with the first one (the module http of http.h). */
#pragma once

#include <secureops/base.h>

/* headers: "Name: value", NULL-terminated; NULL: none. An answer of 2xx is appended to `out`, which
 * may be NULL; another status is SCO_E_NETWORK (404: SCO_E_NOT_FOUND, 401, 403: SCO_E_PERMISSION).
 * `limit` is of the answer in bytes. Errors are without what is secret in the URL. */
int web_get(const char *url, const char *const *headers, uint64_t limit, struct sco_buf *out,
            struct sco_error *err) SCO_NODISCARD;
int web_post_json(const char *url, struct sco_str json, int64_t timeout_ms,
                  struct sco_error *err) SCO_NODISCARD;
