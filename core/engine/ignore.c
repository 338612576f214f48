/* .gitignore patterns (gitignore(5)): the last one that matches decides; a pattern holds below the
 * folder of its file. Patterns are kept in one list in the order read: parents before children. */
#include "engine_priv.h"

struct ignore_rule {
    const char *base; /* folder of the file, "" or "a/b/" */
    size_t base_n;
    const char *glob;
    bool negate, only_dirs, anchored;
};

enum { IGNORE_FILE_MAX = 1 << 20, IGNORE_RULES_MAX = 5000 };

static int add_rule(struct ignore *ig, struct sco_str line, const char *base)
{
    struct ignore_rule r = {.base = base, .base_n = strlen(base)};
    while (line.n && (line.p[line.n - 1] == '\r' || line.p[line.n - 1] == ' ')) {
        if (line.n >= 2 && line.p[line.n - 1] == ' ' && line.p[line.n - 2] == '\\')
            break;
        line.n--;
    }
    if (!line.n || line.p[0] == '#')
        return 0;
    if (line.p[0] == '!') {
        r.negate = true;
        line = sco_str_make(line.p + 1, line.n - 1);
    }
    if (line.n && line.p[line.n - 1] == '/') {
        r.only_dirs = true;
        line.n--;
    }
    r.anchored = line.n && memchr(line.p, '/', line.n) != NULL;
    if (line.n && line.p[0] == '/')
        line = sco_str_make(line.p + 1, line.n - 1);
    if (!line.n || ig->n >= IGNORE_RULES_MAX)
        return 0;
    r.glob = sco_arena_cstr(&ig->arena, line);
    if (!r.glob || SCO_VEC_PUSH(ig->rules, ig->n, ig->cap) < 0)
        return SCO_E_NOMEM;
    ig->rules[ig->n++] = r;
    return 0;
}

int ignore_add_text(struct ignore *ig, struct sco_str text, const char *base)
{
    const char *kept = sco_arena_cstr(&ig->arena, sco_str_c(base));
    struct sco_str rest = text, line;
    if (!kept)
        return SCO_E_NOMEM;
    while (sco_str_split(&rest, '\n', &line)) {
        int r = add_rule(ig, line, kept);
        if (r < 0)
            return r;
    }
    return 0;
}

int ignore_add_file(struct ignore *ig, int dir, const char *name, const char *base)
{
    SCO_AUTO(sco_buf) struct sco_buf text = {0};
    int r = sco_fs_read_regular(dir, name, IGNORE_FILE_MAX, &text, NULL);
    if (r < 0) /* none, or not readable: the scanners see the files then */
        return r == SCO_E_NOMEM ? r : 0;
    return ignore_add_text(ig, sco_buf_str(&text), base);
}

bool ignore_match(const struct ignore *ig, struct sco_str path, bool is_dir)
{
    for (size_t i = ig->n; i-- > 0;) {
        const struct ignore_rule *r = &ig->rules[i];
        if (path.n <= r->base_n || memcmp(path.p, r->base, r->base_n) != 0 ||
            (r->only_dirs && !is_dir))
            continue;
        struct sco_str rel = sco_str_make(path.p + r->base_n, path.n - r->base_n);
        if (r->anchored ? sco_glob_match(r->glob, rel) : sco_glob_match_file(r->glob, rel))
            return !r->negate;
    }
    return false;
}

void ignore_done(struct ignore *ig)
{
    sco_arena_done(&ig->arena);
    free(ig->rules);
    *ig = (struct ignore){0};
}
