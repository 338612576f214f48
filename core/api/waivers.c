/* Waivers of the server: a file in its data folder, in the format of every file of waivers, that
 * each scan of this server takes beside those of the configuration. Changed by one writer at a
 * time, whole or not at all, and only to what can be read again. */
#include "content_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <secureops/crypto.h>
#include <secureops/fs.h>
#include <secureops/waivers.h>
#include <sys/file.h>
#include <unistd.h>

enum { ID_BYTES = 8 };

static const struct {
    const char *name;
    size_t at;
} fields[] = {
    {"policy", offsetof(struct sco_waiver, pattern)},
    {"resource", offsetof(struct sco_waiver, resource)},
    {"path", offsetof(struct sco_waiver, path)},
    {"reason", offsetof(struct sco_waiver, reason)},
    {"owner", offsetof(struct sco_waiver, owner)},
    {"expires", offsetof(struct sco_waiver, expires)},
};

static const char *field(const struct sco_waiver *w, size_t i)
{
    return *(const char *const *)((const char *)w + fields[i].at);
}

/* Of what it says: the same waiver has the same id wherever it stands. */
static int waiver_id(const struct sco_waiver *w, char ret[2 * ID_BYTES + 1], struct sco_error *err)
{
    struct sco_sha256 *h = sco_sha256_new();
    uint8_t digest[SCO_SHA256_LEN];
    if (!h)
        return sco_error_nomem(err);
    sco_sha256_begin(h);
    for (size_t i = 0; i < SCO_ARRAY_LEN(fields); i++)
        sco_sha256_field(h, sco_str_c(field(w, i)));
    int r = sco_sha256_end(h, digest);
    sco_sha256_free(h);
    sco_hex(digest, ID_BYTES, ret);
    return r < 0 ? sco_error_set(err, r, "cannot compute a digest") : 0;
}

static int write_waiver(struct sco_json_out *o, const struct sco_waiver *w, struct sco_error *err)
{
    char id[2 * ID_BYTES + 1];
    int r = waiver_id(w, id, err);
    if (r < 0)
        return r;
    sco_json_begin(o, '{');
    sco_json_kz(o, "id", id);
    for (size_t i = 0; i < SCO_ARRAY_LEN(fields); i++)
        sco_json_kz(o, fields[i].name, field(w, i));
    sco_json_kbool(o, "expired", w->expired);
    sco_json_end(o, '}');
    return 0;
}

/* ---- the file ---- */
struct opened {
    const char *path;
    struct sco_waivers *w; /* NULL: none yet */
    int lock;
};

static int open_waivers(struct api_call *c, bool write, struct opened *ret, struct sco_error *err)
{
    const char *data = api_options(c->api)->data;
    struct opened x = {.lock = -1};
    if (!data)
        return sco_error_set(err, SCO_E_UNSUPPORTED, "this server keeps no waivers");
    x.path = sco_arena_fmt(&c->arena, "%s/waivers.yaml", data);
    const char *lock = sco_arena_fmt(&c->arena, "%s/waivers.lock", data);
    if (!x.path || !lock)
        return sco_error_nomem(err);
    if (write) {
        x.lock = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (x.lock < 0 || flock(x.lock, LOCK_EX) < 0) {
            int e = errno;
            if (x.lock >= 0)
                close(x.lock);
            return sco_error_errno(err, e, "cannot lock %s", lock);
        }
    }
    int r = 0;
    if (sco_fs_is_file(x.path))
        r = sco_waivers_load((const char *const[]){x.path, NULL}, c->now, &x.w, err);
    if (r < 0 && x.lock >= 0)
        close(x.lock);
    if (r == 0)
        *ret = x;
    return r < 0 ? sco_error_set(err, SCO_E_INTERNAL, "the waivers of the server: %s", err->text)
                 : 0;
}

static void close_waivers(struct opened *x)
{
    sco_waivers_free(x->w);
    if (x->lock >= 0)
        close(x->lock);
}

/* JSON texts are YAML texts; one value a line. */
static void add_yaml(struct sco_buf *b, const struct sco_waiver *w)
{
    struct sco_json_out o = {.b = b};
    const char *lead = "  - ";
    for (size_t i = 0; i < SCO_ARRAY_LEN(fields); i++) {
        if (!field(w, i))
            continue;
        sco_buf_addf(b, "%s%s: ", lead, fields[i].name);
        o.comma = false;
        sco_json_str(&o, sco_str_c(field(w, i)));
        sco_buf_addc(b, '\n');
        lead = "    ";
    }
}

