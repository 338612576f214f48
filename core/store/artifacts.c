/* Reports and logs of scans, in parts, as they were given. */
#include "store_priv.h"

#include <secureops/store_jobs.h>

int sco_store_artifact_add(struct sco_store *s, const char *scan_id, const char *name,
                           const char *media_type, bool gzip, struct sco_str bytes, int64_t now,
                           struct sco_error *err)
{
    uint8_t id[16];
    struct sco_artifact a;
    if (!store_uuid_parse(sco_str_c(scan_id), id) || !*name || strlen(name) > 255 ||
        strlen(media_type) >= sizeof a.media_type)
        return sco_error_set(err, SCO_E_INVALID,
                             "an artifact has a scan's id, a name and a media type");
    int r = sco_store_begin(s, err);
    if (r < 0)
        return r;
    size_t at = 0;
    int64_t part = 0;
    do {
        size_t n = bytes.n - at < SCO_ARTIFACT_PART ? bytes.n - at : SCO_ARTIFACT_PART;
        struct store_value v[] = {
            sv_bytes(STORE_UUID, id, sizeof id),
            sv_text(name),
            sv_i64(part++),
            sv_text(media_type),
            sv_bool(gzip),
            sv_i64((int64_t)bytes.n),
            sv_i64(now),
            sv_bytes(STORE_BLOB, n ? bytes.p + at : "", n),
        };
        r = store_exec(s,
                       "INSERT INTO scan_artifacts (scan_id, name, part, media_type, gzip, size, "
                       "created_at, bytes) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
                       v, SCO_ARRAY_LEN(v), NULL, err);
        at += n;
    } while (r == 0 && at < bytes.n);
    return sco_store_end(s, r, err);
}

struct reading {
    struct sco_artifact a;
    int (*part)(void *user, const struct sco_artifact *a, struct sco_str bytes);
    void *user;
    uint64_t read;
    bool found;
    int stopped; /* what the receiver said */
};

static int on_part(void *user, const struct store_value *v, size_t n)
{
    struct reading *rd = user;
    (void)n;
    rd->found = true;
    snprintf(rd->a.media_type, sizeof rd->a.media_type, "%.*s", SCO_STR_ARG(v[0].s));
    rd->a.gzip = v[1].i != 0;
    rd->a.size = (uint64_t)v[2].i;
    rd->read += v[3].s.n;
    if (!rd->stopped)
        rd->stopped = rd->part(rd->user, &rd->a, v[3].s);
    return rd->stopped ? 1 : 0;
}

/* A statement for each part: one of them is in memory, and somebody who reads slowly holds up
 * nobody who writes. */
int sco_store_artifact(struct sco_store *s, const char *scan_id, const char *name,
                       struct sco_artifact *ret,
                       int (*part)(void *user, const struct sco_artifact *a, struct sco_str bytes),
                       void *user, struct sco_error *err)
{
    uint8_t id[16];
    struct reading rd = {.part = part, .user = user};
    bool known = store_uuid_parse(sco_str_c(scan_id), id);
    int r = 0;
    for (int64_t i = 0; known && r == 0 && !rd.stopped; i++) {
        uint64_t before = rd.read;
        struct store_value v[] = {sv_bytes(STORE_UUID, id, sizeof id), sv_text(name), sv_i64(i)};
        r = store_query(s,
                        "SELECT media_type, gzip, size, bytes FROM scan_artifacts WHERE scan_id = "
                        "$1 AND name = $2 AND part = $3",
                        v, SCO_ARRAY_LEN(v), on_part, &rd, err);
        if (!rd.found || rd.read >= rd.a.size)
            break;
        if (r == 0 && rd.read == before)
            r = sco_error_set(err, SCO_E_FORMAT, "scan %s: a part of %s is missing", scan_id, name);
    }
    r = r > 0 ? 0 : r;
    if (r == 0 && !rd.found)
        r = sco_error_set(err, SCO_E_NOT_FOUND, "scan %s has no %s", scan_id, name);
    if (r == 0)
        *ret = rd.a;
    return r;
}
