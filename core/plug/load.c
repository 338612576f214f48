/* Loading one plugin: who may have written the file, dlopen, the ABI check, a copy of what it
 * describes. Nothing of a plugin is read before magic, sizes and version fit, and it is never
 * unloaded: threads and destructors would outlive it. Runs in the worker and in tests. */
#include "plug_priv.h"

#include <secureops/fs.h>

#include <dlfcn.h>
#include <errno.h>
#include <sys/stat.h>

/* What both sides agree to read first. */
enum { HEAD_SIZE = offsetof(struct sco_plugin, kind) };

/* dlopen's own words, with the path in front when they lack it. */
static int refuse_dl(const char *path, int code, struct sco_error *err)
{
    const char *why = dlerror();
    if (!why)
        why = "unknown error of the dynamic loader";
    if (strncmp(why, path, strlen(path)) == 0)
        return sco_error_set(err, code, "%s", why);
    return sco_error_set(err, code, "%s: %s", path, why);
}

static int open_object(const char *path, sco_plugin_fn *ret, struct sco_error *err)
{
    struct stat before = {0}, after;
    SCO_AUTO(sco_fd) int fd = -1;
    int r = sco_fs_open_trusted(path, &fd, err);
    if (r == 0 && fstat(fd, &before) < 0)
        r = sco_error_errno(err, errno, "%s", path);
    if (r < 0)
        return r;
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!handle)
        return refuse_dl(path, SCO_E_NOT_FOUND, err);
    if (stat(path, &after) < 0 || before.st_dev != after.st_dev || before.st_ino != after.st_ino)
        return sco_error_set(err, SCO_E_PERMISSION, "%s: was replaced while it was loaded", path);
    void *symbol = dlsym(handle, SCO_PLUGIN_SYMBOL);
    if (!symbol)
        return sco_error_set(err, SCO_E_ABI,
                             "%s: symbol: expected %s(), found none: not a SecureOps plugin of ABI "
                             "version %u",
                             path, SCO_PLUGIN_SYMBOL, SCO_ABI_MAJOR);
    memcpy(ret, &symbol, sizeof symbol); /* POSIX gives functions as void * */
    return 0;
}

static int refuse_u(const char *path, const char *field, const char *expected, uint32_t found,
                    const char *form, struct sco_error *err)
{
    char text[32];
    snprintf(text, sizeof text, strcmp(form, "hex") == 0 ? "0x%08x" : "%u", found);
    return sco_error_set(err, SCO_E_ABI, "%s: %s: expected %s, found %s", path, field, expected,
                         text);
}

/* Reads the four words of the head and nothing else. */
static int check_head(const char *path, const struct sco_plugin *p, struct sco_error *err)
{
    char expected[64];
    snprintf(expected, sizeof expected, "0x%08x", SCO_PLUGIN_MAGIC);
    if (p->magic != SCO_PLUGIN_MAGIC)
        return refuse_u(path, "magic", expected, p->magic, "hex", err);
    snprintf(expected, sizeof expected, "%d to %d", (int)HEAD_SIZE, (int)PLUG_STRUCT_MAX);
    if (p->struct_size < HEAD_SIZE || p->struct_size > PLUG_STRUCT_MAX)
        return refuse_u(path, "struct_size", expected, p->struct_size, "dec", err);
    snprintf(expected, sizeof expected, "%u", SCO_ABI_MAJOR);
    if (p->abi_major != SCO_ABI_MAJOR)
        return refuse_u(path, "abi_major", expected, p->abi_major, "dec", err);
    snprintf(expected, sizeof expected, "%u or lower", SCO_ABI_MINOR);
    if (p->abi_minor > SCO_ABI_MINOR)
        return refuse_u(path, "abi_minor", expected, p->abi_minor, "dec", err);
    return 0;
}

/* Lower case, digits, hyphens; starts with a letter or digit. */
static bool name_ok(const char *name)
{
    size_t n = strnlen(name, PLUG_NAME_MAX + 1);
    if (n == 0 || n > PLUG_NAME_MAX || name[0] == '-')
        return false;
    return strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == n;
}

static int check_plugin(const char *path, const struct sco_plugin *p, struct sco_error *err)
{
    if (p->kind != SCO_KIND_SCANNER && p->kind != SCO_KIND_CI)
        return sco_error_set(err, SCO_E_INVALID, "%s: kind: expected %u or %u, found %u", path,
                             SCO_KIND_SCANNER, SCO_KIND_CI, p->kind);
    if (!p->name)
        return sco_error_set(err, SCO_E_INVALID, "%s: name: expected text, found NULL", path);
    if (!name_ok(p->name))
        return sco_error_set(err, SCO_E_INVALID,
                             "%s: name: expected up to %d lower-case letters, digits and hyphens, "
                             "found \"%.80s\"",
                             path, (int)PLUG_NAME_MAX, p->name);
    if (!p->version)
        return sco_error_set(err, SCO_E_INVALID, "%s: version: expected text, found NULL", path);
    if (p->ctx_size > PLUG_CTX_MAX)
        return sco_error_set(err, SCO_E_INVALID, "%s: ctx_size: expected at most %d, found %u",
                             path, (int)PLUG_CTX_MAX, p->ctx_size);
    return 0;
}

