/* Which lines of a compiled file hold code, and where conditions lead: read from Lua's own dump,
 * because functions that never ran are nowhere else to be seen. The format is that of Lua 5.4; in
 * doubt the answer is no. */
#include "policy_priv.h"

#include <stdlib.h>

enum {
    HEADER = 31,        /* signature to test number */
    OP_VARARGPREP = 81, /* of every file, on its first line */
    OP_JMP = 56,
    FIRST_TEST = 57,
    LAST_TEST = 67,              /* EQ ... TESTSET */
    JUMP_OFFSET = (1 << 24) - 1, /* of sJ */
    OP_MASK = 0x7f,
    LINE_ABSOLUTE = -0x80,
    NEST_MAX = 200,
};

struct dump {
    const unsigned char *p, *end;
    bool bad;
    pl_code_fn fn;
    void *user;
};

static uint8_t byte(struct dump *d)
{
    if (d->p >= d->end) {
        d->bad = true;
        return 0;
    }
    return *d->p++;
}

/* Seven bits a byte, the last one marked. */
static size_t size(struct dump *d)
{
    size_t v = 0;
    uint8_t b;
    do {
        b = byte(d);
        if (v > (SIZE_MAX >> 8))
            d->bad = true;
        v = v << 7 | (b & 0x7f);
    } while (!(b & 0x80) && !d->bad);
    return v;
}

static const unsigned char *skip(struct dump *d, size_t n)
{
    const unsigned char *at = d->p;
    if ((size_t)(d->end - d->p) < n) {
        d->bad = true;
        return NULL;
    }
    d->p += n;
    return at;
}

static void skip_string(struct dump *d)
{
    size_t n = size(d);
    if (n > 1)
        skip(d, n - 1);
}

static void skip_constants(struct dump *d)
{
    for (size_t n = size(d); n && !d->bad; n--) {
        switch (byte(d)) {
        case 0:    /* nil */
        case 1:    /* false */
        case 0x11: /* true */
            break;
        case 3:    /* integer */
        case 0x13: /* float */
            skip(d, 8);
            break;
        case 4: /* strings */
        case 0x14:
            skip_string(d);
            break;
        default:
            d->bad = true;
        }
    }
}

struct code {
    const unsigned char *code;
    size_t n;
    int first_line;
};

static uint32_t instruction(const struct code *c, size_t i)
{
    uint32_t v;
    memcpy(&v, c->code + 4 * i, sizeof v);
    return v;
}

/* Reads the debug part: gives `lines` of the n instructions to fn. */
static void read_debug(struct dump *d, const struct code *c)
{
    size_t n = size(d);
    const signed char *delta = (const signed char *)skip(d, n);
    struct dump absolute = *d; /* pairs of instruction and line */
    size_t n_absolute = size(d);
    absolute.p = d->p;
    for (size_t i = 0; i < n_absolute && !d->bad; i++) {
        size(d);
        size(d);
    }
    for (size_t i = size(d); i && !d->bad; i--) { /* local variables */
        skip_string(d);
        size(d);
        size(d);
    }
    for (size_t i = size(d); i && !d->bad; i--) /* upvalue names */
        skip_string(d);
    if (d->bad || n != c->n)
        return;
    int *lines = sco_alloc(n + 1, sizeof *lines);
    if (!lines) {
        d->bad = true;
        return;
    }
    int line = c->first_line;
    for (size_t i = 0; i < n; i++) {
        if (delta[i] == LINE_ABSOLUTE) {
            size(&absolute);
            line = (int)size(&absolute);
        } else {
            line += delta[i];
        }
        lines[i] = line;
    }
    for (size_t i = 0; i < n; i++) {
        uint32_t op = instruction(c, i) & OP_MASK;
        if (op == OP_VARARGPREP)
            continue;
        bool test = op >= FIRST_TEST && op <= LAST_TEST && i + 2 < n &&
                    (instruction(c, i + 1) & OP_MASK) == OP_JMP;
        size_t to = 0;
        if (test) {
            int64_t offset = (int64_t)(instruction(c, i + 1) >> 7) - JUMP_OFFSET;
            int64_t target = (int64_t)i + 2 + offset;
            test = target >= 0 && target < (int64_t)n;
            to = (size_t)target;
        }
        d->fn(d->user, lines[i], test ? lines[i + 2] : 0, test ? lines[to] : 0);
    }
    free(lines);
}

static void read_function(struct dump *d, int depth)
{
    struct code c;
    skip_string(d); /* source */
    c.first_line = (int)size(d);
    size(d); /* last line */
    skip(d, 3);
    c.n = size(d);
    c.code = c.n < SIZE_MAX / 4 ? skip(d, c.n * 4) : NULL;
    skip_constants(d);
    size_t upvalues = size(d);
    skip(d, upvalues < SIZE_MAX / 3 ? upvalues * 3 : SIZE_MAX);
    if (depth > NEST_MAX)
        d->bad = true;
    for (size_t i = size(d); i && !d->bad; i--)
        read_function(d, depth + 1);
    if (!d->bad)
        read_debug(d, &c);
}

bool pl_chunk_read(struct sco_str dump, pl_code_fn fn, void *user)
{
    static const unsigned char head[] = {0x1b, 'L', 'u', 'a', 0x54, 0};
    struct dump d = {.p = (const unsigned char *)dump.p, .fn = fn, .user = user};
    d.end = d.p + dump.n;
    if (dump.n < HEADER + 1 || memcmp(d.p, head, sizeof head) != 0 || d.p[12] != 4 ||
        d.p[13] != 8 || d.p[14] != 8)
        return false;
    d.p += HEADER + 1; /* and the number of upvalues */
    read_function(&d, 0);
    return !d.bad;
}
