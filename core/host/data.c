/* struct sco_data_api over the JSON reader and the XML module: errors become texts in the plugin's
 * buffer, nothing else. */
#include "host_priv.h"

static int give(const struct sco_error *err, int r, struct sco_errbuf *e)
{
    return r < 0 ? sco_error_to_errbuf(err, r, e) : r;
}

static struct sco_worker *reading; /* the process's one worker, for readers that know no host */

static int data_open(const struct sco_host *h, const char *path, struct sco_reader **ret,
                     struct sco_errbuf *e)
{
    struct sco_error err = {0};
    reading = h->impl;
    return give(&err, sco_reader_open(path, ret, &err), e);
}

static int data_open_mem(const struct sco_host *h, struct sco_str text, struct sco_reader **ret,
                         struct sco_errbuf *e)
{
    struct sco_error err = {0};
    reading = h->impl;
    return give(&err, sco_reader_open_mem(text, ret, &err), e);
}

/* A plugin reads one value and is done: what stands behind it must not go unseen. */
static void data_close(struct sco_reader *r)
{
    struct sco_error err = {0};
    if (r && reading && sco_reader_offset(r) && sco_reader_check_end(r, &err) < 0)
        host_incomplete(reading, "part of the report was not read: %s", err.text);
    sco_reader_close(r);
}

static int data_read(struct sco_reader *r, const char *const *deferred, const struct sco_node **ret,
                     struct sco_errbuf *e)
{
    struct sco_error err;
    err.text[0] = 0;
    return give(&err, sco_reader_read(r, deferred, ret, &err), e);
}

static int data_iter_open(struct sco_reader *r, const struct sco_node *node, struct sco_iter **ret,
                          struct sco_errbuf *e)
{
    struct sco_error err;
    err.text[0] = 0;
    return give(&err, sco_iter_open(r, node, ret, &err), e);
}

static int data_iter_next(struct sco_iter *it, const char *const *deferred,
                          const struct sco_node **ret, struct sco_errbuf *e)
{
    struct sco_error err;
    err.text[0] = 0;
    return give(&err, sco_iter_next(it, deferred, ret, &err), e);
}

static int data_read_xml(const struct sco_host *h, const char *path, const char *const *records,
                         sco_xml_record_fn fn, void *user, struct sco_errbuf *e)
{
    struct sco_error err = {0};
    const struct sco_xml_module *xml;
    (void)h;
    int r = host_xml(&xml, &err);
    if (r == 0)
        r = xml->read(path, records, fn, user, &err);
    if (r < 0 && !err.text[0] && e && e->text && e->text[0])
        return r; /* the record function's own words */
    return give(&err, r, e);
}

const struct sco_data_api host_data_api = {
    .struct_size = sizeof(struct sco_data_api),
    .open = data_open,
    .open_mem = data_open_mem,
    .close = data_close,
    .read = data_read,
    .iter_open = data_iter_open,
    .iter_next = data_iter_next,
    .iter_close = sco_iter_close,
    .read_xml = data_read_xml,
};
