/* A server of the API with routes of its own, over a SQLite store, for tests of the server. Tokens
 * are "ROLE" or "ROLE.NAME", by api_world_bearer; "bad..." is none. */
#pragma once

#include "server_priv.h"

struct api_world {
    struct event_base *base;
    struct sco_threads *threads;
    struct sco_api *api;
    struct sco_api_options o;
    struct api_parts parts;
    char *dir, *store;
    int hello, things, asked; /* calls of handlers, of api_world_bearer */
    bool hold;                /* POST /things waits until it is false */
    char upload[64];          /* size of the last one */
};
/* The one that handlers see. tune may change `o` and `parts` before the start. NULL: defaults. */
int api_world_open(struct api_world *w, void (*tune)(struct api_world *w), struct sco_error *err);
int api_world_bearer(struct sco_auth *a, struct sco_store *s, struct sco_str token,
                     struct sco_arena *arena, struct sco_principal *ret, struct sco_error *err);
void api_world_close(struct api_world *w);
/* Sends the bytes on a new connection, runs the loop until the server closes it (10 s at most) and
 * gives what came, NUL-terminated, to be freed. */
char *api_world_talk(struct api_world *w, const char *bytes, size_t n);
/* METHOD PATH with a token (NULL: none), further header lines ("A: b\r\n" or ""), body or NULL. */
char *api_world_ask(struct api_world *w, const char *method, const char *path, const char *token,
                    const char *headers, const char *body);
int api_world_status(const char *reply);
const char *api_world_body(const char *reply); /* behind the head */
bool api_world_has(const char *reply, const char *header_line);
