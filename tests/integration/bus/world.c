#include "world.h"

#include <secureops/crypto.h>
#include <secureops/fs.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

_Thread_local struct sco_error world_err;

int world_open(void *user, struct sco_store **ret, struct sco_error *err)
{
    struct world *w = user;
    struct sco_store_options o = {.where = w->where, .create = true};
    return sco_store_open(&o, ret, err);
}

struct sco_store *world_store(struct world *w)
{
    struct sco_store *s = NULL;
    struct sco_store_context c = {.source = "node-1"};
    ok(world_open(w, &s, &world_err));
    ok(sco_store_set_context(s, &c, &world_err));
    return s;
}

int world_set_up(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    char unique[37];
    ok(sco_fs_mkdtemp(NULL, "sco-bus-", &w->dir, &world_err));
    const char *shared = getenv("SECUREOPS_TEST_STORE");
    struct sco_event_lag lag;
    if (shared)
        assert_non_null(w->where = strdup(shared));
    else
        assert_true(asprintf(&w->where, "%s/store.db", w->dir) > 0);
    w->s = world_store(w);
    ok(sco_store_event_lag(w->s, SCO_BUS_CURSOR_KAFKA, &lag, &world_err));
    assert_int_equal(lag.behind + lag.pending, 0);
    w->base = lag.last;
    sco_uuid4(unique);
    snprintf(w->prefix, sizeof w->prefix, "t%.8s.", unique);
    *state = w;
    return 0;
}

int world_tear_down(void **state)
{
    struct world *w = *state;
    sco_store_close(w->s);
    sco_fs_remove_tree(w->dir);
    free(w->dir);
    free(w->where);
    free(w);
    return 0;
}

void world_add(struct world *w, struct sco_store *s, uint32_t n, uint32_t each)
{
    char key[KEY_LEN], data[256];
    for (uint32_t i = 0; i < n; i++) {
        if (i % each == 0)
            ok(sco_store_begin(s, &world_err));
        uint32_t k = w->total++ % KEYS;
        snprintf(key, sizeof key, "key-%u", k);
        snprintf(data, sizeof data, "{\"n\":%u,\"key\":%u,\"pad\":\"%0100d\"}", w->written[k]++, k,
                 0);
        struct sco_event e = {.type = TYPE, .key = key, .data = data};
        ok(sco_store_event_add(s, &e, &world_err));
        if (i % each == each - 1 || i == n - 1)
            ok(sco_store_end(s, 0, &world_err));
    }
}

struct sco_bus *world_bus(struct world *w, const char *brokers, const char *node)
{
    struct sco_bus *b = NULL;
    struct sco_bus_options o = {.brokers = brokers,
                                .prefix = w->prefix,
                                .environment = "test",
                                .node = node,
                                .kafka = w->kafka,
                                .open_store = world_open,
                                .user = w};
    ok(sco_bus_new(&o, &b, &world_err));
    return b;
}

int64_t world_cursor(struct world *w, const char *name)
{
    struct sco_event_lag lag;
    ok(sco_store_event_lag(w->s, name, &lag, &world_err));
    return lag.last - lag.behind;
}

void world_published(struct world *w, int seconds)
{
    struct sco_event_lag lag = {0};
    for (int i = 0; i < seconds * 20; i++) {
        ok(sco_store_event_lag(w->s, SCO_BUS_CURSOR_KAFKA, &lag, &world_err));
        if (!lag.behind && !lag.pending && lag.last == w->base + w->total)
            return;
        usleep(50000);
    }
    fail_msg("%ld of %u positions given, %ld to publish after %d s", (long)lag.last, w->total,
             (long)lag.behind, seconds);
}

/* ---- what is there ---- */
static rd_kafka_t *reader(const char *brokers, const char *topic)
{
    char text[256], group[37];
    rd_kafka_conf_t *c = rd_kafka_conf_new();
    sco_uuid4(group);
    const char *const set[] = {"bootstrap.servers", brokers,    "group.id",           group,
                               "auto.offset.reset", "earliest", "enable.auto.commit", "false",
                               "log_level",         "0"};
    for (size_t i = 0; i < SCO_ARRAY_LEN(set); i += 2)
        assert_int_equal(rd_kafka_conf_set(c, set[i], set[i + 1], text, sizeof text),
                         RD_KAFKA_CONF_OK);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, c, text, sizeof text);
    assert_non_null(rk);
    rd_kafka_topic_partition_list_t *l = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(l, topic, RD_KAFKA_PARTITION_UA);
    assert_int_equal(rd_kafka_subscribe(rk, l), 0);
    rd_kafka_topic_partition_list_destroy(l);
    return rk;
}

static void count_message(struct count *c, struct sco_map *ids, const rd_kafka_message_t *m)
{
    char id[37] = "";
    unsigned n = 0, k = 0, key = 99;
    SCO_AUTO(sco_free) char *text = sco_strdup(sco_str_make(m->payload, m->len));
    SCO_AUTO(sco_free) char *name = sco_strdup(sco_str_make(m->key, m->key_len));
    assert_int_equal(sscanf(text, "{\"event_id\":\"%36[0-9a-f-]\"", id), 1);
    c->messages++;
    void **seen = sco_map_put(ids, sco_str_c(id), NULL);
    if (*seen)
        return;
    *seen = c;
    c->unique++;
    assert_int_equal(sscanf(name, "key-%u", &key), 1);
    assert_true(key < KEYS);
    const char *data = strstr(text, "\"data\":{\"n\":");
    if (!data) {
        assert_non_null(strstr(text, "\"data\":{\"omitted\":\"too large\"}"));
        c->omitted++;
        c->next[key]++;
        return;
    }
    assert_int_equal(sscanf(data, "\"data\":{\"n\":%u,\"key\":%u", &n, &k), 2);
    assert_int_equal(k, key);
    if (n != c->next[key])
        c->disordered = true;
    c->next[key] = n + 1;
}

void world_count(struct world *w, const char *brokers, const char *type, int seconds,
                 struct count *ret)
{
    char topic[128];
    SCO_AUTO(sco_map) struct sco_map ids = {0};
    snprintf(topic, sizeof topic, "%s%s", w->prefix, type);
    rd_kafka_t *rk = reader(brokers, topic);
    *ret = (struct count){0};
    int64_t until = sco_mono_ms() + seconds * 1000;
    while (sco_mono_ms() < until && ret->unique < w->total) {
        rd_kafka_message_t *m = rd_kafka_consumer_poll(rk, 100);
        if (m && !m->err) {
            count_message(ret, &ids, m);
            until = sco_mono_ms() + seconds * 1000;
        }
        if (m)
            rd_kafka_message_destroy(m);
    }
    rd_kafka_consumer_close(rk);
    rd_kafka_destroy(rk);
}

void world_all_there(struct world *w, const char *brokers)
{
    struct count c;
    world_count(w, brokers, TYPE, 10, &c);
    print_message("             %u written, %u delivered, %u times twice\n", w->total, c.unique,
                  c.messages - c.unique);
    assert_int_equal(c.unique, w->total);
    assert_false(c.disordered);
    for (int k = 0; k < KEYS; k++)
        assert_int_equal(c.next[k], w->written[k]);
}
