/* A Kafka cluster for the tests of faults: librdkafka's mock brokers in a process of their own,
 * which suffer as they are told to on standard input. The first line on standard output is where
 * they are; then a line for each command: "ok", or what was wrong with it. With an argument it is a
 * client of the brokers there, real ones: the commands from `send` on.
 *
 *   down, up                 all brokers
 *   rtt MS                   how long each answer takes
 *   fail N CODE              the next N produce requests are answered with this, those behind well
 *   topic NAME CODE          what is said of this topic from now on; 0: nothing
 *   create NAME PARTITIONS
 *   send TOPIC TEXT          a message
 *   dump FILE PREFIX         all messages of topics that begin so, a line each:
 *                            topic, partition, offset, key, text, with tabs between them
 */
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BROKERS = 3, PRODUCE = 0, LINE = 1 << 16, PATIENCE_MS = 20000, POLL_MS = 100 };

static rd_kafka_mock_cluster_t *mock;
static const char *brokers;
static char why[512];

static int wrong(const char *text)
{
    snprintf(why, sizeof why, "%s", text);
    return -1;
}

static rd_kafka_t *client(rd_kafka_type_t type)
{
    const char *const set[] = {
        "bootstrap.servers", brokers, "enable.partition.eof", "true", "group.id", "reader",
        "log_level",         "0"};
    rd_kafka_conf_t *c = rd_kafka_conf_new();
    for (size_t i = 0; i < sizeof set / sizeof *set; i += 2)
        if (type == RD_KAFKA_CONSUMER || strcmp(set[i], "bootstrap.servers") == 0 ||
            strcmp(set[i], "log_level") == 0)
            rd_kafka_conf_set(c, set[i], set[i + 1], why, sizeof why);
    rd_kafka_t *rk = rd_kafka_new(type, c, why, sizeof why);
    if (!rk)
        rd_kafka_conf_destroy(c);
    return rk;
}

static int all_brokers(int (*one)(int id, const char *arg), const char *arg)
{
    int r = 0;
    for (int id = 1; id <= BROKERS; id++)
        r |= one(id, arg);
    return r ? wrong("the cluster does not do that") : 0;
}

static int down(int id, const char *arg)
{
    (void)arg;
    return (int)rd_kafka_mock_broker_set_down(mock, id);
}

static int up(int id, const char *arg)
{
    (void)arg;
    return (int)rd_kafka_mock_broker_set_up(mock, id);
}

static int rtt(int id, const char *arg)
{
    return (int)rd_kafka_mock_broker_set_rtt(mock, id, (int)strtol(arg, NULL, 10));
}

static int fail(const char *arg)
{
    char *rest = NULL;
    long n = strtol(arg, &rest, 10);
    rd_kafka_resp_err_t code = (rd_kafka_resp_err_t)strtol(rest, NULL, 10);
    rd_kafka_mock_clear_request_errors(mock, PRODUCE);
    for (long i = 0; i < n; i++)
        rd_kafka_mock_push_request_errors_array(mock, PRODUCE, 1, &code);
    return 0;
}

static int topic(const char *name, const char *arg)
{
    rd_kafka_mock_topic_set_error(mock, name, (rd_kafka_resp_err_t)strtol(arg, NULL, 10));
    return 0;
}

static int create(const char *name, const char *arg)
{
    return rd_kafka_mock_topic_create(mock, name, (int)strtol(arg, NULL, 10), 1)
               ? wrong("the topic cannot be made")
               : 0;
}