static int load_scanner(const char *path, struct sco_loaded_plugin *l, struct sco_error *err)
{
    const struct sco_scanner *s = l->plugin.scanner;
    if (!s)
        return sco_error_set(err, SCO_E_INVALID,
                             "%s: scanner: expected a description of the scanner, found NULL",
                             path);
    if (s->struct_size < sizeof s->struct_size || s->struct_size > PLUG_STRUCT_MAX)
        return refuse_u(path, "scanner.struct_size", "4 to 65536", s->struct_size, "dec", err);
    memcpy(&l->scanner, s, s->struct_size < sizeof *s ? s->struct_size : sizeof *s);
    l->plugin.scanner = s = &l->scanner;
    if (!s->run && !s->parse)
        return sco_error_set(err, SCO_E_INVALID,
                             "%s: scanner: expected run or parse, found neither", path);
    if (s->run && !s->targets)
        return sco_error_set(err, SCO_E_INVALID,
                             "%s: scanner.targets: expected one at least, found none", path);
    if (!l->plugin.open)
        return sco_error_set(err, SCO_E_INVALID, "%s: open: expected a function, found NULL", path);
    return 0;
}

/* One of an ABI before 1.2 has nothing to say, and is there all the same. */
static int load_ci(const char *path, struct sco_loaded_plugin *l, struct sco_error *err)
{
    const struct sco_ci *c = l->plugin.ci;
    size_t n = 0;
    if (!c && l->plugin.abi_minor < 2)
        return 0;
    if (!c)
        return sco_error_set(err, SCO_E_INVALID,
                             "%s: ci: expected a description of the platform, found NULL", path);
    if (c->struct_size < sizeof c->struct_size || c->struct_size > PLUG_STRUCT_MAX)
        return refuse_u(path, "ci.struct_size", "4 to 65536", c->struct_size, "dec", err);
    memcpy(&l->ci, c, c->struct_size < sizeof *c ? c->struct_size : sizeof *c);
    l->plugin.ci = c = &l->ci;
    for (size_t i = 0; i < SCO_CI_OPS; i++)
        n += sco_ci_has(c, i);
    if (!n)
        return sco_error_set(err, SCO_E_INVALID, "%s: ci: expected one operation at least", path);
    if (!c->verify != !c->translate)
        return sco_error_set(err, SCO_E_INVALID,
                             "%s: ci: expected verify and translate, or neither", path);
    if (!l->plugin.open)
        return sco_error_set(err, SCO_E_INVALID, "%s: open: expected a function, found NULL", path);
    return 0;
}

int sco_plug_load(const char *path, struct sco_arena *arena, struct sco_loaded_plugin *ret,
                  struct sco_error *err)
{
    sco_plugin_fn entry = NULL;
    int r = open_object(path, &entry, err);
    if (r < 0)
        return r;
    const struct sco_plugin *p = entry ? entry() : NULL;
    if (!p)
        return sco_error_set(err, SCO_E_ABI, "%s: %s(): expected a plugin, found NULL", path,
                             SCO_PLUGIN_SYMBOL);
    r = check_head(path, p, err);
    if (r < 0)
        return r;

    struct sco_loaded_plugin l = {.path = sco_arena_cstr(arena, sco_str_c(path))};
    if (!l.path)
        return sco_error_nomem(err);
    memcpy(&l.plugin, p, p->struct_size < sizeof *p ? p->struct_size : sizeof *p);
    if (l.plugin.kind == SCO_KIND_CI)
        l.plugin.scanner = NULL;
    else
        l.plugin.ci = NULL;
    r = check_plugin(path, &l.plugin, err);
    if (r < 0)
        return r;
    r = plug_options_load(path, &l.plugin, arena, &l, err);
    if (r < 0)
        return r;
    if (l.plugin.kind == SCO_KIND_SCANNER)
        r = load_scanner(path, &l, err);
    else
        r = load_ci(path, &l, err);
    if (r < 0)
        return r;
    *ret = l;
    if (ret->plugin.scanner)
        ret->plugin.scanner = &ret->scanner;
    if (ret->plugin.ci)
        ret->plugin.ci = &ret->ci;
    return 0;
}
