/* The SBOM of a scan: the plugin `sbom` hands it over in records, which become a file. It is there
 * when all of it came, and takes the place of an older one only then. */
#include "session_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static void forget(struct sbom *b)
{
    if (b->fd >= 0) {
        close(b->fd);
        (void)unlink(sco_buf_z(&b->tmp));
    }
    sco_buf_done(&b->tmp);
    *b = (struct sbom){.fd = -1};
}

void sbom_done(struct sbom *b)
{
    forget(b);
}

bool sbom_is_wanted(const struct sco_engine *e, const struct sco_plugin_info *p)
{
    return (e->o.sbom || e->o.sbom_auto) && strcmp(p->name, SBOM_PLUGIN) == 0;
}

int sbom_begin(struct session *s, struct sco_error *err)
{
    struct sbom *b = &s->sbom;
    forget(b);
    s->scan->sbom = (struct sco_scan_sbom){0};
    sco_buf_addf(&b->tmp, "%s.XXXXXX", s->e->o.sbom_file);
    if (sco_buf_check(&b->tmp, err) < 0)
        return SCO_E_NOMEM;
    (void)sco_buf_z(&b->tmp);
    b->fd = mkostemp(b->tmp.p, O_CLOEXEC);
    return b->fd < 0 ? sco_error_errno(err, errno, "cannot write the SBOM %s", s->e->o.sbom_file)
                     : 0;
}

/* {"parts","bytes",...}: the last record. */
static int take_end(struct session *s, const struct sco_node *m)
{
    struct sbom *b = &s->sbom;
    struct sco_scan_sbom *to = &s->scan->sbom;
    if (b->ended || sco_int(sco_get(m, "parts"), -1) != b->n_parts ||
        sco_int(sco_get(m, "bytes"), -1) != b->n_bytes)
        return SCO_E_FORMAT;
    b->ended = true;
    to->bytes = (uint64_t)b->n_bytes;
    to->components = (uint64_t)sco_int(sco_get(m, "components"), 0);
    to->spec_version = sco_arena_cstr(&s->scan->arena, sco_text(sco_get(m, "spec_version")));
    return to->spec_version ? 0 : SCO_E_NOMEM;
}

int sbom_take(struct session *s, struct sco_str json)
{
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    struct sbom *b = &s->sbom;
    const struct sco_node *m = NULL;
    if (b->fd < 0)
        return SCO_E_INVALID;
    int r = sco_json_parse(json, &arena, &m, NULL);
    if (r < 0)
        return r;
    if (sco_get(m, "parts"))
        return take_end(s, m);
    struct sco_str text = sco_text(sco_get(m, "text"));
    if (b->ended || sco_int(sco_get(m, "part"), -1) != b->n_parts || !text.n)
        return SCO_E_FORMAT;
    b->n_parts++;
    b->n_bytes += (int64_t)text.n;
    return sco_fs_write_all(b->fd, text) < 0 ? SCO_E_IO : 0;
}

int sbom_end(struct session *s, bool complete, struct sco_error *err)
{
    struct sbom *b = &s->sbom;
    struct sco_scan_sbom *to = &s->scan->sbom;
    int r = 0;
    if (b->ended) {
        mode_t mask = umask(0);
        umask(mask);
        if (fchmod(b->fd, 0666 & ~mask) < 0 || rename(sco_buf_z(&b->tmp), s->e->o.sbom_file) < 0)
            r = sco_error_errno(err, errno, "cannot write the SBOM %s", s->e->o.sbom_file);
        else
            to->path = sco_arena_cstr(&s->scan->arena, sco_str_c(s->e->o.sbom_file));
        if (r == 0) {
            to->complete = complete;
            close(b->fd);
            b->fd = -1;
        }
    }
    if (!to->path)
        *to = (struct sco_scan_sbom){0};
    forget(b);
    return r;
}
