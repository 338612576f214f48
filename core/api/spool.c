/* Files without a name, for replies and uploads that may be large. */
#include "content_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <secureops/fs.h>
#include <stdlib.h>
#include <unistd.h>

enum { FLUSH_AT = 64 << 10 };

int api_spool_open(const struct api_call *c, int *ret_fd, struct sco_error *err)
{
    const char *folder = api_options(c->api)->spool;
    int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL)) {
        SCO_AUTO(sco_buf) struct sco_buf path = {0};
        sco_buf_addf(&path, "%s/reply.XXXXXX", folder);
        if (sco_buf_check(&path, err) < 0 || !*sco_buf_z(&path))
            return sco_error_nomem(err);
        fd = mkostemp(path.p, O_CLOEXEC);
        if (fd >= 0)
            unlink(path.p);
    }
    if (fd < 0)
        return sco_error_errno(err, errno, "cannot make a file in %s", folder);
    *ret_fd = fd;
    return 0;
}

int api_spool_folder(const struct api_call *c, char **ret, struct sco_error *err)
{
    return sco_fs_mkdtemp(api_options(c->api)->spool, "api-", ret, err);
}

int api_spool_flush(int fd, struct sco_buf *b, bool all, struct sco_error *err)
{
    int r = sco_buf_check(b, err);
    if (r < 0 || (!all && b->n < FLUSH_AT))
        return r;
    r = sco_fs_write_all(fd, sco_buf_str(b));
    sco_buf_clear(b);
    return r < 0 ? sco_error_errno(err, -r, "cannot write to the spool") : 0;
}

int api_spool_reply(struct api_call *c, int *fd, const char *type, struct sco_error *err)
{
    if (lseek(*fd, 0, SEEK_SET) < 0)
        return sco_error_errno(err, errno, "cannot read the spool");
    c->reply_fd = *fd;
    c->reply_type = type;
    *fd = -1;
    return 0;
}
