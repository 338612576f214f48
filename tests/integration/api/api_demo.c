/* The server of the unit tests as a program, for clients that are written in Python:
 *
 *     api_demo [KEY=VALUE...]     listen, cert, key, spool, idle_ms, request_ms, connections
 *
 * Prints "port N"; SIGHUP reads the certificate again ("reloaded" or why not); SIGTERM stops when
 * what is under way is answered. */
#include "api_world.h"

#include <signal.h>
#include <stdlib.h>

static int n_args;
static char **args;

static void set(struct sco_api_options *o, struct sco_str name, const char *value)
{
    int64_t n = 0;
    (void)sco_parse_i64(sco_str_c(value), 0, INT64_MAX, &n);
    if (sco_str_is(name, "listen"))
        o->listen = value;
    else if (sco_str_is(name, "cert"))
        o->tls_cert = value;
    else if (sco_str_is(name, "key"))
        o->tls_key = value;
    else if (sco_str_is(name, "spool"))
        o->spool = value;
    else if (sco_str_is(name, "idle_ms"))
        o->idle_ms = n;
    else if (sco_str_is(name, "request_ms"))
        o->request_ms = n;
    else if (sco_str_is(name, "connections"))
        o->connections_max = (uint32_t)n;
    else
        exit(2);
}

static void tune(struct api_world *w)
{
    w->o.rate = w->o.burst = 1000000;
    for (int i = 1; i < n_args; i++) {
        struct sco_str rest = sco_str_c(args[i]), name;
        (void)sco_str_split(&rest, '=', &name);
        set(&w->o, name, rest.p ? rest.p : "");
    }
}

static void on_stop(evutil_socket_t fd, short what, void *user)
{
    struct api_world *w = user;
    (void)fd;
    (void)what;
    sco_api_stop(w->api);
    w->hold = false;
    event_base_loopexit(w->base, &(struct timeval){0, 300000});
}

static void on_reload(evutil_socket_t fd, short what, void *user)
{
    struct api_world *w = user;
    struct sco_error err;
    (void)fd;
    (void)what;
    puts(sco_api_reload(w->api, &w->o, &err) == 0 ? "reloaded" : err.text);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    struct api_world w;
    struct sco_error err;
    n_args = argc;
    args = argv;
    if (api_world_open(&w, tune, &err) < 0) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    struct event *stop = evsignal_new(w.base, SIGTERM, on_stop, &w);
    struct event *reload = evsignal_new(w.base, SIGHUP, on_reload, &w);
    event_add(stop, NULL);
    event_add(reload, NULL);
    printf("port %d\n", sco_api_port(w.api));
    fflush(stdout);
    event_base_dispatch(w.base);
    event_free(stop);
    event_free(reload);
    api_world_close(&w);
    return 0;
}
