/* See json_help.h. */
#include "json_help.h"

#include <sys/mman.h>
#include <unistd.h>

#include <secureops/fs.h>

static int file = -1;

const char *text_file(struct sco_str text)
{
    static char path[64];
    if (file >= 0)
        close(file);
    file = memfd_create("text", MFD_CLOEXEC);
    SCO_BUG_ON(file < 0 || sco_fs_write_all(file, text) < 0);
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    return path;
}

void text_file_append(struct sco_str text)
{
    SCO_BUG_ON(sco_fs_write_all(file, text) < 0);
}

void text_file_truncate(size_t size)
{
    SCO_BUG_ON(ftruncate(file, (off_t)size) < 0);
}

int dump_parsed(struct sco_str text, struct sco_buf *out, struct sco_error *err)
{
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    const struct sco_node *v;
    int r = sco_json_parse(text, &arena, &v, err);
    if (r < 0)
        return r;
    struct sco_json_out o = {.b = out};
    sco_json_node(&o, v);
    return 0;
}

int dump_node(struct sco_reader *r, const struct sco_node *v, const char *const *deferred,
              struct sco_json_out *o, struct sco_error *err)
{
    struct sco_iter *it;
    const struct sco_node *c;
    bool list = v->type == SCO_NODE_LIST;
    if (v->type != SCO_NODE_LIST && v->type != SCO_NODE_MAP && v->type != SCO_NODE_DEFERRED) {
        sco_json_node(o, v);
        return 0;
    }
    int res = sco_iter_open(r, v, &it, err);
    if (res < 0)
        return res;
    bool begun = v->type != SCO_NODE_DEFERRED;
    if (begun)
        sco_json_begin(o, list ? '[' : '{');
    while ((res = sco_iter_next(it, deferred, &c, err)) == 1) {
        if (!begun)
            sco_json_begin(o, (list = !c->key.p) ? '[' : '{');
        begun = true;
        if (!list)
            sco_json_key(o, c->key.p);
        if ((res = dump_node(r, c, deferred, o, err)) < 0)
            break;
    }
    if (!begun) /* what kind an empty one is cannot be told from its walk */
        sco_json_raw(o, SCO_STR("[]"));
    else
        sco_json_end(o, list ? ']' : '}');
    sco_iter_close(it);
    return res;
}

int dump_walked(struct sco_reader *r, const char *const *deferred, struct sco_buf *out,
                struct sco_error *err)
{
    const struct sco_node *v;
    int res;
    while ((res = sco_reader_read(r, deferred, &v, err)) == 1) {
        struct sco_json_out o = {.b = out};
        if ((res = dump_node(r, v, deferred, &o, err)) < 0)
            return res;
        sco_buf_addc(out, '\n');
    }
    return res;
}