static int send_one(const char *name, const char *text)
{
    rd_kafka_t *rk = client(RD_KAFKA_PRODUCER);
    if (!rk)
        return -1;
    rd_kafka_resp_err_t e = rd_kafka_producev(
        rk, RD_KAFKA_V_TOPIC(name), RD_KAFKA_V_VALUE((void *)(uintptr_t)text, strlen(text)),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
    if (!e)
        e = rd_kafka_flush(rk, PATIENCE_MS);
    rd_kafka_destroy(rk);
    return e ? wrong(rd_kafka_err2str(e)) : 0;
}

/* ---- dump ---- */
static rd_kafka_topic_partition_list_t *everything(rd_kafka_t *rk, const char *prefix)
{
    const struct rd_kafka_metadata *md = NULL;
    rd_kafka_topic_partition_list_t *l = rd_kafka_topic_partition_list_new(64);
    if (rd_kafka_metadata(rk, 1, NULL, &md, PATIENCE_MS))
        return l;
    for (int i = 0; i < md->topic_cnt; i++)
        for (int p = 0; p < md->topics[i].partition_cnt; p++)
            if (strncmp(md->topics[i].topic, prefix, strlen(prefix)) == 0)
                rd_kafka_topic_partition_list_add(l, md->topics[i].topic, p)->offset =
                    RD_KAFKA_OFFSET_BEGINNING;
    rd_kafka_metadata_destroy(md);
    return l;
}

/* How many partitions have come to their end; -1: something is wrong. */
static int read_one(rd_kafka_t *rk, FILE *f)
{
    int ends = 0;
    rd_kafka_message_t *m = rd_kafka_consumer_poll(rk, POLL_MS);
    if (!m)
        return 0;
    if (!m->err)
        fprintf(f, "%s\t%d\t%lld\t%.*s\t%.*s\n", rd_kafka_topic_name(m->rkt), m->partition,
                (long long)m->offset, (int)m->key_len, m->key ? (char *)m->key : "", (int)m->len,
                (char *)m->payload);
    else if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
        ends = 1;
    rd_kafka_message_destroy(m);
    return ends;
}

static int dump(const char *path, const char *prefix)
{
    FILE *f = fopen(path, "we");
    rd_kafka_t *rk = f ? client(RD_KAFKA_CONSUMER) : NULL;
    int r = 0;
    if (rk) {
        rd_kafka_topic_partition_list_t *l = everything(rk, prefix);
        rd_kafka_assign(rk, l);
        int left = l->cnt, polls = left ? PATIENCE_MS / POLL_MS * 100 : 0;
        while (left > 0 && polls-- > 0)
            left -= read_one(rk, f);
        rd_kafka_topic_partition_list_destroy(l);
        rd_kafka_consumer_close(rk);
        rd_kafka_destroy(rk);
        r = left ? wrong("not all partitions can be read") : 0;
    }
    if (f)
        fclose(f);
    return rk ? r : wrong("there is no reader");
}

static int obey_client(const char *name, char *object, char *rest)
{
    if (strcmp(name, "send") == 0)
        return send_one(object, rest);
    return strcmp(name, "dump") == 0 ? dump(object, rest) : wrong("unknown command");
}

static int obey(char *line)
{
    char *rest = NULL, *name = strtok_r(line, " ", &rest), *arg = rest;
    if (!name)
        return wrong("no command");
    if (mock && strcmp(name, "down") == 0)
        return all_brokers(down, arg);
    if (mock && strcmp(name, "up") == 0)
        return all_brokers(up, arg);
    if (mock && strcmp(name, "rtt") == 0)
        return all_brokers(rtt, arg);
    if (mock && strcmp(name, "fail") == 0)
        return fail(arg);
    char *object = strtok_r(NULL, " ", &rest);
    if (!object)
        return wrong("unknown command");
    if (mock && strcmp(name, "topic") == 0)
        return topic(object, rest);
    if (mock && strcmp(name, "create") == 0)
        return create(object, rest);
    return obey_client(name, object, rest);
}

static rd_kafka_t *make_cluster(void)
{
    rd_kafka_conf_t *c = rd_kafka_conf_new();
    rd_kafka_conf_set(c, "log_level", "0", why, sizeof why);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, c, why, sizeof why);
    mock = rk ? rd_kafka_mock_cluster_new(rk, BROKERS) : NULL;
    brokers = mock ? rd_kafka_mock_cluster_bootstraps(mock) : NULL;
    return rk;
}

int main(int argc, char **argv)
{
    static char line[LINE];
    rd_kafka_t *rk = NULL;
    if (argc > 1)
        brokers = argv[1];
    else
        rk = make_cluster();
    if (!brokers) {
        fprintf(stderr, "no cluster: %s\n", why);
        return 1;
    }
    printf("%s\n", brokers);
    while (fflush(stdout) == 0 && fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = 0;
        printf("%s\n", obey(line) == 0 ? "ok" : why);
    }
    if (mock)
        rd_kafka_mock_cluster_destroy(mock);
    if (rk)
        rd_kafka_destroy(rk);
    return 0;
}
