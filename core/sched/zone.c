/* Time zones out of TZif files (RFC 8536): a table of changes, and a rule for what comes after it.
 * Immutable once read. Files with leap seconds ("right/...") do not count Unix time and are
 * refused. */
#include "zone_rule.h"

#include <stdlib.h>
#include <secureops/fs.h>

enum {
    FILE_LIMIT = 1 << 20,
    HEADER = 44,
    CHANGES_MAX = 20000,
    TYPES_MAX = 256,
    TYPE_SIZE = 6,
    OFFSET_MAX = 26 * 3600,
    NAME_LIMIT = 128,
    RULE_LIMIT = 256,
};

struct sco_zone {
    size_t n;
    int64_t *at;     /* ascending */
    int32_t *offset; /* from at[i] on */
    int32_t first;   /* before at[0] */
    bool has_rule;
    struct zone_rule rule; /* from at[n - 1] on */
};

/* ---- reading ---- */
struct counts {
    uint32_t is_ut, is_std, leap, time, type, chars;
};

static uint64_t be(const char *p, size_t n)
{
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++)
        v = v << 8 | (uint8_t)p[i];
    return v;
}

static bool read_header(struct sco_str s, char *ret_version, struct counts *ret)
{
    if (s.n < HEADER || memcmp(s.p, "TZif", 4) != 0)
        return false;
    uint32_t v[6];
    for (size_t i = 0; i < SCO_ARRAY_LEN(v); i++)
        v[i] = (uint32_t)be(s.p + 20 + i * 4, 4);
    *ret_version = s.p[4];
    *ret = (struct counts){v[0], v[1], v[2], v[3], v[4], v[5]};
    return ret->time <= CHANGES_MAX && ret->type <= TYPES_MAX && ret->is_ut <= TYPES_MAX &&
           ret->is_std <= TYPES_MAX && ret->leap <= CHANGES_MAX && ret->chars <= FILE_LIMIT;
}

static size_t body_size(const struct counts *c, size_t width)
{
    return c->time * (width + 1) + (size_t)c->type * TYPE_SIZE + c->chars + c->leap * (width + 4) +
           c->is_std + c->is_ut;
}

static int64_t clamp(int64_t t)
{
    return t < SCO_ZONE_FIRST ? SCO_ZONE_FIRST : t > SCO_ZONE_LAST ? SCO_ZONE_LAST : t;
}

static bool read_types(const char *p, size_t n, int32_t ret[TYPES_MAX])
{
    for (size_t i = 0; i < n; i++) {
        ret[i] = (int32_t)(uint32_t)be(p + i * TYPE_SIZE, 4);
        if (ret[i] < -OFFSET_MAX || ret[i] > OFFSET_MAX)
            return false;
    }
    return n > 0;
}

/* False: damaged. What lies before the year 0 is left out. */
static bool read_changes(struct sco_zone *z, const char *p, const struct counts *c, size_t width)
{
    int32_t types[TYPES_MAX];
    const char *index = p + c->time * width;
    int64_t before = INT64_MIN;
    if (!read_types(index + c->time, c->type, types))
        return false;
    z->first = types[0];
    for (size_t i = 0; i < c->time; i++) {
        uint64_t raw = be(p + i * width, width);
        int64_t t = width == 8 ? (int64_t)raw : (int32_t)(uint32_t)raw;
        uint8_t type = (uint8_t)index[i];
        if (type >= c->type || (i && t <= before))
            return false;
        before = t;
        if (t < SCO_ZONE_FIRST) {
            z->first = types[type];
            continue;
        }
        z->at[z->n] = clamp(t);
        z->offset[z->n++] = types[type];
    }
    return true;
}

static bool read_rule(struct sco_zone *z, struct sco_str s)
{
    const char *end = s.n && s.p[0] == '\n' ? memchr(s.p + 1, '\n', s.n - 1) : NULL;
    if (!end || end - s.p > RULE_LIMIT)
        return false;
    struct sco_str text = sco_str_make(s.p + 1, (size_t)(end - s.p) - 1);
    z->has_rule = text.n > 0;
    return !text.n || zone_rule_parse(text, &z->rule) == 0;
}

static bool fill(struct sco_zone *z, struct sco_str s)
{
    struct counts c;
    char version;
    size_t width = 4;
    if (!read_header(s, &version, &c) || s.n - HEADER < body_size(&c, width))
        return false;
    if (version >= '2') { /* the same again in 64 bits */
        size_t skip = HEADER + body_size(&c, width);
        s = sco_str_make(s.p + skip, s.n - skip);
        width = 8;
        if (!read_header(s, &version, &c) || s.n - HEADER < body_size(&c, width))
            return false;
    }
    z->at = sco_alloc(c.time + 1, sizeof *z->at);
    z->offset = sco_alloc(c.time + 1, sizeof *z->offset);
    if (!z->at || !z->offset || c.leap)
        return false;
    if (!read_changes(z, s.p + HEADER, &c, width))
        return false;
    size_t end = HEADER + body_size(&c, width);
    return width == 4 || read_rule(z, sco_str_make(s.p + end, s.n - end));
}

