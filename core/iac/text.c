/* Files and texts into a set: encoding, what the file is, which reader gets it. Whatever is wrong
 * with a file that is, or may be, infrastructure code ends as a document that says so. */
#include "detect_priv.h"

#include <fcntl.h>
#include <stdlib.h>
#include <secureops/fs.h>

/* One text on its way in. */
struct input {
    struct sco_iac_set *s;
    const char *name;
    enum sco_iac_format format; /* as told by the caller */
    uint32_t flags;
    enum iac_name by_name;
    enum sco_iac_format named;
    struct sco_error *err;
};

static struct sco_iac_text *new_text(struct sco_iac_set *s, const char *name, struct sco_str bytes)
{
    struct sco_iac_text *t = sco_arena_alloc(&s->arena, sizeof *t);
    if (!t || !(t->file_path = sco_arena_cstr(&s->arena, sco_str_c(name))))
        return NULL;
    t->bytes = bytes;
    return t;
}

/* A document of its own for what could not be read. */
static int ends(struct input *in, enum sco_iac_format format, enum sco_iac_status status,
                const char *reason)
{
    struct sco_iac_text *t = new_text(in->s, in->name, sco_str_c(""));
    if (!t || !iac_doc(in->s, t, 0, format) ||
        iac_doc_ends(in->s, (uint32_t)in->s->n_docs - 1, status, "%s", reason) < 0)
        return sco_error_nomem(in->err);
    return 0;
}

static int failed(struct input *in, enum sco_iac_format format, const char *fmt, ...)
    SCO_PRINTF(3, 4);
static int failed(struct input *in, enum sco_iac_format format, const char *fmt, ...)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    va_list ap;
    va_start(ap, fmt);
    sco_buf_addvf(&b, fmt, ap);
    va_end(ap);
    return b.failed ? sco_error_nomem(in->err) : ends(in, format, SCO_IAC_FAILED, sco_buf_z(&b));
}

/* ---- encodings ---- */
static void add_utf8(struct sco_buf *b, uint32_t c)
{
    if (c < 0x80) {
        sco_buf_addc(b, (char)c);
        return;
    }
    char out[4];
    size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char lead[] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (size_t i = n; i-- > 1; c >>= 6)
        out[i] = (char)(0x80 | (c & 0x3F));
    out[0] = (char)(lead[n] | c);
    sco_buf_add(b, sco_str_make(out, n));
}

/* UTF-16 to UTF-8; false: half a character or half a surrogate pair. */
static bool from_utf16(struct sco_str s, bool big, struct sco_buf *ret)
{
    const unsigned char *p = (const unsigned char *)s.p;
    if (s.n % 2)
        return false;
    for (size_t i = 0; i < s.n; i += 2) {
        uint32_t c = big ? (uint32_t)p[i] << 8 | p[i + 1] : (uint32_t)p[i + 1] << 8 | p[i];
        if (c >= 0xD800 && c <= 0xDFFF) {
            if (c > 0xDBFF || i + 3 >= s.n)
                return false;
            i += 2;
            uint32_t low = big ? (uint32_t)p[i] << 8 | p[i + 1] : (uint32_t)p[i + 1] << 8 | p[i];
            if (low < 0xDC00 || low > 0xDFFF)
                return false;
            c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
        }
        add_utf8(ret, c);
    }
    return true;
}

/* A byte order mark of UTF-16. */
static bool starts_marked(struct sco_str s)
{
    return s.n >= 2 && (memcmp(s.p, "\xFF\xFE", 2) == 0 || memcmp(s.p, "\xFE\xFF", 2) == 0);
}

/* Whether it is UTF-16, and how many bytes its mark has. Without a mark: all that we read starts
 * with an ASCII character, so one of its two bytes is zero, as YAML and JSON say. */
static bool is_utf16(struct sco_str s, bool *ret_big, size_t *ret_mark)
{
    if (s.n < 2)
        return false;
    bool marked = starts_marked(s);
    *ret_big = marked ? s.p[0] == '\xFE' : !s.p[0];
    *ret_mark = marked ? 2 : 0;
    return marked || (s.n >= 4 && !s.p[0] != !s.p[1] && !s.p[0] == !s.p[2] && !s.p[1] == !s.p[3]);
}

