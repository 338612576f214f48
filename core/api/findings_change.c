/* What people say of findings: one, or many at once. A change is one transaction with its row of
 * the audit log; of many, all are changed or none. */
#include "content_priv.h"

#include <secureops/crypto.h>

enum { BULK_MAX = 1000, ID_LEN = 36, DAY_MS = 24 * 3600 * 1000, TAG_BYTES = 16 };

/* ---- one ---- */
int api_finding_find(struct api_call *c, const char *id, struct sco_finding_page *ret,
                     struct sco_error *err)
{
    struct sco_finding_page p = {0};
    /* The store also takes the start of an id, and tells whose it could be: not here. */
    int r = strlen(id) == ID_LEN ? sco_store_finding(c->store, id, &p, err) : SCO_E_NOT_FOUND;
    if (r == 0 && !sco_principal_sees(&c->who, p.v[0].repository))
        r = SCO_E_NOT_FOUND;
    if (r == SCO_E_NOT_FOUND || r == SCO_E_INVALID)
        r = sco_error_set(err, SCO_E_NOT_FOUND, "there is no finding %s", id);
    if (r < 0)
        sco_finding_page_done(&p);
    else
        *ret = p;
    return r;
}

static const char *tag_of(struct api_call *c, struct sco_str text)
{
    struct sco_sha256 *h = sco_sha256_new();
    uint8_t digest[SCO_SHA256_LEN];
    char hex[2 * TAG_BYTES + 1];
    if (!h)
        return NULL;
    sco_sha256_begin(h);
    sco_sha256_add(h, text);
    int r = sco_sha256_end(h, digest);
    sco_sha256_free(h);
    sco_hex(digest, TAG_BYTES, hex);
    return r < 0 ? NULL : sco_arena_cstr(&c->arena, sco_str_c(hex));
}

static int finding_tag(struct api_call *c, const struct sco_stored_finding *f, struct sco_buf *out,
                       const char **ret, struct sco_error *err)
{
    struct sco_json_out o = {.b = out};
    int r = sco_stored_finding_write(&o, f, err);
    if (r == 0 && !(*ret = tag_of(c, sco_buf_str(out))))
        r = sco_error_nomem(err);
    return r;
}

int api_finding_reply(struct api_call *c, const struct sco_stored_finding *f, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf text = {0};
    int r = finding_tag(c, f, &text, &c->etag, err);
    if (r == 0)
        sco_json_raw(&c->out, sco_buf_str(&text));
    return r;
}

/* If-Match: whether one of the tags is this one. A proxy that compresses makes ours weak. */
static bool tag_matches(const char *list, const char *tag)
{
    struct sco_str rest = sco_str_c(list), item;
    while (sco_str_split(&rest, ',', &item)) {
        item = sco_str_trim(item);
        if (sco_str_is(item, "*"))
            return true;
        if (sco_str_starts(item, "W/"))
            item = sco_str_make(item.p + 2, item.n - 2);
        if (item.n >= 2 && item.p[0] == '"' && item.p[item.n - 1] == '"' &&
            sco_str_is(sco_str_make(item.p + 1, item.n - 2), tag))
            return true;
    }
    return false;
}

/* ---- what is asked for ---- */
struct change {
    bool has_status, has_assignee;
    struct sco_store_status to;
    const char *assignee; /* NULL: nobody */
};

static int take_until(struct api_call *c, struct change *ch, struct sco_error *err)
{
    const char *text = api_text(c, "accepted_until");
    if (!text)
        return 0;
    if (ch->to.status != SCO_STATUS_ACCEPTED || !ch->has_status)
        return api_fault(c, err, "/accepted_until", "only what is accepted has an end");
    if (sco_time_parse(sco_str_c(text), &ch->to.accepted_until) < 0)
        return api_fault(c, err, "/accepted_until", "a date, or a time as of RFC 3339");
    if (!strchr(text, ':')) /* a date is the last day */
        ch->to.accepted_until += DAY_MS - 1;
    if (ch->to.accepted_until <= c->now)
        return api_fault(c, err, "/accepted_until", "this is past");
    return 0;
}

static int take_change(struct api_call *c, struct change *ret, struct sco_error *err)
{
    struct change ch = {.to = {.by = c->who.name, .now = c->now}};
    const char *status = api_text(c, "status");
    const struct sco_node *assignee = sco_get(c->json, "assignee");
    ch.to.reason = api_text(c, "reason");
    ch.has_status = status != NULL;
    ch.has_assignee = assignee != NULL;
    ch.assignee = assignee ? api_text(c, "assignee") : NULL;
    if (!ch.has_status && !ch.has_assignee)
        return api_fault(c, err, "", "say a status, an assignee, or both");
    if (ch.has_status && !api_status_parse(sco_str_c(status), &ch.to.status))
        return api_fault(c, err, "/status", "no status of a finding");
    bool settled = ch.to.status != SCO_STATUS_OPEN && ch.to.status != SCO_STATUS_IN_PROGRESS;
    if (ch.has_status && settled && (!ch.to.reason || !sco_str_trim(sco_str_c(ch.to.reason)).n))
        return api_fault(c, err, "/reason", "this status needs a reason");
    if (ch.to.reason && strlen(ch.to.reason) > SCO_STORE_REASON_MAX)
        return api_fault(c, err, "/reason", "at most %d bytes", SCO_STORE_REASON_MAX);
    if (ch.assignee && strlen(ch.assignee) > 320)
        return api_fault(c, err, "/assignee", "at most 320 bytes");
    int r = take_until(c, &ch, err);
    if (r == 0)
        *ret = ch;
    return r;
}

