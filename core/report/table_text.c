/* Text of the table: colours, wrapping and cells, counted in terminal columns. */
#include "table_priv.h"

enum { WRAP_WIDTH_MIN = 20 };

void add_spaces(struct sco_buf *b, size_t n)
{
    while (n--)
        sco_buf_addc(b, ' ');
}

const char *severity_paint(uint32_t severity)
{
    static const char *const paints[SCO_SEV_MAX_] = {
        [SCO_SEV_INFO] = "2",  [SCO_SEV_LOW] = "36",        [SCO_SEV_MEDIUM] = "33",
        [SCO_SEV_HIGH] = "31", [SCO_SEV_CRITICAL] = "1;31",
    };
    return severity < SCO_SEV_MAX_ ? paints[severity] : NULL;
}

static void paint_on(struct table *t, const char *paint)
{
    if (t->o->color && paint)
        sco_buf_addf(t->b, "\x1b[%sm", paint);
}

static void paint_off(struct table *t, const char *paint)
{
    if (t->o->color && paint)
        sco_buf_addz(t->b, "\x1b[0m");
}

void add_painted(struct table *t, const char *paint, struct sco_str text)
{
    paint_on(t, paint);
    sco_buf_add_printable(t->b, text);
    paint_off(t, paint);
}

/* How many bytes of s fill at most `width` columns; whole code points. */
static size_t fitting(struct sco_str s, size_t width)
{
    size_t n = 0, used = 0;
    while (n < s.n) {
        size_t len = 1;
        while (n + len < s.n && ((unsigned char)s.p[n + len] & 0xC0) == 0x80)
            len++;
        used += sco_utf8_width(sco_str_make(s.p + n, len));
        if (used > width)
            break;
        n += len;
    }
    return n;
}

void add_cell(struct sco_buf *b, struct sco_str printable, size_t width)
{
    size_t used = sco_utf8_width(printable);
    if (used > width) {
        struct sco_str cut =
            sco_str_make(printable.p, fitting(printable, width > 2 ? width - 2 : 0));
        sco_buf_add(b, cut);
        sco_buf_addz(b, "..");
        used = sco_utf8_width(cut) + 2;
    } else
        sco_buf_add(b, printable);
    add_spaces(b, used < width ? width - used : 0);
}

void add_number(struct sco_buf *b, uint64_t n, size_t width)
{
    size_t digits = 1;
    for (uint64_t v = n; v >= 10; v /= 10)
        digits++;
    add_spaces(b, digits < width ? width - digits : 0);
    sco_buf_add_i64(b, (int64_t)n);
}

struct line {
    size_t at, start, end; /* columns: now, where text starts, first one beyond the line */
    unsigned number;
};

static void break_line(struct table *t, const struct wrap *w, struct line *l)
{
    sco_buf_addc(t->b, '\n');
    add_spaces(t->b, w->indent);
    l->at = l->start = w->indent;
    l->number++;
}

/* A word that is longer than a line is broken where the line ends. False: no line is left. */
static bool add_word(struct table *t, const struct wrap *w, struct line *l, struct sco_str word)
{
    while (word.n) {
        size_t gap = l->at > l->start;
        size_t room = l->end - 4 * (l->number == w->lines); /* for " ..." */
        size_t width = sco_utf8_width(word), whole = room - w->indent;
        if (l->at + gap + width <= room) {
            add_spaces(t->b, gap);
            sco_buf_add(t->b, word);
            l->at += gap + width;
            return true;
        }
        if (width > whole && l->at + gap < room) {
            struct sco_str part = sco_str_make(word.p, fitting(word, room - l->at - gap));
            if (part.n)
                add_spaces(t->b, gap);
            sco_buf_add(t->b, part);
            word = sco_str_make(word.p + part.n, word.n - part.n);
        }
        if (l->number == w->lines) {
            sco_buf_addz(t->b, " ...");
            return false;
        }
        break_line(t, w, l);
    }
    return true;
}

void add_wrapped(struct table *t, const struct wrap *w, struct sco_str text)
{
    SCO_AUTO(sco_buf) struct sco_buf safe = {0};
    sco_buf_add_printable(&safe, text);
    size_t end = t->columns;
    if (end < w->indent + WRAP_WIDTH_MIN)
        end = w->indent + WRAP_WIDTH_MIN;
    struct line l = {.at = w->used, .start = w->used, .end = end, .number = 1};
    struct sco_str rest = sco_buf_str(&safe), word;
    paint_on(t, w->paint);
    if (l.at >= l.end)
        break_line(t, w, &l);
    bool room = true;
    while (room && sco_str_split(&rest, ' ', &word))
        room = add_word(t, w, &l, word);
    paint_off(t, w->paint);
    t->b->failed |= safe.failed;
}
