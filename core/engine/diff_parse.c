/* What git diff prints, read strictly: the files from its NUL-separated list, in which any name is
 * told apart, the lines from the patch, in which git quotes names. Lines of files may look like
 * headers: they are counted, not recognised. */
#include "diff_priv.h"

#include <stdlib.h>

enum { LINES_MAX = 50 * 1000 * 1000 };

static int broken(struct sco_error *err, const char *what)
{
    return sco_error_set(err, SCO_E_FORMAT, "git diff wrote what cannot be read: %s", what);
}

/* ---- names ---- */
static bool take_field(struct sco_str *rest, char end, struct sco_str *ret)
{
    const char *at = rest->n ? memchr(rest->p, end, rest->n) : NULL;
    if (!at)
        return false;
    *ret = sco_str_make(rest->p, (size_t)(at - rest->p));
    *rest = sco_str_make(at + 1, rest->n - ret->n - 1);
    return true;
}

static int remember(struct diff_build *b, char kind, const char *path, size_t file)
{
    SCO_AUTO(sco_buf) struct sco_buf key = {0};
    sco_buf_addc(&key, kind);
    sco_buf_addz(&key, path);
    void **slot = key.failed ? NULL : sco_map_put(&b->by_path, sco_buf_str(&key), NULL);
    if (!slot)
        return SCO_E_NOMEM;
    *slot = (void *)(uintptr_t)(file + 1);
    return 0;
}

static struct sco_diff_file *recall(struct diff_build *b, char kind, struct sco_str path)
{
    SCO_AUTO(sco_buf) struct sco_buf key = {0};
    sco_buf_addc(&key, kind);
    sco_buf_add(&key, path);
    uintptr_t at = key.failed ? 0 : (uintptr_t)sco_map_get(&b->by_path, sco_buf_str(&key));
    return at ? &b->files[at - 1] : NULL;
}

static bool is_module(struct sco_str fields)
{
    struct sco_str mode;
    for (int i = 0; i < 2 && sco_str_split(&fields, ' ', &mode); i++)
        if (sco_str_is(mode, "160000"))
            return true;
    return false;
}

/* ":100644 100644 SHA SHA R100" NUL old NUL [new NUL]. */
static int take_raw(struct diff_build *b, struct sco_str *rest, struct sco_error *err)
{
    struct sco_str head, old, name;
    if (!take_field(rest, 0, &head) || !take_field(rest, 0, &old))
        return broken(err, "a list of files that ends too early");
    const char *space = memrchr(head.p, ' ', head.n);
    char status = space && space + 1 < head.p + head.n ? space[1] : 0;
    bool pair = status == 'R' || status == 'C';
    if (!status || !strchr("ACDMRTUX", status) || (pair && !take_field(rest, 0, &name)))
        return broken(err, "a file without a status");
    if (!pair)
        name = old;
    if (SCO_VEC_PUSH(b->files, b->n_files, b->cap_files) < 0)
        return sco_error_nomem(err);
    const struct sco_diff_file *twice = recall(b, '+', name); /* a conflict has several entries */
    struct sco_diff_file f = {.module = is_module(sco_str_make(head.p + 1, head.n - 1)),
                              /* of a link that became a file nothing was there before */
                              .binary = strchr("TUX", status) || (twice && twice->binary)};
    if (status != 'D')
        f.path = sco_arena_cstr(b->arena, name);
    if (status != 'A' && status != 'C') /* a copy is new where it is */
        f.old_path = sco_arena_cstr(b->arena, old);
    bool deleted = status == 'D';
    if ((!deleted && !f.path) || (!f.old_path && status != 'A' && status != 'C') ||
        remember(b, deleted ? '-' : '+', deleted ? f.old_path : f.path, b->n_files) < 0)
        return sco_error_nomem(err);
    /* what was only renamed is the same, whatever it is */
    bool same = pair && sco_str_ends(head, "100");
    if (same && remember(b, '=', f.path, b->n_files) < 0)
        return sco_error_nomem(err);
    b->files[b->n_files++] = f;
    return 0;
}

/* "12\t3\tNAME" NUL, or "12\t3\t" NUL old NUL new NUL; "-" for binary files. */
static int take_numstat(struct diff_build *b, struct sco_str *rest, struct sco_error *err)
{
    struct sco_str added, removed, name;
    if (!take_field(rest, '\t', &added) || !take_field(rest, '\t', &removed) ||
        !take_field(rest, 0, &name))
        return broken(err, "counts of lines that end too early");
    if (!name.n && (!take_field(rest, 0, &name) || !take_field(rest, 0, &name)))
        return broken(err, "counts of lines without a name");
    struct sco_diff_file *f = recall(b, '+', name);
    if (f && sco_str_is(added, "-") && !recall(b, '=', name))
        f->binary = true;
    return 0;
}

