/* Line hashes from the scanned files. Results are written file by file, so one file is enough to
 * remember. The path came from a tool: it is walked folder by folder without following links, and
 * what is not a regular file is never opened for reading. */
#include "sarif_priv.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <secureops/fs.h>

enum { FILE_MAX = 4 << 20, HASHES_MAX = 64 << 20 };

struct sarif_lines {
    int root;
    struct sco_buf path; /* of the file that is in the arena */
    struct sco_arena arena;
    const char **hashes;
    size_t n;
};

struct sarif_lines *sarif_lines_new(const char *root)
{
    struct sarif_lines *l = sco_alloc(1, sizeof *l);
    if (l) {
        l->root = root ? open(root, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
        l->arena.limit = HASHES_MAX;
    }
    return l;
}

struct sarif_lines *sarif_lines_free(struct sarif_lines *l)
{
    if (l) {
        if (l->root >= 0)
            close(l->root);
        sco_buf_done(&l->path);
        sco_arena_done(&l->arena);
        free(l);
    }
    return NULL;
}

static int open_below(int root, const char *path)
{
    char part[256];
    int dir = root;
    for (;;) {
        size_t n = strcspn(path, "/");
        bool last = path[n] == 0;
        if (!n || n >= sizeof part || (n == 2 && memcmp(path, "..", 2) == 0))
            break;
        memcpy(part, path, n);
        part[n] = 0;
        int fd = openat(dir, part,
                        O_NOFOLLOW | O_CLOEXEC |
                            (last ? O_RDONLY | O_NONBLOCK | O_NOCTTY : O_PATH | O_DIRECTORY));
        if (dir != root)
            close(dir);
        if (fd < 0 || last)
            return fd;
        dir = fd;
        path += n + 1;
    }
    if (dir != root)
        close(dir);
    return -1;
}

static int read_file(int fd, struct sco_buf *b)
{
    struct stat st;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > FILE_MAX ||
        sco_buf_reserve(b, (size_t)st.st_size + 1) < 0)
        return -1;
    for (;;) {
        ssize_t n = read(fd, b->p + b->n, b->cap - b->n);
        if (n <= 0)
            return (int)n;
        b->n += (size_t)n;
        if (b->n > FILE_MAX || sco_buf_reserve(b, 1) < 0)
            return -1;
    }
}

static void load(struct sarif_lines *l, const char *path)
{
    SCO_AUTO(sco_buf) struct sco_buf text = {0};
    SCO_AUTO(sco_fd) int fd = open_below(l->root, path);
    l->hashes = NULL;
    l->n = 0;
    sco_arena_reset(&l->arena);
    sco_buf_clear(&l->path);
    sco_buf_addz(&l->path, path);
    if (fd < 0 || read_file(fd, &text) < 0 || !sco_utf8_valid(sco_buf_str(&text)))
        return;
    if (sco_line_hashes(sco_buf_str(&text), &l->arena, &l->hashes, &l->n) < 0)
        l->n = 0;
}

const char *sarif_line_hash(struct sarif_lines *l, const char *path, int32_t line)
{
    if (!l || l->root < 0 || !path || line < 1)
        return NULL;
    if (!l->path.n || !sco_str_is(sco_buf_str(&l->path), path))
        load(l, path);
    return (size_t)line <= l->n ? l->hashes[line - 1] : NULL;
}
