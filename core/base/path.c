/* Paths as text. */
#include <secureops/fs.h>

void sco_path_normalize(struct sco_buf *out, struct sco_str path)
{
    size_t start = out->n;
    struct sco_str part, rest = path;
    if (path.n && path.p[0] == '/')
        sco_buf_addc(out, '/');
    size_t floor = out->n;
    while (sco_str_split(&rest, '/', &part)) {
        if (!part.n || sco_str_is(part, "."))
            continue;
        if (sco_str_is(part, "..")) {
            while (out->n > floor && out->p[--out->n] != '/')
                ;
            continue;
        }
        if (out->n > floor)
            sco_buf_addc(out, '/');
        sco_buf_add(out, part);
    }
    if (out->n == start)
        sco_buf_addc(out, '.');
}

static struct sco_str strip_root(struct sco_str path, struct sco_str root)
{
    while (root.n > 1 && root.p[root.n - 1] == '/')
        root.n--;
    if (root.n && path.n > root.n && memcmp(path.p, root.p, root.n) == 0 && path.p[root.n] == '/')
        return sco_str_make(path.p + root.n + 1, path.n - root.n - 1);
    return path;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* file:///a%20b gives /a b. */
static void add_file_uri(struct sco_buf *out, struct sco_str uri)
{
    struct sco_str s = sco_str_make(uri.p + 5, uri.n - 5);
    if (sco_str_starts(s, "//")) { /* skip the authority */
        const char *slash = s.n > 2 ? memchr(s.p + 2, '/', s.n - 2) : NULL;
        s = slash ? sco_str_make(slash, s.n - (size_t)(slash - s.p))
                  : sco_str_make(s.p + 2, s.n - 2);
    }
    for (size_t i = 0; i < s.n; i++) {
        int high = i + 2 < s.n && s.p[i] == '%' ? hex_digit(s.p[i + 1]) : -1;
        int low = high >= 0 ? hex_digit(s.p[i + 2]) : -1;
        if (low >= 0 && (high || low)) {
            sco_buf_addc(out, (char)(high << 4 | low));
            i += 2;
        } else
            sco_buf_addc(out, s.p[i]);
    }
}

void sco_path_relative(struct sco_buf *out, struct sco_str path, struct sco_str root)
{
    SCO_AUTO(sco_buf) struct sco_buf raw = {0}, clean = {0};
    if (!path.n)
        return;
    if (sco_str_starts(path, "file:"))
        add_file_uri(&raw, path);
    else
        sco_buf_add(&raw, path);
    /* Windows: C:\x\y and x\y; a backslash in a path that has slashes is an ordinary character */
    if (raw.n && !memchr(raw.p, '/', raw.n))
        for (size_t i = 0; i < raw.n; i++)
            if (raw.p[i] == '\\')
                raw.p[i] = '/';
    struct sco_str s = strip_root(sco_buf_str(&raw), root);
    sco_path_normalize(&clean, s);
    s = strip_root(sco_buf_str(&clean), root);
    while (s.n > 1 && s.p[0] == '/')
        s = sco_str_make(s.p + 1, s.n - 1);
    out->failed |= raw.failed || clean.failed;
    sco_buf_add(out, s);
}

int sco_path_join(struct sco_buf *out, struct sco_str dir, struct sco_str name)
{
    sco_buf_add(out, dir);
    if (dir.n && dir.p[dir.n - 1] != '/')
        sco_buf_addc(out, '/');
    sco_buf_add(out, name);
    return out->failed ? SCO_E_NOMEM : 0;
}

struct sco_str sco_path_base(struct sco_str path)
{
    const char *slash = path.n ? memrchr(path.p, '/', path.n) : NULL;
    return slash ? sco_str_make(slash + 1, path.n - (size_t)(slash + 1 - path.p)) : path;
}
