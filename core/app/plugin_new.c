/* A template is a working plugin, built and tested as it stands; it calls itself sample-scanner, or
 * sample-platform.
 * Making a plugin of it is a copy with the name replaced, in the forms that a name takes. */
#include <secureops/fs.h>
#include "plugin_new_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME_MAX_ = 40, FILE_SIZE_MAX = 1 << 20, DEPTH_MAX = 8 };

struct word {
    const char *from;
    char to[NAME_MAX_ + 1];
};

struct words { /* name, C identifier, macro, title; of each template */
    struct word v[8];
};

static bool good_name(const char *name)
{
    size_t n = strlen(name);
    return n > 0 && n <= NAME_MAX_ && name[0] >= 'a' && name[0] <= 'z' && name[n - 1] != '-' &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == n && !strstr(name, "--");
}

static void make_words(struct words *w, const char *name)
{
    static const char *const from[] = {"sample-scanner",  "sample_scanner",  "SAMPLE_SCANNER",
                                       "Sample scanner",  "sample-platform", "sample_platform",
                                       "SAMPLE_PLATFORM", "Sample platform"};
    for (size_t i = 0; i < SCO_ARRAY_LEN(from); i++) {
        w->v[i].from = from[i];
        for (size_t k = 0; name[k]; k++) {
            bool letter = name[k] >= 'a' && name[k] <= 'z';
            size_t form = i % 4;
            bool upper = form == 2 || (form == 3 && k == 0);
            char hyphen = form == 0 ? '-' : form == 3 ? ' ' : '_';
            w->v[i].to[k] = name[k] == '-'    ? hyphen
                            : letter && upper ? (char)(name[k] - 32)
                                              : name[k];
            w->v[i].to[k + 1] = 0;
        }
    }
}

/* Appends the text with every form of the name replaced. */
static void replace(const struct words *w, struct sco_str text, struct sco_buf *out)
{
    while (text.n) {
        size_t i = 0;
        while (i < SCO_ARRAY_LEN(w->v) && !sco_str_starts(text, w->v[i].from))
            i++;
        size_t used = 1;
        if (i < SCO_ARRAY_LEN(w->v)) {
            sco_buf_addz(out, w->v[i].to);
            used = strlen(w->v[i].from);
        } else {
            sco_buf_addc(out, text.p[0]);
        }
        text = sco_str_make(text.p + used, text.n - used);
    }
}

static int copy_file(const struct words *w, const char *from, const char *to, mode_t mode,
                     struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf text = {0}, out = {0};
    int r = sco_fs_read(from, FILE_SIZE_MAX, &text, err);
    if (r < 0)
        return r;
    replace(w, sco_buf_str(&text), &out);
    r = sco_buf_check(&out, err);
    return r < 0 ? r : sco_fs_write(to, sco_buf_str(&out), (int)mode & 0777, err);
}

static int copy_dir(const struct words *w, const char *from, const char *to, int depth,
                    struct sco_error *err);

static int copy_entry(const struct words *w, const char *from_dir, const char *to_dir,
                      const char *name, int depth, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf from = {0}, to = {0};
    struct stat st;
    sco_buf_addf(&from, "%s/%s", from_dir, name);
    sco_buf_addf(&to, "%s/", to_dir);
    replace(w, sco_str_c(name), &to);
    const char *from_z = sco_buf_z(&from), *to_z = sco_buf_z(&to);
    if (from.failed || to.failed)
        return sco_error_nomem(err);
    if (lstat(from_z, &st) < 0)
        return sco_error_errno(err, errno, "cannot read %s", from_z);
    if (S_ISDIR(st.st_mode))
        return copy_dir(w, from_z, to_z, depth + 1, err);
    if (S_ISREG(st.st_mode))
        return copy_file(w, from_z, to_z, st.st_mode, err);
    return sco_error_set(err, SCO_E_INVALID, "%s: neither a file nor a folder", from_z);
}

static int copy_dir(const struct words *w, const char *from, const char *to, int depth,
                    struct sco_error *err)
{
    if (depth > DEPTH_MAX)
        return sco_error_set(err, SCO_E_LIMIT, "%s: nested deeper than %d", from, DEPTH_MAX);
    if (mkdir(to, 0777) < 0 && (depth > 0 || errno != EEXIST))
        return sco_error_errno(err, errno, "cannot make %s", to);
    DIR *d = opendir(from);
    if (!d)
        return sco_error_errno(err, errno, "cannot read the template %s", from);
    int r = 0;
    for (const struct dirent *e; r == 0 && (e = readdir(d));)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            r = copy_entry(w, from, to, e->d_name, depth, err);
    closedir(d);
    return r;
}

int sco_plugin_new(const char *template_dir, const char *name, const char *dest_dir,
                   struct sco_error *err)
{
    struct words w;
    if (!good_name(name))
        return sco_error_set(err, SCO_E_INVALID,
                             "\"%.80s\" is no name for a plugin: use up to %d lower-case letters, "
                             "digits and single hyphens, a letter first",
                             name, NAME_MAX_);
    if (!sco_fs_is_dir(template_dir))
        return sco_error_set(err, SCO_E_NOT_FOUND, "there is no plugin template at %s",
                             template_dir);
    /* The folder is made here and nowhere else, so that what is removed after a failure is ours. */
    if (mkdir(dest_dir, 0777) < 0)
        return errno == EEXIST ? sco_error_set(err, SCO_E_PERMISSION, "%s exists already", dest_dir)
                               : sco_error_errno(err, errno, "cannot make %s", dest_dir);
    make_words(&w, name);
    int r = copy_dir(&w, template_dir, dest_dir, 0, err);
    if (r < 0)
        sco_fs_remove_tree(dest_dir);
    return r;
}
