/* The HTTP client module: a shared object of its own (http.so beside the plugins' folder), so that
 * only the workers that talk to a server load libcurl. The host opens it when a plugin first calls
 * struct sco_host.http.
 *
 * What it promises beyond struct sco_http_request of plugin.h:
 * - http and https only. At most SCO_HTTP_REDIRECTS_MAX redirects, never from https to http, and to
 *   another origin (scheme, host, port) only without body, headers of the plugin, and user and
 *   password of the URL.
 * - An answer that was cut short, or is larger than its limit, is an error, never a short answer.
 * - 429, 502, 503, 504 and lost connections are tried again with growing, random pauses; a
 *   Retry-After is honoured, unless it reaches beyond the deadline: then the answer is given back.
 *   A POST only when it may be repeated, or when no connection came about.
 * - A server (host and port) that fails `break_after` times in a row is not asked for `break_ms`;
 *   then one request tries it.
 * - Offline, only loopback hosts are asked.
 * - With `public_only` a connection is made to public addresses alone, whatever a name stands for
 *   at that moment; a proxy, which would ask for the name itself, is not used. Without it a
 *   redirect to another origin does not lead to this machine or its link, unless the first answer
 *   came from there, or proxies are configured.
 * - URLs in error texts are without user, password and the values of secret parameters.
 *
 * The module is part of the same build as the host: `struct_size` is the check that it is. */
#pragma once

#include <secureops/address.h>

#define SCO_HTTP_MODULE_SYMBOL "sco_http_module_v1"

enum {
    SCO_HTTP_REDIRECTS_MAX = 5,
    SCO_HTTP_RETRIES_MAX = 20,
    SCO_HTTP_HEADERS_MAX = 64,       /* of a request */
    SCO_HTTP_ANSWER_HEADERS = 200,   /* of an answer; further ones are left out, */
    SCO_HTTP_ANSWER_HEAD = 64 << 10, /* and what is beyond so many bytes */
    SCO_HTTP_BODY_KEPT = 64 << 10,   /* bytes of the answer in memory */
    SCO_HTTP_TIMEOUT_MS = 30000,     /* of one try, when the request has none */
    SCO_HTTP_CONNECT_MS = 10000,
    SCO_HTTP_BACKOFF_MS = 500, /* first pause; doubles */
    SCO_HTTP_BACKOFF_MAX_MS = 30000,
    SCO_HTTP_RETRY_AFTER_MAX_MS = 300000,
    SCO_HTTP_BREAK_AFTER = 5,
    SCO_HTTP_BREAK_MS = 60000,
    SCO_HTTP_SLOW_BYTES = 64, /* a second, over SCO_HTTP_SLOW_MS: given up */
    SCO_HTTP_SLOW_MS = 60000,
};
#define SCO_HTTP_BODY_LIMIT ((uint64_t)256 << 20) /* when the request has none */

/* For tests. `sleep` gives 0, or SCO_E_CANCELLED. */
struct sco_http_clock {
    int64_t (*mono_ms)(void *user);
    int64_t (*unix_ms)(void *user);
    int (*sleep)(void *user, int64_t ms);
    uint32_t (*random)(void *user);
    void *user;
};

struct sco_http_options {
    uint32_t struct_size;
    uint32_t break_after;     /* 0: SCO_HTTP_BREAK_AFTER */
    int64_t break_ms;         /* 0: SCO_HTTP_BREAK_MS */
    int64_t slow_ms;          /* 0: SCO_HTTP_SLOW_MS */
    const char *work_dir;     /* bodies are written here */
    const char *unix_socket;  /* connections go to this one, whatever the URL; NULL: none */
    int64_t deadline_mono_ms; /* 0: none */
    int cancel_fd;            /* readable when the job is cancelled; -1: none */
    bool offline;
    bool public_only;                   /* others name the hosts; SCO_E_PERMISSION */
    struct sco_arena *arena;            /* of what answers point to */
    const struct sco_http_clock *clock; /* NULL: the real one */
    /* For tests. NULL: sco_address_reach, and what this machine's interfaces have is its own. */
    enum sco_address_reach (*reach)(const struct sockaddr *a);
    /* What is known of servers (failures in a row, when they may be asked again, their rates), for
     * all processes that have this file. NULL: nothing is shared or kept. */
    const char *state_file;
};

struct sco_http; /* connections, breakers and rates of one job */

struct sco_http_module {
    uint32_t struct_size;
    uint32_t reserved;
    /* `o` is copied, what it points to is borrowed until close. */
    int (*open)(const struct sco_http_options *o, struct sco_http **ret, struct sco_error *err);
    struct sco_http *(*close)(struct sco_http *c); /* NULL is fine; returns NULL */
    /* 0 and *r when there is an HTTP status. SCO_E_INVALID: the request; SCO_E_PERMISSION: offline;
     * SCO_E_NETWORK, SCO_E_TIMEOUT, SCO_E_LIMIT, SCO_E_CANCELLED, SCO_E_IO. */
    int (*request)(struct sco_http *c, const struct sco_http_request *q,
                   struct sco_http_response *r, struct sco_error *err);
    /* Appends the URL without what is secret in it. */
    void (*mask_url)(struct sco_buf *out, struct sco_str url);
    /* The same as `request`, with the whole of a regular file as body; `fd` stays the caller's.
     * SCO_E_IO: it cannot be read, or has become shorter. */
    int (*send_file)(struct sco_http *c, const struct sco_http_request *q, int fd,
                     struct sco_http_response *r, struct sco_error *err);
};

SCO_EXPORT const struct sco_http_module *sco_http_module_v1(void);
typedef const struct sco_http_module *(*sco_http_module_fn)(void);
