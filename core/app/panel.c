/* Progress on stderr: on a terminal a panel with a line per running scanner, redrawn ten times a
 * second; elsewhere one line per change of state. */
#include "cli_priv.h"

#include <event2/event.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { LINES_MAX = 256, TICK_MS = 100 }; /* as many as jobs */

struct line {
    bool running;
    size_t run;
    char name[48];
    char what[96];
    int64_t since_ms;
    uint64_t done, total;
};

struct panel {
    bool terminal;
    struct event *tick;
    struct line lines[LINES_MAX];
    int drawn; /* lines on the screen */
    unsigned frame;
};

static void erase(struct panel *p)
{
    if (p->drawn)
        fprintf(stderr, "\r\033[%dA\033[J", p->drawn);
    p->drawn = 0;
}

static struct winsize screen_size(void)
{
    struct winsize w = {0};
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &w) < 0 || !w.ws_col || !w.ws_row)
        w = (struct winsize){.ws_col = 80, .ws_row = 24};
    return w;
}

static void draw_line(struct panel *p, const struct line *l, int width)
{
    static const char *const frames[] = {"|", "/", "-", "\\"};
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    sco_buf_addf(&b, "  %s %-18s ", frames[p->frame % 4], l->name);
    sco_buf_add_duration(&b, sco_mono_ms() - l->since_ms);
    if (l->total)
        sco_buf_addf(&b, "  %llu/%llu", (unsigned long long)l->done, (unsigned long long)l->total);
    if (l->what[0])
        sco_buf_addf(&b, "  %s", l->what);
    size_t n = b.n < (size_t)width ? b.n : (size_t)width - 1;
    while (n && n < b.n && (b.p[n] & 0xC0) == 0x80) /* not within a character */
        n--;
    fprintf(stderr, "%.*s\n", (int)n, sco_buf_z(&b));
    p->drawn++;
}

static void draw(struct panel *p)
{
    struct winsize size = screen_size();
    int more = 0;
    erase(p);
    for (size_t i = 0; i < LINES_MAX; i++) {
        if (!p->lines[i].running)
            continue;
        if (p->drawn + 2 < size.ws_row) /* what has left the screen cannot be erased */
            draw_line(p, &p->lines[i], size.ws_col);
        else
            more++;
    }
    if (more) {
        fprintf(stderr, "  and %d more\n", more);
        p->drawn++;
    }
    p->frame++;
    fflush(stderr);
}

static void on_tick(evutil_socket_t fd, short what, void *user)
{
    (void)fd;
    (void)what;
    draw(user);
}

struct panel *panel_new(struct event_base *base, bool terminal)
{
    struct panel *p = sco_alloc(1, sizeof *p);
    if (!p)
        return NULL;
    p->terminal = terminal;
    if (terminal) {
        struct timeval tv = {.tv_usec = TICK_MS * 1000};
        p->tick = event_new(base, -1, EV_PERSIST, on_tick, p);
        if (p->tick)
            event_add(p->tick, &tv);
    }
    return p;
}

static void copy_text(char *to, size_t size, const char *from)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    if (from)
        sco_buf_add_printable(&b, sco_str_c(from));
    snprintf(to, size, "%s", sco_buf_z(&b));
}

static void say_start(const struct sco_scanner_run *run)
{
    SCO_AUTO(sco_buf) struct sco_buf target = {0};
    sco_buf_add_printable(&target, sco_str_c(run->target));
    fprintf(stderr, "%s: started on %s\n", run->name, sco_buf_z(&target));
}

static void say_end(const struct sco_scanner_run *run)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0}, took = {0}, target = {0};
    uint64_t n = 0;
    sco_buf_add_printable(&target, sco_str_c(run->target));
    for (size_t i = 0; i < SCO_ARRAY_LEN(run->by_severity); i++)
        n += run->by_severity[i];
    sco_buf_add_duration(&took, run->duration_ms > 0 ? run->duration_ms : 0);
    sco_buf_addf(&b, "%s: %s on %s in %s, %llu finding%s", run->name,
                 sco_run_status_name(run->status), sco_buf_z(&target), sco_buf_z(&took),
                 (unsigned long long)n, n == 1 ? "" : "s");
    if (run->status != SCO_RUN_STATUS_COMPLETED && run->reason) {
        sco_buf_addz(&b, ": ");
        sco_buf_add_printable(&b, sco_str_c(run->reason));
    }
    fprintf(stderr, "%s\n", sco_buf_z(&b));
}

void panel_hide(struct panel *p)
{
    if (!p || !p->terminal)
        return;
    erase(p);
    fflush(stderr);
}

/* The line of a run, or one that is free for it. */
static struct line *line_of(struct panel *p, size_t run)
{
    struct line *free_line = &p->lines[0];
    for (size_t i = LINES_MAX; i-- > 0;) {
        if (p->lines[i].running && p->lines[i].run == run)
            return &p->lines[i];
        if (!p->lines[i].running)
            free_line = &p->lines[i];
    }
    return free_line;
}

void panel_update(struct panel *p, const struct sco_progress *u)
{
    struct line *l = line_of(p, u->index);
    if (p->terminal)
        erase(p);
    if (u->event == SCO_PROGRESS_STARTED) {
        *l = (struct line){.running = true, .run = u->index, .since_ms = sco_mono_ms()};
        copy_text(l->name, sizeof l->name, u->run->name);
        copy_text(l->what, sizeof l->what, u->run->target);
        if (!p->terminal)
            say_start(u->run);
    } else if (u->event == SCO_PROGRESS_WORKING && l->run == u->index) {
        copy_text(l->what, sizeof l->what, u->what);
        l->done = u->done;
        l->total = u->total;
    } else if (u->event == SCO_PROGRESS_ENDED) {
        l->running &= l->run != u->index;
        say_end(u->run);
    }
    if (p->terminal)
        draw(p);
}

struct panel *panel_free(struct panel *p)
{
    if (!p)
        return NULL;
    if (p->terminal)
        erase(p);
    if (p->tick)
        event_free(p->tick);
    fflush(stderr);
    free(p);
    return NULL;
}
