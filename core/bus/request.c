/* Scan requests as they come from outside: the envelope, strictly; and what is kept of bad ones. */
#include "bus_priv.h"

#include <secureops/json.h>

enum { KEPT_MAX = 64 << 10, DEPTH_MAX = 32 };
static const char type[] = "security.scan.requested";

static bool is_uuid(struct sco_str s, char ret[37])
{
    if (s.n != 36)
        return false;
    for (size_t i = 0; i < 36; i++) {
        char c = s.p[i];
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (c >= 'A' && c <= 'F')
            c = (char)(c + 32);
        if (dash ? c != '-' : !((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
            return false;
        ret[i] = c;
    }
    ret[36] = 0;
    return true;
}

static const struct sco_node *member(const struct sco_node *o, const char *name, uint32_t kind)
{
    for (const struct sco_node *c = o->child; c; c = c->next)
        if (sco_str_is(c->key, name))
            return c->type == kind ? c : NULL;
    return NULL;
}

int bus_request_parse(struct sco_str text, struct sco_arena *arena, struct bus_request *ret,
                      struct sco_error *err)
{
    const struct sco_node *root = NULL;
    struct bus_request q = {0};
    if (text.n > BUS_REQUEST_MAX)
        return sco_error_set(err, SCO_E_INVALID, "a message of %zu bytes: at most %d", text.n,
                             BUS_REQUEST_MAX);
    int r = sco_json_parse(text, arena, &root, err);
    if (r == SCO_E_NOMEM)
        return r;
    if (r < 0)
        return sco_error_set(err, SCO_E_INVALID, "the message is no JSON");
    if (root->type != SCO_NODE_MAP)
        return sco_error_set(err, SCO_E_INVALID, "the message is no JSON object");
    const struct sco_node *id = member(root, "event_id", SCO_NODE_STR);
    const struct sco_node *kind = member(root, "event_type", SCO_NODE_STR);
    const struct sco_node *version = member(root, "version", SCO_NODE_STR);
    const struct sco_node *data = member(root, "data", SCO_NODE_MAP);
    const struct sco_node *metadata = member(root, "metadata", SCO_NODE_MAP);
    if (!id || !is_uuid(id->text, q.event_id))
        return sco_error_set(err, SCO_E_INVALID, "event_id is missing, or no UUID");
    if (!kind || !sco_str_is(kind->text, type))
        return sco_error_set(err, SCO_E_INVALID, "event_type is not \"%s\"", type);
    if (!version || !sco_str_starts(version->text, "1."))
        return sco_error_set(err, SCO_E_INVALID, "version is not 1.x");
    if (!data)
        return sco_error_set(err, SCO_E_INVALID, "data is missing, or no object");
    const struct sco_node *correlation =
        metadata ? member(metadata, "correlation_id", SCO_NODE_STR) : NULL;
    if (correlation && correlation->text.n && correlation->text.n <= 64)
        q.correlation_id = sco_arena_cstr(arena, correlation->text);
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_json_out o = {.b = &b};
    sco_json_node(&o, data);
    q.data = sco_arena_str(arena, sco_buf_str(&b));
    if (b.failed || !q.data.p)
        return sco_error_nomem(err);
    *ret = q;
    return 0;
}

void bus_rejection_write(struct sco_buf *out, const struct bus_record *r, const char *reason)
{
    struct sco_json_out o = {.b = out};
    struct sco_str kept = r->value;
    if (kept.n > KEPT_MAX)
        kept.n = KEPT_MAX;
    sco_json_begin(&o, '{');
    sco_json_kz(&o, "reason", reason);
    sco_json_kz(&o, "topic", r->topic);
    sco_json_ki64(&o, "partition", r->partition);
    sco_json_ki64(&o, "offset", r->offset);
    sco_json_ki64(&o, "size", (int64_t)r->value.n);
    sco_json_kstr(&o, "message", kept.p ? kept : SCO_STR(""));
    sco_json_end(&o, '}');
}
