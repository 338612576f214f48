/* Targets and chunked bodies. */
#include "http_priv.h"

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool http_decode(struct sco_str in, bool plus, char *out, size_t *ret_n)
{
    size_t n = 0;
    for (size_t i = 0; i < in.n; i++) {
        int c = (unsigned char)in.p[i];
        if (c == '%') {
            int high = i + 2 < in.n ? hex(in.p[i + 1]) : -1;
            int low = high < 0 ? -1 : hex(in.p[i + 2]);
            if (low < 0)
                return false;
            c = high * 16 + low;
            i += 2;
        } else if (c == '+' && plus) {
            c = ' ';
        }
        if (c < 0x20 || c == 0x7f)
            return false;
        out[n++] = (char)c;
    }
    out[n] = 0;
    if (!sco_utf8_valid(sco_str_make(out, n)))
        return false;
    *ret_n = n;
    return true;
}

/* "." and "..", also as %2e: what a proxy in front may have read as another path. */
static bool is_dots(struct sco_str s)
{
    size_t dots = 0;
    for (size_t i = 0; i < s.n; dots++) {
        if (s.p[i] == '.')
            i++;
        else if (i + 2 < s.n && s.p[i] == '%' && s.p[i + 1] == '2' && (s.p[i + 2] | 0x20) == 'e')
            i += 3;
        else
            return false;
    }
    return dots == 1 || dots == 2;
}

int http_segments(struct sco_str path, struct sco_str out[HTTP_SEGMENTS_MAX])
{
    if (path.n == 0 || path.p[0] != '/')
        return -1;
    if (path.n == 1)
        return 0;
    struct sco_str rest = sco_str_make(path.p + 1, path.n - 1), s;
    int n = 0;
    while (sco_str_split(&rest, '/', &s)) {
        bool last = rest.p == NULL;
        if ((s.n == 0 && !last) || is_dots(s) || n == HTTP_SEGMENTS_MAX)
            return -1;
        out[n++] = s;
    }
    return n;
}

/* The line of a chunk's size, byte by byte. -1: malformed. */
static int take_size(struct http_chunks *c, char b)
{
    int v = c->state == CHUNK_SIZE ? hex(b) : -1;
    if (v >= 0) {
        if (++c->digits > 15)
            return -1;
        c->left = c->left * 16 + (uint64_t)v;
        return 1;
    }
    if (c->digits == 0)
        return -1;
    if (b == '\r') {
        c->state = CHUNK_LF;
        return 1;
    }
    if (c->state == CHUNK_SIZE && b != ';')
        return -1;
    c->state = CHUNK_EXTENSION; /* of no use to anybody, and bounded */
    return ((unsigned char)b < 0x20 && b != '\t') || b == 0x7f || ++c->extra > 256 ? -1 : 1;
}

/* Trailers are read and forgotten. */
static int take_trailer(struct http_chunks *c, char b)
{
    if (++c->extra > HTTP_TRAILER_MAX || (c->cr && b != '\n') || (b == '\n' && !c->cr) || b == 0)
        return -1;
    c->cr = b == '\r';
    if (b == '\n') {
        if (c->line_empty) {
            c->state = CHUNK_DONE;
            return 0;
        }
        c->line_empty = true;
    } else if (b != '\r') {
        c->line_empty = false;
    }
    return 1;
}

static int take_byte(struct http_chunks *c, char b)
{
    switch (c->state) {
    case CHUNK_SIZE:
    case CHUNK_EXTENSION:
        return take_size(c, b);
    case CHUNK_LF:
        if (b != '\n')
            return -1;
        c->last = c->left == 0;
        c->extra = 0;
        c->line_empty = true;
        c->cr = false;
        c->state = c->last ? CHUNK_TRAILER : CHUNK_DATA;
        return 1;
    case CHUNK_CR:
        c->state = CHUNK_END_LF;
        return b == '\r' ? 1 : -1;
    case CHUNK_END_LF:
        c->state = CHUNK_SIZE;
        c->digits = c->extra = 0;
        return b == '\n' ? 1 : -1;
    case CHUNK_TRAILER:
        return take_trailer(c, b);
    case CHUNK_DATA:
    case CHUNK_DONE:
        break;
    }
    return -1;
}

int http_chunks_take(struct http_chunks *c, struct sco_str in, size_t *ret_used,
                     struct sco_str *ret_data)
{
    *ret_data = sco_str_make(in.p, 0);
    *ret_used = 0;
    for (size_t i = 0; i < in.n; i++) {
        if (c->state == CHUNK_DATA) {
            size_t n = in.n - i < c->left ? in.n - i : (size_t)c->left;
            *ret_data = sco_str_make(in.p + i, n);
            *ret_used = i + n;
            c->left -= n;
            if (c->left == 0)
                c->state = CHUNK_CR;
            return 1;
        }
        int r = take_byte(c, in.p[i]);
        *ret_used = i + 1;
        if (r <= 0)
            return r;
    }
    return 1;
}
