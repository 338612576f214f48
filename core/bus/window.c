/* Which of the events that were handed on are acknowledged without a gap. */
#include "bus_priv.h"

#include <stdlib.h>

int bus_window_init(struct bus_window *w, size_t cap)
{
    size_t n = 1;
    while (n < cap)
        n *= 2;
    *w = (struct bus_window){.v = sco_alloc(n, sizeof *w->v), .cap = n};
    return w->v ? 0 : SCO_E_NOMEM;
}

void bus_window_done(struct bus_window *w)
{
    free(w->v);
    *w = (struct bus_window){0};
}

void bus_window_start(struct bus_window *w, int64_t position)
{
    w->first = w->next; /* numbers go on: a late acknowledgement of what was given up is none */
    w->position = position;
}

uint64_t bus_window_push(struct bus_window *w, int64_t position)
{
    SCO_BUG_ON(bus_window_full(w));
    w->v[w->next & (w->cap - 1)] = (struct bus_slot){.position = position};
    return w->next++;
}

void bus_window_ack(struct bus_window *w, uint64_t number)
{
    if (number < w->first || number >= w->next)
        return;
    w->v[number & (w->cap - 1)].done = true;
    w->acknowledged++;
    while (w->first < w->next && w->v[w->first & (w->cap - 1)].done)
        w->position = w->v[w->first++ & (w->cap - 1)].position;
}
