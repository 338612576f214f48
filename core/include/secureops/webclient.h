/* A client of HTTP servers for the programs that are no worker: the command line with a daemon, the
 * daemon with Vault and others. The module http (http.h) with a folder for what is answered;
 * libcurl is loaded with the first client. One thread at a time. */
#pragma once

#include <secureops/http.h>

struct webclient_options {
    const char *prefix;       /* of the folder's name */
    const char *unix_socket;  /* as in struct sco_http_options */
    int64_t deadline_mono_ms; /* 0: none */
    int cancel_fd;            /* -1: none */
    uint32_t break_after;     /* 0: as the module has it */
    bool public_only;
};
struct webclient;
int webclient_open(const struct webclient_options *o, struct webclient **ret,
                   struct sco_error *err) SCO_NODISCARD;
struct webclient *webclient_close(struct webclient *w); /* NULL is fine; returns NULL */
/* Any status is 0. fd: of a regular file that is the body; -1: the request has it. What is answered
 * lives until the next request. */
int webclient_request(struct webclient *w, const struct sco_http_request *q, int fd,
                      struct sco_http_response *ret, struct sco_error *err) SCO_NODISCARD;
/* Appends what was answered. SCO_E_LIMIT. */
int webclient_body(const struct sco_http_response *a, uint64_t limit, struct sco_buf *out,
                   struct sco_error *err) SCO_NODISCARD;
void webclient_mask_url(const struct webclient *w, struct sco_buf *out, const char *url);
