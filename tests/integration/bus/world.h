/* A store in a folder, events in it, the bus over it, and a plain consumer that counts. */
#pragma once

#include <secureops/bus.h>

#include <librdkafka/rdkafka.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <cmocka.h>

enum { KEYS = 16, KEY_LEN = 16 };

struct world {
    char *dir, *where;
    struct sco_store *s;
    uint32_t written[KEYS]; /* events of each key, numbered from 0 */
    uint32_t total;
    int64_t base;    /* what was in the feed before: SECUREOPS_TEST_STORE may be used again */
    char prefix[32]; /* of the topics: new for each test */
    const char *const *kafka;
};
int world_set_up(void **state);
int world_tear_down(void **state);
struct sco_store *world_store(struct world *w);
int world_open(void *user, struct sco_store **ret, struct sco_error *err);
/* In transactions of `each`, keys in turn; data {"n": number within the key, "pad": ...}. */
void world_add(struct world *w, struct sco_store *s, uint32_t n, uint32_t each);
struct sco_bus *world_bus(struct world *w, const char *brokers, const char *node);
/* Waits until the cursor of Kafka is at the feed's end; fails after `seconds`. */
void world_published(struct world *w, int seconds);
int64_t world_cursor(struct world *w, const char *name);

struct count {
    uint32_t messages, unique, omitted;
    uint32_t next[KEYS]; /* first deliveries in order, by key */
    bool disordered;
};
/* Reads every message of the topic from its start, until all that was written is there, or nothing
 * came for `seconds`. */
void world_count(struct world *w, const char *brokers, const char *type, int seconds,
                 struct count *ret);
void world_all_there(struct world *w, const char *brokers); /* none lost, in order */
#define TYPE "security.vulnerability.detected"

#define ok(call)                                                                                   \
    do {                                                                                           \
        if ((call) != 0)                                                                           \
            fail_msg("%s: %s", #call, world_err.text);                                             \
    } while (0)
extern _Thread_local struct sco_error world_err;