/* Checked aside by reading it as a scan would. */
static int replace(struct api_call *c, const struct opened *x, const struct sco_buf *text,
                   struct sco_error *err)
{
    const char *aside = sco_arena_fmt(&c->arena, "%s.new", x->path);
    struct sco_waivers *w = NULL;
    if (!aside)
        return sco_error_nomem(err);
    int r = sco_buf_check(text, err);
    if (r == 0)
        r = sco_fs_write(aside, sco_buf_str(text), 0600, err);
    if (r < 0)
        return r;
    struct sco_error why = {0};
    r = sco_waivers_load((const char *const[]){aside, NULL}, c->now, &w, &why);
    sco_waivers_free(w);
    if (r == SCO_E_INVALID || r == SCO_E_PARSE || r == SCO_E_LIMIT) {
        const char *told = strstr(why.text, ": "); /* without the place in a file */
        r = api_fault(c, err, "", "%s", told ? told + 2 : why.text);
    } else if (r < 0) {
        r = sco_error_set(err, r, "%s", why.text);
    } else if ((r = api_audit_call(c, "success", err)) == 0 && rename(aside, x->path) < 0) {
        r = sco_error_errno(err, errno, "cannot make %s", x->path);
    }
    if (r < 0)
        unlink(aside);
    return r;
}

/* ---- handlers ---- */
int api_waiver_list(struct api_call *c, struct sco_error *err)
{
    struct opened x = {.lock = -1};
    int r = open_waivers(c, false, &x, err);
    if (r < 0)
        return r;
    api_items_begin(c);
    for (size_t i = 0; x.w && i < x.w->n && r == 0; i++)
        r = write_waiver(&c->out, &x.w->v[i], err);
    if (r == 0)
        api_items_end(c, NULL);
    close_waivers(&x);
    return r;
}

static int add(struct api_call *c, const struct opened *x, const struct sco_waiver *w,
               struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf text = {0};
    char id[2 * ID_BYTES + 1], other[2 * ID_BYTES + 1];
    int r = waiver_id(w, id, err);
    sco_buf_addz(&text, "# Kept by secureopsd: see /api/v1/waivers.\nwaivers:\n");
    for (size_t i = 0; x->w && i < x->w->n && r == 0; i++) {
        add_yaml(&text, &x->w->v[i]);
        r = waiver_id(&x->w->v[i], other, err);
        if (r == 0 && strcmp(id, other) == 0)
            r = api_problem(c, 409, err, "there is this waiver already: %s", id);
    }
    if (r < 0)
        return r;
    add_yaml(&text, w);
    r = replace(c, x, &text, err);
    if (r < 0)
        return r;
    api_created(c, "/api/v1/waivers/%s", id);
    return write_waiver(&c->out, w, err);
}

int api_waiver_create(struct api_call *c, struct sco_error *err)
{
    struct sco_waiver w = {0};
    struct opened x = {.lock = -1};
    int r = api_needs_all(c, "waivers", err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < SCO_ARRAY_LEN(fields); i++) {
        const char *v = api_text(c, fields[i].name);
        *(const char **)((char *)&w + fields[i].at) = v && *v ? v : NULL;
    }
    if (!w.owner)
        w.owner = c->who.name;
    r = open_waivers(c, true, &x, err);
    if (r < 0)
        return r;
    r = add(c, &x, &w, err);
    close_waivers(&x);
    return r;
}

static int without(struct api_call *c, const struct opened *x, const char *wanted,
                   struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf text = {0};
    char id[2 * ID_BYTES + 1];
    size_t left = 0, n = x->w ? x->w->n : 0;
    int r = 0;
    sco_buf_addz(&text, "# Kept by secureopsd: see /api/v1/waivers.\nwaivers:\n");
    for (size_t i = 0; i < n && r == 0; i++) {
        r = waiver_id(&x->w->v[i], id, err);
        if (r < 0 || strcmp(id, wanted) == 0)
            continue;
        add_yaml(&text, &x->w->v[i]);
        left++;
    }
    if (r == 0 && left == n)
        r = sco_error_set(err, SCO_E_NOT_FOUND, "there is no waiver %s", wanted);
    else if (r == 0 && left)
        r = replace(c, x, &text, err);
    else if (r == 0 && (r = api_audit_call(c, "success", err)) == 0 && unlink(x->path) < 0)
        r = sco_error_errno(err, errno, "cannot remove %s", x->path);
    return r;
}

int api_waiver_delete(struct api_call *c, struct sco_error *err)
{
    struct opened x = {.lock = -1};
    int r = api_needs_all(c, "waivers", err);
    if (r == 0)
        r = open_waivers(c, true, &x, err);
    if (r < 0)
        return r;
    r = without(c, &x, c->params[0], err);
    close_waivers(&x);
    if (r == 0)
        c->status = 204;
    return r;
}
