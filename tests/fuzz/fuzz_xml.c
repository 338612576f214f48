/* XML: whatever the bytes are, the module ends with records or an error; what it hands out is
 * UTF-8, NUL-terminated and within the limits. */
#include <secureops/xml.h>

#include <sys/mman.h>
#include <unistd.h>

#include <secureops/fs.h>
#include <secureops/json.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct sco_node *v, int depth)
{
    SCO_BUG_ON(depth > SCO_XML_DEPTH_MAX + 1);
    SCO_BUG_ON(!sco_utf8_valid(v->key) || v->key.p[v->key.n] != 0);
    SCO_BUG_ON(v->type != SCO_NODE_MAP && v->type != SCO_NODE_STR);
    SCO_BUG_ON(v->type == SCO_NODE_STR && (!sco_utf8_valid(v->text) || v->text.p[v->text.n] != 0));
    uint32_t n = 0;
    for (const struct sco_node *c = v->child; c; c = c->next, n++)
        check(c, depth + 1);
    SCO_BUG_ON(n != v->n);
}

static int note(void *user, const struct sco_node *const *above, size_t n,
                const struct sco_node *record)
{
    SCO_BUG_ON(n >= SCO_XML_DEPTH_MAX);
    for (size_t i = 0; i < n; i++)
        check(above[i], 0);
    check(record, 0);
    return ++*(int *)user > 1000;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const records[] = {"item", "testcase", "dependency", "vulnerability", NULL};
    const struct sco_xml_module *m = sco_xml_module_v1();
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    struct sco_str text = sco_str_make((const char *)data, size);
    struct sco_error err = {0};
    const struct sco_node *root;
    char path[64];
    int records_seen = 0, fd = memfd_create("fuzz", MFD_CLOEXEC);
    SCO_BUG_ON(fd < 0 || sco_fs_write_all(fd, text) < 0);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int r = m->read(path, records, note, &records_seen, &err);
    SCO_BUG_ON(r < 0 && !err.text[0]);
    SCO_BUG_ON(!sco_utf8_valid(sco_str_c(err.text)));
    close(fd);
    int head = m->head(text, &arena, &root);
    SCO_BUG_ON(r == 0 && head != 1);
    if (head == 1)
        check(root, 0);
    return 0;
}
