/* Handlers of scans, findings and policies, called as the server calls them, over a store of their
 * own: a request goes to the handler of its route. */
#pragma once

#include "../store/world.h"
#include "server_priv.h"

struct content {
    struct world *w;
    struct sco_api_options o;
    struct sco_api api; /* its options alone */
    struct api_call c;  /* of the last request, until the next */
    struct sco_error err;
    int r;
    const char *run_output;      /* of the stand-in of `secureops` */
    int run_status, list_status; /* list_status: of "policy list", when it is not 0 */
    char run_dir[300];
    char run_args[2048], run_saw[512]; /* arguments; text of the Dockerfile that it was given */
    char folder[300];                  /* that may be scanned */
};

int content_set_up(void **state);
int content_tear_down(void **state);
/* The request's status: that of the reply, or of the problem that the error becomes. Headers are
 * set in `next` before; body NULL: none. Path without /api/v1, with its query, not escaped. */
int content_ask(struct content *t, const char *method, const char *path, const char *body);
const char *reply(struct content *t); /* text of the reply, also of a file */
const char *header(struct content *t, const char *name);
/* Texts at a path of the reply's JSON: "items.0.id". "" when it is not there. */
const char *at(struct content *t, const char *path);

void send_header(const char *name, const char *value); /* of the next request */
extern struct api_call next; /* what the next request has beside: who, if_match, body_file, ... */
#define expect(t, status, method, path, body)                                                      \
    do {                                                                                           \
        int got_ = content_ask(t, method, path, body);                                             \
        if (got_ != (status))                                                                      \
            fail_msg("%s %s: %d, not %d: %s%s", method, path, got_, status, (t)->err.text,         \
                     got_ < 400 ? reply(t) : "");                                                  \
    } while (0)
#define says(t, part)                                                                              \
    do {                                                                                           \
        if (!strstr((t)->err.text, part))                                                          \
            fail_msg("not \"%s\" but \"%s\"", part, (t)->err.text);                                \
    } while (0)
