/* Where a place of the new file is in the change. */
#include "diff_priv.h"

/* The first line behind the hunk, in the new file and in the old one. */
static int64_t end_of(int32_t line, int32_t n)
{
    return (int64_t)line + (n ? n : 1);
}

/* The first hunk that ends behind `line`, or n_hunks. */
static size_t first_behind(const struct sco_diff_file *f, int32_t line)
{
    size_t low = 0, high = f->n_hunks;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (end_of(f->hunks[middle].line, f->hunks[middle].n) <= line)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_new(const struct sco_diff_hunk *h, int32_t at, bool strict)
{
    if (!h->moved)
        return true;
    uint8_t how = h->moved[at];
    return how == SCO_DIFF_ADDED || (strict && how == SCO_DIFF_INDENTED);
}

static bool touches(const struct sco_diff_hunk *h, int32_t line, int32_t end, bool strict)
{
    if (!h->n) /* removed behind h->line */
        return h->lost && h->line >= line && h->line < end;
    int32_t last = h->line + h->n - 1;
    if (last < line || h->line > end)
        return false;
    if (h->lost && end > line)
        return true;
    for (int32_t i = h->line > line ? h->line : line; i <= last && i <= end; i++)
        if (is_new(h, i - h->line, strict))
            return true;
    return false;
}

/* Something in it is not what it was. */
static bool file_touched(const struct sco_diff_file *f, bool strict)
{
    if (f->binary || f->module || !f->old_path)
        return true;
    for (size_t i = 0; i < f->n_hunks; i++) {
        const struct sco_diff_hunk *h = &f->hunks[i];
        if (h->lost)
            return true;
        for (int32_t k = 0; k < h->n; k++)
            if (is_new(h, k, strict))
                return true;
    }
    return false;
}

enum sco_diff_place sco_diff_lines(const struct sco_diff_file *f, int32_t line, int32_t end_line,
                                   bool strict)
{
    int32_t end = end_line > line ? end_line : line;
    if (f->binary || f->module)
        return SCO_DIFF_TOUCHED;
    if (line <= 0)
        return file_touched(f, strict) ? SCO_DIFF_TOUCHED : SCO_DIFF_SAME;
    for (size_t i = first_behind(f, line); i < f->n_hunks && f->hunks[i].line <= end; i++)
        if (touches(&f->hunks[i], line, end, strict))
            return SCO_DIFF_TOUCHED;
    return SCO_DIFF_SAME;
}

int32_t sco_diff_old_line(const struct sco_diff_file *f, int32_t line)
{
    size_t at = first_behind(f, line);
    if (at < f->n_hunks && f->hunks[at].n && f->hunks[at].line <= line)
        return 0;
    /* a hunk that only removes ends behind the line after which it does so */
    const struct sco_diff_hunk *h = at ? &f->hunks[at - 1] : NULL;
    if (!f->old_path || f->binary || f->module)
        return 0;
    return h ? (int32_t)(line - end_of(h->line, h->n) + end_of(h->old_line, h->old_n)) : line;
}
