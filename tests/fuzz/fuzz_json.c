/* JSON: whatever the bytes are, the reader ends with a value or an error, and reads the same whole
 * and deferred, in memory and through a window. The first byte chooses the window. */
#include "json_priv.h"

#include <sys/mman.h>
#include <unistd.h>

#include <secureops/fs.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const names[] = {"runs", "results", "a", "[]", NULL};

/* Walks everything; adds the scalars up to a number that does not depend on how it was read. */
static int walk(struct sco_reader *r, const struct sco_node *v, uint64_t *sum)
{
    struct sco_iter *it;
    const struct sco_node *c;
    *sum = *sum * 31 + v->key.n;
    if (v->type < SCO_NODE_LIST) {
        *sum = *sum * 31 + sco_hash(v->text.p ? v->text.p : "", v->text.n, v->type);
        SCO_BUG_ON(v->type == SCO_NODE_STR && !sco_utf8_valid(v->text));
        SCO_BUG_ON(v->text.p && v->text.p[v->text.n] != 0);
        return 0;
    }
    int res = sco_iter_open(r, v, &it, NULL);
    if (res < 0)
        return res;
    while ((res = sco_iter_next(it, names, &c, NULL)) == 1)
        if ((res = walk(r, c, sum)) < 0)
            break;
    sco_iter_close(it);
    return res;
}

static int read_all(struct sco_reader *r, const char *const *deferred, uint64_t *sum)
{
    const struct sco_node *v;
    struct sco_error err = {0};
    int res;
    while ((res = sco_reader_read(r, deferred, &v, &err)) == 1)
        if ((res = walk(r, v, sum)) < 0)
            break;
    SCO_BUG_ON(res < 0 && sco_reader_read(r, NULL, &v, NULL) >= 0 && deferred == NULL);
    SCO_BUG_ON(!sco_utf8_valid(sco_str_c(err.text)));
    return res;
}

static int through_window(struct sco_str text, size_t window, uint64_t *sum)
{
    struct sco_reader *r;
    char path[64];
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    SCO_BUG_ON(fd < 0 || sco_fs_write_all(fd, text) < 0);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    sco_json_window = window;
    SCO_BUG_ON(sco_reader_open(path, &r, NULL) < 0);
    int res = read_all(r, names, sum);
    sco_reader_close(r);
    close(fd);
    return res;
}

/* What was written from a tree is a document, and gives the same text again. */
static void write_and_read(const struct sco_node *v)
{
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    SCO_AUTO(sco_buf) struct sco_buf once = {0}, twice = {0};
    struct sco_json_out a = {.b = &once}, b = {.b = &twice};
    const struct sco_node *again;
    sco_json_node(&a, v);
    SCO_BUG_ON(sco_json_parse(sco_buf_str(&once), &arena, &again, NULL) < 0);
    sco_json_node(&b, again);
    SCO_BUG_ON(!sco_str_eq(sco_buf_str(&once), sco_buf_str(&twice)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    const struct sco_node *v;
    struct sco_reader *r;
    uint64_t whole = 0, deferred = 0;
    if (size == 0)
        return 0;
    struct sco_str text = sco_str_make((const char *)data + 1, size - 1);
    SCO_BUG_ON(sco_reader_open_mem(text, &r, NULL) < 0);
    int a = read_all(r, NULL, &whole);
    sco_reader_close(r);
    int b = through_window(text, 1 + data[0], &deferred);
    SCO_BUG_ON((a < 0) != (b < 0) || (a == 0 && whole != deferred));
    int c = sco_json_parse(text, &arena, &v, NULL);
    SCO_BUG_ON(c == 0 && a < 0);
    if (c == 0)
        write_and_read(v);
    SCO_BUG_ON(c == 0 && !sco_json_parse_head(text, &arena));
    sco_json_parse_head(sco_str_make(text.p, text.n / 2), &arena);
    return 0;
}