int sco_zone_parse(struct sco_str name, struct sco_str bytes, struct sco_zone **ret,
                   struct sco_error *err)
{
    struct sco_zone *z = sco_alloc(1, sizeof *z);
    if (!z)
        return sco_error_nomem(err);
    if (!fill(z, bytes)) {
        sco_zone_free(z);
        return sco_error_set(err, SCO_E_FORMAT,
                             "time zone %.*s: its file is damaged, or counts leap seconds",
                             SCO_STR_ARG(name));
    }
    *ret = z;
    return 0;
}

struct sco_zone *sco_zone_free(struct sco_zone *z)
{
    if (z) {
        free(z->at);
        free(z->offset);
        free(z);
    }
    return NULL;
}

/* ---- loading ---- */
static bool name_fits(struct sco_str name)
{
    char last = '/';
    for (size_t i = 0; i < name.n; last = name.p[i++]) {
        char c = name.p[i];
        bool fits = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    c == '_' || c == '-' || c == '+' || (c == '/' && last != '/');
        if (!fits)
            return false;
    }
    return name.n && name.n <= NAME_LIMIT && last != '/';
}

int sco_zone_load(struct sco_str name, struct sco_zone **ret, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf path = {0};
    SCO_AUTO(sco_buf) struct sco_buf bytes = {0};
    const char *dir = getenv("TZDIR");
    int r = name_fits(name) ? 0 : SCO_E_NOT_FOUND;
    sco_buf_addf(&path, "%s/%.*s", dir && *dir ? dir : "/usr/share/zoneinfo", SCO_STR_ARG(name));
    if (path.failed)
        return sco_error_nomem(err);
    if (r == 0)
        r = sco_fs_is_file(sco_buf_z(&path)) ? 0 : SCO_E_NOT_FOUND;
    if (r == SCO_E_NOT_FOUND && sco_str_is(name, "UTC")) { /* also where there is no tz database */
        *ret = sco_alloc(1, sizeof **ret);
        return *ret ? 0 : sco_error_nomem(err);
    }
    if (r < 0) {
        SCO_AUTO(sco_buf) struct sco_buf shown = {0};
        sco_buf_add_printable(&shown,
                              sco_str_make(name.p, name.n < NAME_LIMIT ? name.n : NAME_LIMIT));
        return sco_error_set(err, r, "there is no time zone \"%s\" (a name is like Europe/Berlin)",
                             sco_buf_z(&shown));
    }
    r = sco_fs_read(sco_buf_z(&path), FILE_LIMIT, &bytes, err);
    return r < 0 ? r : sco_zone_parse(name, sco_buf_str(&bytes), ret, err);
}

/* ---- use ---- */
int32_t sco_zone_offset(const struct sco_zone *z, int64_t unix_s, int64_t *ret_until)
{
    size_t low = 0, high = z->n; /* the first change after unix_s */
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (z->at[mid] <= unix_s)
            low = mid + 1;
        else
            high = mid;
    }
    if (low == z->n && z->has_rule)
        return zone_rule_offset(&z->rule, unix_s, ret_until);
    if (ret_until)
        *ret_until = low < z->n ? z->at[low] : INT64_MAX;
    return low ? z->offset[low - 1] : z->first;
}

void sco_zone_civil(const struct sco_zone *z, int64_t unix_s, struct sco_civil *ret)
{
    unix_s = clamp(unix_s);
    sco_civil_from_seconds(unix_s + sco_zone_offset(z, unix_s, NULL), ret);
}

int sco_zone_times(const struct sco_zone *z, const struct sco_civil *c, int64_t ret[2])
{
    int64_t local = clamp(sco_civil_seconds(c)), jump = local, t = local - OFFSET_MAX, until;
    int n = 0;
    int32_t offset = sco_zone_offset(z, t, &until), before = offset;
    for (int64_t from = INT64_MIN;; offset = sco_zone_offset(z, from, &until)) {
        if (from != INT64_MIN && local - before >= from && local - offset < from)
            jump = from;
        t = local - offset;
        if (t >= from && t < until && n < 2)
            ret[n++] = t;
        if (until > local + OFFSET_MAX)
            break;
        from = until;
        before = offset;
    }
    if (!n)
        ret[0] = jump;
    return n;
}