/* Makes *bytes UTF-8 without byte order mark. NULL, or what is wrong. */
static const char *to_utf8(struct sco_buf *bytes, struct sco_str *ret)
{
    bool big;
    size_t mark;
    *ret = sco_buf_str(bytes);
    if (is_utf16(*ret, &big, &mark)) {
        struct sco_buf utf8 = {0};
        if (!from_utf16(sco_str_make(ret->p + mark, ret->n - mark), big, &utf8)) {
            sco_buf_done(&utf8);
            return "malformed UTF-16";
        }
        sco_buf_done(bytes);
        *bytes = utf8;
        *ret = sco_buf_str(bytes);
    } else if (ret->n >= 3 && memcmp(ret->p, "\xEF\xBB\xBF", 3) == 0) {
        *ret = sco_str_make(ret->p + 3, ret->n - 3);
    }
    if (ret->n && memchr(ret->p, 0, ret->n))
        return "a NUL byte: this is no text";
    if (!sco_utf8_valid(*ret))
        return "not UTF-8";
    return NULL;
}

/* The bytes as a text of the set, which takes over the buffer. */
static struct sco_iac_text *keep(struct input *in, struct sco_buf *bytes, struct sco_str text)
{
    struct iac_impl *m = iac_impl(in->s);
    size_t skipped = text.n ? (size_t)(text.p - bytes->p) : 0; /* a byte order mark */
    (void)sco_buf_z(bytes); /* NUL-terminated, which may move it */
    char *fit = bytes->failed ? NULL : sco_grow(bytes->p, bytes->n + 1, 1);
    bytes->p =
        fit ? fit : bytes->p; /* of a thousand small files each was read with room for more */
    if (!m || bytes->failed || SCO_VEC_PUSH(m->texts, m->n_texts, m->cap_texts) < 0)
        return NULL;
    struct sco_iac_text *t = new_text(
        in->s, in->name, text.n ? sco_str_make(bytes->p + skipped, text.n) : sco_str_c(""));
    if (!t)
        return NULL;
    m->texts[m->n_texts++] = bytes->p;
    *bytes = (struct sco_buf){0};
    return t;
}

/* ---- dispatch ---- */
static bool starts_json(struct sco_str s)
{
    s = sco_str_trim(s);
    return s.n && (s.p[0] == '[' || (s.p[0] == '{' && (s.n < 2 || s.p[1] != '{')));
}

/* Nothing that we know: an error only when the user asked for this file. */
static int unknown(struct input *in)
{
    if (!(in->flags & SCO_IAC_EXPLICIT))
        return 0;
    return failed(in, SCO_IAC_FORMAT_NONE,
                  "%s: not recognised as infrastructure code: no Kubernetes object, Dockerfile, "
                  "Compose file, workflow, GitLab pipeline or Terraform plan",
                  in->name);
}

static enum sco_iac_format sniff(struct sco_str s)
{
    enum sco_iac_format f = starts_json(s) ? iac_sniff_json(s) : iac_sniff_yaml(s);
    return f == SCO_IAC_FORMAT_NONE ? iac_sniff_yaml(s) : f;
}

static int dispatch(struct input *in, struct sco_iac_text *t)
{
    bool json = starts_json(t->bytes);
    enum sco_iac_format f = in->format != SCO_IAC_FORMAT_NONE ? in->format : in->named;
    if (in->format == SCO_IAC_FORMAT_NONE && in->by_name == IAC_NAME_NOTHING &&
        !(in->flags & SCO_IAC_EXPLICIT))
        return 0;
    if (f == SCO_IAC_FORMAT_NONE && !json && in->by_name != IAC_NAME_YAML &&
        in->by_name != IAC_NAME_JSON && iac_sniff_dockerfile(t->bytes))
        f = SCO_IAC_FORMAT_DOCKERFILE;
    if (f == SCO_IAC_FORMAT_DOCKERFILE)
        return iac_read_dockerfile(in->s, t, f, in->flags, in->err);
    if (f == SCO_IAC_FORMAT_TERRAFORM_PLAN)
        return iac_read_plan(in->s, t, f, in->flags, in->err);
    bool plan = in->by_name != IAC_NAME_YAML && /* with other text around it */
                iac_sniff_json(t->bytes) == SCO_IAC_FORMAT_TERRAFORM_PLAN;
    if (json || plan || in->by_name == IAC_NAME_JSON)
        return iac_read_json(in->s, t, in->format, in->flags, in->err);
    return iac_read_yaml(in->s, t, in->format, in->flags, in->err);
}

