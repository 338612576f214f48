/* Messages handed to librdkafka many at a time, which spares it a look at the clock and at the
 * topic's lock for each. It does not copy them: they stay in blocks of ours until they are
 * acknowledged, in the order of their numbers. What could refuse one message of a batch and not the
 * next ones, its size or a full queue, is looked at before. */
#include "kafka_priv.h"

#include <stdlib.h>

enum {
    BLOCK = 64 << 10,
    OVERHEAD = 128, /* more than what the format adds to key and value */
};
struct kafka_block {
    struct kafka_block *next;
    uint64_t end; /* one more than the number of its last message */
    size_t n, cap;
    char p[];
};

static void drop(struct kafka_batch *b, struct kafka_block *x)
{
    b->bytes -= x->cap;
    free(x);
}

void kafka_batch_acked(struct kafka_batch *b, uint64_t first)
{
    while (b->oldest && b->oldest != b->newest && b->oldest->end <= first) {
        struct kafka_block *x = b->oldest;
        b->oldest = x->next;
        if (b->spare || x->cap != BLOCK) {
            drop(b, x);
        } else {
            x->next = NULL;
            b->spare = x;
        }
    }
    if (b->newest && b->newest->end <= first)
        b->newest->n = 0;
}

void kafka_batch_done(struct kafka_batch *b)
{
    for (struct kafka_block *x = b->oldest, *next; x; x = next) {
        next = x->next;
        drop(b, x);
    }
    if (b->spare)
        drop(b, b->spare);
    b->oldest = b->newest = b->spare = NULL;
    b->n = 0;
}

static bool waits(const struct kafka_batch *b)
{
    return b->newest && (b->oldest != b->newest || b->newest->n);
}

/* One with room for so many bytes, the newest; or NULL: `*ret_full`, or there is no memory. Where
 * nothing waits there is room for any message: one that is larger than the bound would never go. */
static struct kafka_block *block_for(struct kafka_batch *b, size_t n, bool *ret_full)
{
    struct kafka_block *x = b->newest;
    size_t cap = n < BLOCK ? BLOCK : n;
    *ret_full = false;
    if (x && x->cap - x->n >= n)
        return x;
    if (b->spare && cap == BLOCK) {
        x = b->spare;
        b->spare = NULL;
    } else {
        *ret_full = waits(b) && b->bytes + cap > b->bytes_max;
        x = *ret_full ? NULL : malloc(sizeof *x + cap);
        if (!x)
            return NULL;
        b->bytes += cap;
        x->cap = cap;
    }
    x->n = 0;
    x->next = NULL;
    if (b->newest)
        b->newest->next = x;
    else
        b->oldest = x;
    return b->newest = x;
}

int kafka_batch_put(struct kafka_batch *b, uint64_t number, struct sco_str text, struct sco_str key,
                    struct sco_error *err)
{
    bool full;
    if (text.n + key.n + OVERHEAD > b->message_max)
        return sco_error_set(err, SCO_E_LIMIT,
                             "Kafka: an event of %zu bytes is beyond message.max.bytes (%zu)",
                             text.n, b->message_max);
    struct kafka_block *x = block_for(b, text.n + key.n, &full);
    if (!x)
        return full ? 1 : sco_error_nomem(err);
    char *p = x->p + x->n;
    memcpy(p, text.p, text.n);
    memcpy(p + text.n, key.p, key.n);
    x->n += text.n + key.n;
    x->end = number + 1;
    b->v[b->n++] = (rd_kafka_message_t){.payload = p,
                                        .len = text.n,
                                        .key = key.n ? p + text.n : NULL,
                                        .key_len = key.n,
                                        ._private = (void *)(uintptr_t)number};
    return 0;
}

int kafka_batch_flush(struct kafka_batch *b, struct sco_error *err)
{
    size_t n = b->n;
    b->n = 0;
    if (!n || rd_kafka_produce_batch(b->topic, RD_KAFKA_PARTITION_UA, 0, b->v, (int)n) == (int)n)
        return 0;
    size_t i = 0;
    while (i < n - 1 && !b->v[i].err)
        i++;
    return kafka_error(b->v[i].err, rd_kafka_topic_name(b->topic), err);
}
