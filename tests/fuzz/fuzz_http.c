/* Requests of any bytes: a head is refused with a status or its parts are views into it; targets
 * decode to text without NUL; chunks in two pieces give what they give in one. */
#include "http_priv.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_view(struct sco_str all, struct sco_str s)
{
    SCO_BUG_ON(s.n && (s.p < all.p || s.p + s.n > all.p + all.n));
}

static void check_target(const struct http_head *h)
{
    struct sco_str segments[HTTP_SEGMENTS_MAX], rest = h->query, item;
    char out[HTTP_HEAD_MAX + 1];
    size_t n;
    int count = http_segments(h->path, segments);
    for (int i = 0; i < count; i++) {
        check_view(h->path, segments[i]);
        if (http_decode(segments[i], false, out, &n))
            SCO_BUG_ON(strlen(out) != n || n > segments[i].n || !sco_utf8_valid(sco_str_c(out)));
    }
    while (rest.n && sco_str_split(&rest, '&', &item))
        if (http_decode(item, true, out, &n))
            SCO_BUG_ON(strlen(out) != n);
}

static void check_head(struct sco_str in)
{
    static struct http_head h;
    const char *why = NULL;
    size_t scanned = 0, again = 0;
    long end = http_head_end(in, &scanned);
    /* Byte by byte it ends where it ends at once. */
    long slow = 0;
    for (size_t n = 1; n <= in.n && slow == 0; n++)
        slow = http_head_end(sco_str_make(in.p, n), &again);
    SCO_BUG_ON(end > 0 && slow != end);
    if (end <= 0)
        return;
    struct sco_str head = sco_str_make(in.p, (size_t)end);
    int r = http_head_parse(head, &h, &why);
    SCO_BUG_ON(r != 0 && (r < 400 || r > 599 || !why));
    if (r != 0)
        return;
    check_view(head, h.method);
    check_view(head, h.path);
    check_view(head, h.host);
    for (size_t i = 0; i < h.n_headers; i++) {
        check_view(head, h.headers[i].name);
        check_view(head, h.headers[i].value);
    }
    SCO_BUG_ON(h.chunked && h.content_length >= 0);
    check_target(&h);
}

/* The content of chunks that come in pieces of `step`. -1: malformed. */
static int unchunk(struct sco_str in, size_t step, struct sco_buf *out, size_t *ret_at)
{
    struct http_chunks c = {0};
    int r = 1;
    size_t at = 0;
    while (r > 0 && at < in.n) {
        size_t used = 0, n = in.n - at < step ? in.n - at : step;
        struct sco_str piece;
        r = http_chunks_take(&c, sco_str_make(in.p + at, n), &used, &piece);
        SCO_BUG_ON(used > n || (r > 0 && used == 0));
        if (r >= 0)
            sco_buf_add(out, piece);
        at += used;
    }
    *ret_at = at;
    return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > HTTP_HEAD_MAX + 100)
        return 0;
    char *copy = malloc(size + 1); /* its end is the end */
    memcpy(copy, data, size);
    struct sco_str in = sco_str_make(copy, size);
    check_head(in);
    SCO_AUTO(sco_buf) struct sco_buf one = {0}, two = {0};
    size_t at_one, at_two;
    int a = unchunk(in, size + 1, &one, &at_one), b = unchunk(in, 1, &two, &at_two);
    SCO_BUG_ON(a != b || (a == 0 && at_one != at_two) ||
               (a >= 0 && sco_str_cmp(sco_buf_str(&one), sco_buf_str(&two)) != 0));
    free(copy);
    return 0;
}
