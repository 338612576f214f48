/* The API as it is (its routes, its document, real accounts and tokens) over a SQLite store, for
 * tests of routes. api_world.h has what asks it. */
#pragma once

#include "api_world.h"

/* tune may change w->o. */
int api_fixture_open(struct api_world *w, void (*tune)(struct api_world *w), struct sco_error *err);
void api_fixture_close(struct api_world *w);
/* A store of the fixture's database, to be closed. */
struct sco_store *api_fixture_store(struct api_world *w, struct sco_error *err);
/* An API token of a new user with these roles ("developer,viewer") and repositories ("": all);
 * valid until the next call. */
const char *api_fixture_token(struct api_world *w, const char *roles, const char *repositories);