int diff_parse_names(struct diff_build *b, struct sco_str names, struct sco_error *err)
{
    int r = 0;
    while (names.n && r == 0)
        r = names.p[0] == ':' ? take_raw(b, &names, err) : take_numstat(b, &names, err);
    return r;
}

/* ---- names in the patch ---- */
static bool unquote(struct sco_str s, struct sco_buf *out)
{
    static const char letters[] = "abtnvfr\"\\", values[] = "\a\b\t\n\v\f\r\"\\";
    for (size_t i = 1; i + 1 < s.n; i++) {
        if (s.p[i] != '\\') {
            sco_buf_addc(out, s.p[i]);
            continue;
        }
        if (++i + 1 >= s.n)
            return false;
        const char *at = strchr(letters, s.p[i]);
        if (s.p[i] && at) {
            sco_buf_addc(out, values[at - letters]);
            continue;
        }
        int value = 0;
        for (size_t k = 0; k < 3; k++) {
            if (i + k + 1 >= s.n || s.p[i + k] < '0' || s.p[i + k] > '7')
                return false;
            value = value * 8 + (s.p[i + k] - '0');
        }
        sco_buf_addc(out, (char)value);
        i += 2;
    }
    return true;
}

/* What follows "--- " or "+++ ": "a/NAME", quoted or not, or /dev/null. False: neither. */
static bool take_name(struct sco_str s, char side, struct sco_buf *out)
{
    sco_buf_clear(out);
    if (s.n && s.p[s.n - 1] == '\t') /* after names with spaces */
        s.n--;
    bool quoted = s.n > 1 && s.p[0] == '"' && s.p[s.n - 1] == '"';
    if (!quoted)
        sco_buf_add(out, s);
    else if (!unquote(s, out))
        return false;
    return sco_str_is(sco_buf_str(out), "/dev/null") ||
           (out->n > 2 && out->p[0] == side && out->p[1] == '/');
}

/* ---- hunks ---- */
struct patch {
    struct diff_build *b;
    struct sco_str rest;
    struct sco_diff_file *file; /* of the section; NULL: none yet */
    struct sco_buf old, name;   /* of the section */
};

static bool take_line(struct sco_str *rest, struct sco_str *ret)
{
    if (!rest->n)
        return false;
    const char *end = memchr(rest->p, '\n', rest->n);
    *ret = sco_str_make(rest->p, end ? (size_t)(end - rest->p) : rest->n);
    size_t taken = ret->n + (end != NULL);
    *rest = sco_str_make(rest->p + taken, rest->n - taken);
    return true;
}

/* "12,3" or "12": a line and how many. */
static bool take_range(struct sco_str s, char sign, int32_t *ret_line, int32_t *ret_n)
{
    int64_t line = 0, n = 1;
    if (!s.n || s.p[0] != sign)
        return false;
    s = sco_str_make(s.p + 1, s.n - 1);
    const char *comma = s.n ? memchr(s.p, ',', s.n) : NULL;
    struct sco_str first = comma ? sco_str_make(s.p, (size_t)(comma - s.p)) : s;
    if (sco_parse_i64(first, 0, INT32_MAX, &line) < 0 ||
        (comma && sco_parse_i64(sco_str_make(comma + 1, s.n - first.n - 1), 0, LINES_MAX, &n) < 0))
        return false;
    *ret_line = (int32_t)line;
    *ret_n = (int32_t)n;
    return true;
}

static int add_line(struct diff_lines *l, struct sco_str text, size_t hunk)
{
    if (l->n >= LINES_MAX || SCO_VEC_PUSH(l->v, l->n, l->cap) < 0)
        return SCO_E_NOMEM;
    while (text.n && strchr(" \t\r", text.p[text.n - 1]) && text.p[text.n - 1])
        text.n--;
    uint32_t letters = 0;
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i], low = c | 32;
        letters += (low >= 'a' && low <= 'z') || (c >= '0' && c <= '9') || c >= 128;
    }
    l->v[l->n++] = (struct diff_line){
        .p = text.p, .n = (uint32_t)text.n, .hunk = (uint32_t)hunk, .letters = letters};
    return 0;
}

