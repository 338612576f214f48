/* Files, folders and paths. Paths are bytes; relative paths in findings use "/". */
#pragma once

#include <secureops/base.h>

/* Reads a whole file. 0: *ret is the caller's; SCO_E_LIMIT: larger than `limit`; SCO_E_NOT_FOUND,
 * SCO_E_IO. */
int sco_fs_read(const char *path, size_t limit, struct sco_buf *ret,
                struct sco_error *err) SCO_NODISCARD;
/* The same from an open file; `path` is its name in messages. */
int sco_fs_read_fd(int fd, const char *path, size_t limit, struct sco_buf *ret,
                   struct sco_error *err) SCO_NODISCARD;
/* The same for a file that a stranger may have put there: a link, pipe or device is SCO_E_INVALID,
 * and never waited for. A relative path starts at the folder `dir` (or AT_FDCWD). */
int sco_fs_read_regular(int dir, const char *path, size_t limit, struct sco_buf *ret,
                        struct sco_error *err) SCO_NODISCARD;
/* Opens a file that decides what code runs: an absolute path of a regular file that, like its
 * folder, belongs to root or the user and may be written by nobody else. Checked on the opened
 * descriptors, so that only those two can put another file in its place. *ret_fd is the caller's.
 * SCO_E_INVALID, SCO_E_PERMISSION, SCO_E_NOT_FOUND, SCO_E_IO. */
int sco_fs_open_trusted(const char *path, int *ret_fd, struct sco_error *err) SCO_NODISCARD;
/* Writes a file so that it is there whole or not at all (temporary file, rename). */
int sco_fs_write(const char *path, struct sco_str content, int mode,
                 struct sco_error *err) SCO_NODISCARD;
/* The same for what may be lost: for a moment, or when the machine stops, there is no file. A file
 * that takes the place of another is written to the disk at once by ext4, which takes milliseconds.
 */
int sco_fs_write_cache(const char *path, struct sco_str content,
                       struct sco_error *err) SCO_NODISCARD;
int sco_fs_write_all(int fd, struct sco_str s); /* 0, or -errno */
int sco_fs_mkdirs(const char *path, int mode, struct sco_error *err) SCO_NODISCARD;
/* A new private folder below `parent` (NULL: $TMPDIR or /tmp). *ret: malloc'd absolute path. */
int sco_fs_mkdtemp(const char *parent, const char *prefix, char **ret,
                   struct sco_error *err) SCO_NODISCARD;
/* Removes a tree without following links; also what has no write permission. Returns how many
 * entries could not be removed. */
size_t sco_fs_remove_tree(const char *path);
bool sco_fs_is_dir(const char *path);
bool sco_fs_is_file(const char *path);
bool sco_fs_is_executable(const char *path); /* a regular file that may be executed */

/* First executable called `name` in the colon-separated `dirs`; malloc'd, NULL when absent. A name
 * with a slash is taken as it is. */
char *sco_fs_find_program(const char *name, const char *dirs);

/* Appends the path normalised by text alone: "\" stays, "//" and "/./" collapse, "x/.." goes,
 * a leading "./" goes; ".." above the start is dropped. "" becomes ".". */
void sco_path_normalize(struct sco_buf *out, struct sco_str path);
/* The path of a finding: `path` (absolute, "./x", "/x" of Checkov, "file:///x", with "\") made
 * relative to `root` ({NULL,0}: none), with "/", without leading "/" or "..". */
void sco_path_relative(struct sco_buf *out, struct sco_str path, struct sco_str root);
int sco_path_join(struct sco_buf *out, struct sco_str dir, struct sco_str name); /* with one "/" */
struct sco_str sco_path_base(struct sco_str path);
char *sco_fs_realpath(const char *path, struct sco_error *err); /* malloc'd; NULL: err */

/* Folders of this installation and user; malloc'd, never NULL but for no memory. */
char *sco_dir_cache(void);  /* $XDG_CACHE_HOME/secureops, else ~/.cache/secureops, else /tmp/... */
char *sco_dir_data(void);   /* $XDG_DATA_HOME/secureops, else ~/.local/share/secureops */
char *sco_dir_state(void);  /* $XDG_STATE_HOME/secureops, else ~/.local/state/secureops */
char *sco_dir_config(void); /* $XDG_CONFIG_HOME/secureops, else ~/.config/secureops */
char *sco_dir_exe(void);    /* the folder of the running program */
