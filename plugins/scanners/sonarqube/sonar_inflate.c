/* Raw deflate, RFC 1951, for the members of ZIP archives. The size of the output is known, so it is
 * decoded into memory of exactly that size; anything that does not fill it is an error. */
#include "sonar_priv.h"

enum { BITS_MAX = 15, LITERALS = 288, DISTANCES = 32 };

struct bits {
    const unsigned char *p, *end;
    uint32_t hold;
    unsigned n;
    int bad; /* read beyond the end */
};

/* A canonical Huffman code: how many codes there are of each length, and their symbols in order. */
struct code {
    uint16_t count[BITS_MAX + 1];
    uint16_t symbol[LITERALS];
};

static unsigned take(struct bits *b, unsigned n)
{
    while (b->n < n) {
        if (b->p == b->end) {
            b->bad = 1;
            return 0;
        }
        b->hold |= (uint32_t)*b->p++ << b->n;
        b->n += 8;
    }
    unsigned v = b->hold & ((1u << n) - 1);
    b->hold >>= n;
    b->n -= n;
    return v;
}

/* 0; -1: the lengths are no code (too many for their length). */
static int build(struct code *c, const unsigned char *lengths, unsigned n)
{
    uint16_t offset[BITS_MAX + 1];
    int left = 1;
    memset(c, 0, sizeof *c);
    for (unsigned i = 0; i < n; i++)
        c->count[lengths[i]]++;
    for (unsigned len = 1; len <= BITS_MAX; len++) {
        left = left * 2 - c->count[len];
        if (left < 0)
            return -1;
    }
    offset[1] = 0;
    for (unsigned len = 1; len < BITS_MAX; len++)
        offset[len + 1] = (uint16_t)(offset[len] + c->count[len]);
    for (unsigned i = 0; i < n; i++)
        if (lengths[i])
            c->symbol[offset[lengths[i]]++] = (uint16_t)i;
    return 0;
}

/* The next symbol; -1: none. */
static int decode(struct bits *b, const struct code *c)
{
    int code = 0, first = 0, index = 0;
    for (unsigned len = 1; len <= BITS_MAX; len++) {
        code |= (int)take(b, 1);
        if (b->bad)
            return -1;
        int count = c->count[len];
        if (code - count < first)
            return c->symbol[index + (code - first)];
        index += count;
        first = (first + count) * 2;
        code *= 2;
    }
    return -1;
}

struct out {
    unsigned char *p;
    size_t n, at;
};

static int copy(struct out *o, size_t distance, size_t length)
{
    if (distance > o->at || length > o->n - o->at)
        return -1;
    for (; length; length--, o->at++) /* byte by byte: it may overlap */
        o->p[o->at] = o->p[o->at - distance];
    return 0;
}

static int block(struct bits *b, struct out *o, const struct code *literal,
                 const struct code *distance)
{
    static const uint16_t base[] = {3,  4,  5,  6,  7,  8,  9,  10, 11,  13,  15,  17,  19,  23, 27,
                                    31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258};
    static const uint8_t extra[] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2,
                                    2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0};
    static const uint16_t far[] = {1,    2,    3,    4,    5,    7,    9,    13,    17,    25,
                                   33,   49,   65,   97,   129,  193,  257,  385,   513,   769,
                                   1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577};
    for (;;) {
        int symbol = decode(b, literal);
        if (symbol < 0)
            return -1;
        if (symbol == 256)
            return 0;
        if (symbol < 256) {
            if (o->at == o->n)
                return -1;
            o->p[o->at++] = (unsigned char)symbol;
            continue;
        }
        unsigned at = (unsigned)symbol - 257;
        if (at >= 29)
            return -1;
        size_t length = base[at] + take(b, extra[at]);
        int d = decode(b, distance);
        if (d < 0 || d >= 30)
            return -1;
        size_t back = far[d] + take(b, d < 2 ? 0 : (unsigned)d / 2 - 1);
        if (b->bad || copy(o, back, length) < 0)
            return -1;
    }
}

static int stored(struct bits *b, struct out *o)
{
    b->hold = 0; /* to the next byte */
    b->n = 0;
    if (b->end - b->p < 4)
        return -1;
    size_t n = b->p[0] | (size_t)b->p[1] << 8;
    if ((b->p[2] | (unsigned)b->p[3] << 8) != (~n & 0xffff))
        return -1;
    b->p += 4;
    if ((size_t)(b->end - b->p) < n || n > o->n - o->at)
        return -1;
    if (n)
        memcpy(o->p + o->at, b->p, n);
    b->p += n;
    o->at += n;
    return 0;
}

static int fixed(struct bits *b, struct out *o)
{
    unsigned char lengths[LITERALS + DISTANCES];
    struct code literal, distance;
    for (unsigned i = 0; i < LITERALS; i++)
        lengths[i] = i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8;
    memset(lengths + LITERALS, 5, DISTANCES);
    if (build(&literal, lengths, LITERALS) < 0 || build(&distance, lengths + LITERALS, 30) < 0)
        return -1;
    return block(b, o, &literal, &distance);
}

/* The code lengths of a block, themselves coded. */
static int read_lengths(struct bits *b, const struct code *c, unsigned char *lengths, unsigned n)
{
    for (unsigned i = 0; i < n;) {
        int symbol = decode(b, c);
        unsigned char value = 0;
        unsigned times = 1;
        if (symbol < 0)
            return -1;
        if (symbol < 16) {
            value = (unsigned char)symbol;
        } else if (symbol == 16) {
            if (i == 0)
                return -1;
            value = lengths[i - 1];
            times = 3 + take(b, 2);
        } else {
            times = symbol == 17 ? 3 + take(b, 3) : 11 + take(b, 7);
        }
        if (b->bad || times > n - i)
            return -1;
        memset(lengths + i, value, times);
        i += times;
    }
    return 0;
}

static int dynamic(struct bits *b, struct out *o)
{
    static const uint8_t order[] = {16, 17, 18, 0, 8,  7, 9,  6, 10, 5,
                                    11, 4,  12, 3, 13, 2, 14, 1, 15};
    unsigned char lengths[LITERALS + DISTANCES] = {0}, small[19] = {0};
    struct code literal, distance;
    unsigned n_literal = take(b, 5) + 257, n_distance = take(b, 5) + 1, n = take(b, 4) + 4;
    if (b->bad || n_literal > 286 || n_distance > 30)
        return -1;
    for (unsigned i = 0; i < n; i++)
        small[order[i]] = (unsigned char)take(b, 3);
    if (b->bad || build(&literal, small, 19) < 0 ||
        read_lengths(b, &literal, lengths, n_literal + n_distance) < 0 || !lengths[256])
        return -1;
    if (build(&literal, lengths, n_literal) < 0 ||
        build(&distance, lengths + n_literal, n_distance) < 0)
        return -1;
    return block(b, o, &literal, &distance);
}

int sonar_inflate(struct sco_str in, unsigned char *out, size_t n_out)
{
    struct bits b = {.p = (const unsigned char *)in.p, .end = (const unsigned char *)in.p + in.n};
    struct out o = {out, n_out, 0};
    unsigned last;
    do {
        last = take(&b, 1);
        unsigned type = take(&b, 2);
        int r = b.bad       ? -1
                : type == 0 ? stored(&b, &o)
                : type == 1 ? fixed(&b, &o)
                : type == 2 ? dynamic(&b, &o)
                            : -1;
        if (r < 0)
            return SCO_E_PARSE;
    } while (!last);
    return o.at == o.n ? 0 : SCO_E_PARSE;
}