/* Of a text that is not UTF-8 or has NUL bytes. */
static int bad_text(struct input *in, struct sco_str text, const char *why)
{
    static const char zip[] = "PK\003\004";
    bool is_zip = text.n > 4 && memcmp(text.p, zip, 4) == 0;
    if (is_zip && (in->by_name == IAC_NAME_PLAN || in->format == SCO_IAC_FORMAT_TERRAFORM_PLAN ||
                   (in->flags & SCO_IAC_EXPLICIT)))
        return failed(in, SCO_IAC_FORMAT_TERRAFORM_PLAN,
                      "%s: a binary plan: run `terraform show -json %s > plan.json` and scan that",
                      in->name, in->name);
    enum sco_iac_format f = in->format != SCO_IAC_FORMAT_NONE ? in->format : in->named;
    if (f == SCO_IAC_FORMAT_NONE && in->by_name != IAC_NAME_NOTHING && !is_zip)
        f = sniff(text);
    bool marked = starts_marked(text) && in->by_name != IAC_NAME_NOTHING; /* nobody can look */
    if (f == SCO_IAC_FORMAT_NONE && !marked && !(in->flags & SCO_IAC_EXPLICIT))
        return 0;
    return failed(in, f, "%s: %s", in->name, why);
}

static int add(struct input *in, struct sco_buf *bytes)
{
    struct sco_str text;
    size_t before = in->s->n_docs;
    const char *why = to_utf8(bytes, &text);
    if (bytes->failed)
        return sco_error_nomem(in->err);
    int r;
    if (why) {
        r = bad_text(in, text, why);
    } else {
        struct sco_iac_text *t = keep(in, bytes, text);
        r = t ? dispatch(in, t) : sco_error_nomem(in->err);
    }
    if (r == 0 && in->s->n_docs == before)
        r = unknown(in);
    if (r == SCO_E_NOMEM)
        return sco_error_nomem(in->err);
    return r < 0 ? r : (int)(in->s->n_docs - before);
}

static struct input input_of(struct sco_iac_set *s, const char *name, enum sco_iac_format format,
                             uint32_t flags, struct sco_error *err)
{
    struct input in = {.s = s, .name = name, .format = format, .flags = flags, .err = err};
    in.by_name = iac_name_of(name, &in.named);
    return in;
}

int sco_iac_add_text(struct sco_iac_set *s, struct sco_str text, const char *name,
                     enum sco_iac_format format, uint32_t flags, struct sco_error *err)
{
    struct input in = input_of(s, name, format, flags, err);
    SCO_AUTO(sco_buf) struct sco_buf bytes = {0};
    if (sco_buf_reserve(&bytes, text.n + 1) < 0)
        return sco_error_nomem(err);
    sco_buf_add(&bytes, text);
    return add(&in, &bytes);
}

int sco_iac_add_file(struct sco_iac_set *s, const char *path, const char *name,
                     enum sco_iac_format format, uint32_t flags, struct sco_error *err)
{
    struct input in = input_of(s, name, format, flags, err);
    SCO_AUTO(sco_buf) struct sco_buf bytes = {0};
    struct sco_error why = {0};
    int r = flags & SCO_IAC_EXPLICIT
                ? sco_fs_read(path, SCO_IAC_JSON_SIZE_MAX, &bytes, &why)
                : sco_fs_read_regular(AT_FDCWD, path, SCO_IAC_JSON_SIZE_MAX, &bytes, &why);
    if (r == SCO_E_NOMEM)
        return sco_error_nomem(err);
    if (r < 0) {
        r = failed(&in, format != SCO_IAC_FORMAT_NONE ? format : in.named, "%s: %s", name,
                   why.text);
        return r < 0 ? r : 1;
    }
    return add(&in, &bytes);
}