static int take_hunk(struct patch *p, struct sco_str head, struct sco_error *err)
{
    struct diff_build *b = p->b;
    struct diff_hunk x = {.file = (uint32_t)(p->file - b->files),
                          .first_added = (uint32_t)b->added.n,
                          .first_removed = (uint32_t)b->removed.n};
    struct sco_str old, name, line;
    head = sco_str_make(head.p + 3, head.n - 3);
    if (!take_field(&head, ' ', &old) || !take_field(&head, ' ', &name) ||
        !take_range(old, '-', &x.h.old_line, &x.h.old_n) ||
        !take_range(name, '+', &x.h.line, &x.h.n))
        return broken(err, "lines of a change without a number");
    for (int32_t minus = x.h.old_n, plus = x.h.n; minus || plus;) {
        if (!take_line(&p->rest, &line) || !line.n)
            return broken(err, "a change that ends too early");
        struct diff_lines *to = line.p[0] == '+' && plus    ? &b->added
                                : line.p[0] == '-' && minus ? &b->removed
                                                            : NULL;
        if (!to && line.p[0] != '\\')
            return broken(err, "a line that is neither added nor removed");
        if (to == &b->added)
            plus--;
        else if (to)
            minus--;
        if (to && add_line(to, sco_str_make(line.p + 1, line.n - 1), b->n_hunks) < 0)
            return sco_error_nomem(err);
    }
    if (SCO_VEC_PUSH(b->hunks, b->n_hunks, b->cap_hunks) < 0)
        return sco_error_nomem(err);
    b->hunks[b->n_hunks++] = x;
    return 0;
}

/* Both names of the section are known: which file of the list it is. */
static int choose_file(struct patch *p, struct sco_error *err)
{
    bool deleted = sco_str_is(sco_buf_str(&p->name), "/dev/null");
    struct sco_str path = sco_buf_str(deleted ? &p->old : &p->name);
    path = path.n > 2 ? sco_str_make(path.p + 2, path.n - 2) : SCO_STR("");
    p->file = recall(p->b, deleted ? '-' : '+', path);
    if (!p->file) /* what became a link, or was one, is deleted and added */
        p->file = recall(p->b, '+', path);
    if (p->old.failed || p->name.failed)
        return sco_error_nomem(err);
    return p->file ? 0 : broken(err, "a change of a file that is not in its list");
}

static int take_patch_line(struct patch *p, struct sco_str line, struct sco_error *err)
{
    struct sco_str rest = line.n > 4 ? sco_str_make(line.p + 4, line.n - 4) : SCO_STR("");
    if (sco_str_starts(line, "diff --git ")) {
        p->file = NULL;
    } else if (sco_str_starts(line, "@@ ")) {
        return p->file ? take_hunk(p, line, err) : broken(err, "a change of no file");
    } else if (sco_str_starts(line, "--- ")) {
        if (!take_name(rest, 'a', &p->old))
            return broken(err, "a name");
    } else if (sco_str_starts(line, "+++ ")) {
        return take_name(rest, 'b', &p->name) ? choose_file(p, err) : broken(err, "a name");
    }
    return 0; /* modes, similarities, names that are in the list */
}

int diff_parse_patch(struct diff_build *b, struct sco_str patch, struct sco_error *err)
{
    struct patch p = {.b = b, .rest = patch};
    struct sco_str line;
    int r = 0;
    while (r == 0 && take_line(&p.rest, &line))
        r = take_patch_line(&p, line, err);
    sco_buf_done(&p.old);
    sco_buf_done(&p.name);
    return r;
}

/* ---- the end ---- */
static const uint8_t *moved_of(struct diff_build *b, const struct diff_hunk *x)
{
    bool any = false;
    for (int32_t i = 0; i < x->h.n; i++)
        any |= b->added.v[x->first_added + (uint32_t)i].used;
    uint8_t *v = any ? sco_arena_alloc(b->arena, (size_t)x->h.n) : NULL;
    for (int32_t i = 0; v && i < x->h.n; i++) {
        const struct diff_line *l = &b->added.v[x->first_added + (uint32_t)i];
        v[i] = !l->used ? SCO_DIFF_ADDED : l->indented ? SCO_DIFF_INDENTED : SCO_DIFF_MOVED;
    }
    return v; /* NULL, also for no memory: every line is new */
}

int diff_build_end(struct diff_build *b, struct sco_diff *ret, struct sco_error *err)
{
    struct sco_diff_file *files = sco_arena_alloc(b->arena, (b->n_files + 1) * sizeof *files);
    struct sco_diff_hunk *hunks = sco_arena_alloc(b->arena, (b->n_hunks + 1) * sizeof *hunks);
    if (!files || !hunks)
        return sco_error_nomem(err);
    if (b->n_files)
        memcpy(files, b->files, b->n_files * sizeof *files);
    for (size_t i = 0; i < b->n_hunks; i++) {
        const struct diff_hunk *x = &b->hunks[i];
        hunks[i] = x->h;
        for (int32_t k = 0; k < x->h.old_n; k++)
            hunks[i].lost += !b->removed.v[x->first_removed + (uint32_t)k].used;
        hunks[i].moved = moved_of(b, x);
        struct sco_diff_file *f = &files[x->file];
        if (!f->n_hunks)
            f->hunks = &hunks[i];
        f->n_hunks++;
    }
    ret->files = files;
    ret->n_files = b->n_files;
    return 0;
}

void diff_build_done(struct diff_build *b)
{
    free(b->files);
    free(b->hunks);
    free(b->added.v);
    free(b->removed.v);
    sco_map_done(&b->by_path);
}
