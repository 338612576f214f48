/* Archives: any bytes are refused or unpacked, and what is unpacked are files and folders within
 * the folder, none of them called .git, no larger than the limit. */
#include "checkout_priv.h"

#include <fcntl.h>
#include <fts.h>
#include <secureops/fs.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LIMIT = 1 << 20 };

static char *folder;

static void remove_folder(void)
{
    sco_fs_remove_tree(folder);
    free(folder);
}

static void check(void)
{
    char *roots[] = {folder, NULL};
    uint64_t size = 0;
    FTS *f = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    SCO_BUG_ON(!f);
    for (FTSENT *e; (e = fts_read(f));) {
        SCO_BUG_ON(e->fts_info != FTS_F && e->fts_info != FTS_D && e->fts_info != FTS_DP);
        SCO_BUG_ON(strcasecmp(e->fts_name, ".git") == 0);
        bool ours = strcmp(e->fts_name, "into") == 0 || strncmp(e->fts_name, "a.", 2) == 0;
        SCO_BUG_ON(e->fts_level == 1 && !ours);
        if (e->fts_info == FTS_F && e->fts_level > 1)
            size += (uint64_t)e->fts_statp->st_size;
    }
    SCO_BUG_ON(size > LIMIT);
    fts_close(f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[256], into[256];
    struct sco_error err = {0};
    if (!folder) {
        if (sco_fs_mkdtemp(NULL, "fuzz-archive", &folder, &err) < 0)
            abort();
        atexit(remove_folder);
    }
    if (size < 1)
        return 0;
    snprintf(path, sizeof path, "%s/a.%s", folder, data[0] & 1 ? "zip" : "tar");
    snprintf(into, sizeof into, "%s/into", folder);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    SCO_BUG_ON(fd < 0 || mkdir(into, 0700) < 0);
    SCO_BUG_ON(sco_fs_write_all(fd, sco_str_make((const char *)data + 1, size - 1)) < 0);
    close(fd);
    struct sco_checkout_request q = {.into = into, .cancel_fd = -1, .size_limit = LIMIT};
    int r = checkout_archive(&q, path, sco_mono_ms() + 5000, &err);
    SCO_BUG_ON(r < 0 && (!err.text[0] || r == SCO_E_TIMEOUT));
    check();
    SCO_BUG_ON(sco_fs_remove_tree(into) > 0);
    unlink(path);
    return 0;
}