/* In the transaction that is open. */
static int apply(struct api_call *c, const char *id, const struct change *ch, bool *ret_changed,
                 struct sco_error *err)
{
    bool status = false, assignee = false;
    int r = 0;
    if (ch->has_status)
        r = sco_store_set_status(c->store, id, &ch->to, &status, err);
    if (r == 0 && ch->has_assignee)
        r = sco_store_assign(c->store, id, ch->assignee, ch->to.by, ch->to.now, &assignee, err);
    *ret_changed = status || assignee;
    return r;
}

static void write_details(struct sco_json_out *o, const struct change *ch)
{
    sco_json_begin(o, '{');
    if (ch->has_status)
        sco_json_kz(o, "status", sco_status_name(ch->to.status));
    if (ch->has_assignee)
        sco_json_kz(o, "assignee", ch->assignee ? ch->assignee : "");
    sco_json_end(o, '}');
}

static int note(struct api_call *c, const char *object, const struct change *ch,
                struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf details = {0};
    struct sco_json_out o = {.b = &details};
    write_details(&o, ch);
    return api_audit(c, "vulnerability.update", object, "success", sco_buf_z(&details), err);
}

/* ---- PUT /vulnerabilities/{id} ---- */
static int check_tag(struct api_call *c, const struct sco_stored_finding *f, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf text = {0};
    const char *tag = NULL;
    if (!c->if_match)
        return 0;
    int r = finding_tag(c, f, &text, &tag, err);
    if (r == 0 && !tag_matches(c->if_match, tag))
        r = api_problem(c, 412, err, "the finding was changed meanwhile: read it again");
    return r;
}

static int put_one(struct api_call *c, const struct change *ch, struct sco_error *err)
{
    const char *id = c->params[0];
    struct sco_finding_page p = {0};
    bool changed = false;
    int r = api_finding_find(c, id, &p, err);
    sco_finding_page_done(&p);
    if (r == 0)
        r = sco_store_lock_finding(c->store, id, err);
    if (r == 0)
        r = api_finding_find(c, id, &p, err);
    if (r == 0)
        r = check_tag(c, &p.v[0], err);
    sco_finding_page_done(&p);
    if (r == 0)
        r = apply(c, id, ch, &changed, err);
    if (r == 0 && changed) {
        const char *object = sco_arena_fmt(&c->arena, "vulnerability:%s", id);
        r = object ? note(c, object, ch, err) : sco_error_nomem(err);
    }
    if (r == 0)
        r = api_finding_find(c, id, &p, err);
    if (r == 0)
        r = api_finding_reply(c, &p.v[0], err);
    sco_finding_page_done(&p);
    return r;
}

int api_finding_put(struct api_call *c, struct sco_error *err)
{
    struct change ch = {0};
    int r = take_change(c, &ch, err);
    if (r == 0)
        r = sco_store_begin(c->store, err);
    if (r < 0)
        return r;
    r = put_one(c, &ch, err);
    return sco_store_end(c->store, r, err);
}

/* ---- POST /vulnerabilities/bulk ---- */
/* That all of them are there is found out by the change itself. */
static int lock_all(struct api_call *c, const struct sco_node *ids, struct sco_error *err)
{
    size_t n = 0;
    const char **v = sco_arena_alloc(&c->arena, ids->n * sizeof *v);
    if (!v)
        return sco_error_nomem(err);
    for (const struct sco_node *i = ids->child; i; i = i->next)
        if (sco_text(i).p)
            v[n++] = i->text.p;
    int r = sco_store_lock_findings(c->store, v, n, err);
    return r == SCO_E_NOT_FOUND || r == SCO_E_INVALID ? 0 : r;
}

static int change_all(struct api_call *c, const struct sco_node *ids, const struct change *ch,
                      uint64_t *ret_changed, struct sco_error *err)
{
    size_t i = 0;
    char pointer[32];
    for (const struct sco_node *v = ids->child; v; v = v->next, i++) {
        struct sco_finding_page p = {0};
        bool changed = false;
        int r = api_finding_find(c, sco_text(v).p ? sco_text(v).p : "", &p, err);
        sco_finding_page_done(&p);
        if (r == SCO_E_NOT_FOUND) {
            snprintf(pointer, sizeof pointer, "/ids/%zu", i);
            return api_fault(c, err, pointer, "there is no such finding; nothing was changed");
        }
        if (r == 0)
            r = apply(c, v->text.p, ch, &changed, err);
        if (r < 0)
            return r;
        *ret_changed += changed;
    }
    return 0;
}

int api_finding_bulk(struct api_call *c, struct sco_error *err)
{
    const struct sco_node *ids = api_member(c, "ids");
    struct change ch = {0};
    uint64_t changed = 0;
    int r = take_change(c, &ch, err);
    if (r == 0 && (!sco_is(ids, SCO_NODE_LIST) || !ids->n || ids->n > BULK_MAX))
        r = api_fault(c, err, "/ids", "one to %d ids of findings", BULK_MAX);
    if (r == 0)
        r = sco_store_begin(c->store, err);
    if (r < 0)
        return r;
    r = lock_all(c, ids, err);
    if (r == 0)
        r = change_all(c, ids, &ch, &changed, err);
    if (r == 0 && changed) {
        const char *object =
            sco_arena_fmt(&c->arena, "vulnerability:%llu of them", (unsigned long long)changed);
        r = object ? note(c, object, &ch, err) : sco_error_nomem(err);
    }
    r = sco_store_end(c->store, r, err);
    if (r < 0)
        return r;
    sco_json_begin(&c->out, '{');
    sco_json_ki64(&c->out, "changed", (int64_t)changed);
    sco_json_ki64(&c->out, "unchanged", (int64_t)(ids->n - changed));
    sco_json_end(&c->out, '}');
    return 0;
}
