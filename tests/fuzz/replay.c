/* Runs the fuzz function of a target over files: main() for builds without libFuzzer.
 *
 * usage: fuzz_NAME FILE-OR-FOLDER...
 *
 * Folders are walked. Prints how many files were run; none at all is a failure, so that a lost
 * corpus is noticed. */
#include <secureops/fs.h>

#include <dirent.h>
#include <stdlib.h>

enum { FILE_MAX = 64 << 20, DEPTH_MAX = 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t ran, unreadable;

static void run_file(const char *path)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_error err;
    if (sco_fs_read(path, FILE_MAX, &b, &err) < 0) {
        fprintf(stderr, "%s\n", err.text);
        unreadable++;
        return;
    }
    /* a copy of the exact size, so that a sanitizer sees the first byte too much */
    SCO_AUTO(sco_free) uint8_t *data = sco_grow(NULL, b.n, 1);
    SCO_BUG_ON(!data);
    if (b.n)
        memcpy(data, b.p, b.n);
    LLVMFuzzerTestOneInput(data, b.n);
    ran++;
}

static void run(const char *path, int depth)
{
    if (sco_fs_is_file(path)) {
        run_file(path);
        return;
    }
    DIR *dir = depth < DEPTH_MAX ? opendir(path) : NULL;
    if (!dir) {
        fprintf(stderr, "%s: cannot read\n", path);
        unreadable++;
        return;
    }
    for (struct dirent *e; (e = readdir(dir));) {
        SCO_AUTO(sco_buf) struct sco_buf name = {0};
        if (e->d_name[0] == '.')
            continue;
        SCO_BUG_ON(sco_path_join(&name, sco_str_c(path), sco_str_c(e->d_name)) < 0);
        run(sco_buf_z(&name), depth + 1);
    }
    closedir(dir);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        run(argv[i], 0);
    printf("%zu files\n", ran);
    return ran == 0 || unreadable ? 1 : 0;
}
