/* What handlers are given to read a request and to write a reply. On the thread of the handler;
 * everything that is made here lives in the arena of the call. */
#include "api_priv.h"

#include <secureops/store_accounts.h>

const char *api_query(const struct api_call *c, const char *name)
{
    for (size_t i = 0; i < c->n_query; i++)
        if (strcmp(c->query[i].name, name) == 0)
            return c->query[i].value;
    return NULL;
}

int api_query_i64(const struct api_call *c, const char *name, int64_t min, int64_t max,
                  int64_t *ret, struct sco_error *err)
{
    const char *text = api_query(c, name);
    if (!text)
        return 0;
    if (sco_parse_i64(sco_str_c(text), min, max, ret) < 0)
        return sco_error_set(err, SCO_E_INVALID, "query parameter %s: a number from %lld to %lld",
                             name, (long long)min, (long long)max);
    return 0;
}

int api_query_time(const struct api_call *c, const char *name, int64_t *ret, struct sco_error *err)
{
    const char *text = api_query(c, name);
    if (text && sco_time_parse(sco_str_c(text), ret) < 0)
        return sco_error_set(err, SCO_E_INVALID,
                             "query parameter %s: a date, or a time as of RFC 3339", name);
    return 0;
}

int api_query_bool(const struct api_call *c, const char *name, bool *ret, struct sco_error *err)
{
    const char *text = api_query(c, name);
    if (!text)
        return 0;
    if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
        return sco_error_set(err, SCO_E_INVALID, "query parameter %s: true or false", name);
    *ret = text[0] == 't';
    return 0;
}

int api_page(const struct api_call *c, uint32_t *ret_limit, const char **ret_cursor,
             struct sco_error *err)
{
    int64_t limit = API_PAGE;
    int r = api_query_i64(c, "limit", 1, API_PAGE_MAX, &limit, err);
    if (r < 0)
        return r;
    const char *cursor = api_query(c, "cursor");
    if (cursor && !*cursor)
        return sco_error_set(err, SCO_E_INVALID, "query parameter cursor: it is empty");
    *ret_limit = (uint32_t)limit;
    *ret_cursor = cursor;
    return 0;
}

const struct sco_node *api_member(const struct api_call *c, const char *name)
{
    const struct sco_node *v = sco_get(c->json, name);
    return v && v->type != SCO_NODE_NULL ? v : NULL;
}

/* Texts of a parsed body are NUL-terminated: json.h. */
const char *api_text(const struct api_call *c, const char *name)
{
    const struct sco_node *v = api_member(c, name);
    return sco_is(v, SCO_NODE_STR) ? v->text.p : NULL;
}

const char *api_text_or(const struct api_call *c, const char *name, const char *missing)
{
    const char *z = api_text(c, name);
    return z ? z : missing;
}

int64_t api_int(const struct api_call *c, const char *name, int64_t missing)
{
    const struct sco_node *v = api_member(c, name);
    return sco_is(v, SCO_NODE_INT) ? v->i : missing;
}

bool api_flag(const struct api_call *c, const char *name, bool missing)
{
    const struct sco_node *v = api_member(c, name);
    return sco_is(v, SCO_NODE_BOOL) ? v->i != 0 : missing;
}

void api_items_begin(struct api_call *c)
{
    sco_json_begin(&c->out, '{');
    sco_json_key(&c->out, "items");
    sco_json_begin(&c->out, '[');
}

void api_items_end(struct api_call *c, const char *next_cursor)
{
    sco_json_end(&c->out, ']');
    sco_json_kz(&c->out, "next_cursor", next_cursor);
    sco_json_end(&c->out, '}');
}

void api_header(struct api_call *c, const char *name, const char *value)
{
    char *kept_name = sco_arena_cstr(&c->arena, sco_str_c(name));
    char *kept = sco_arena_cstr(&c->arena, sco_str_c(value));
    if (!kept || !kept_name || c->n_headers == API_HEADERS_MAX) {
        c->reply.failed = true; /* a reply that lacks a header is not sent */
        return;
    }
    for (char *p = kept; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = ' '; /* no line of ours is begun by a value */
    c->headers[c->n_headers++] = (struct api_pair){kept_name, kept};
}

void api_created(struct api_call *c, const char *fmt, ...)
{
    SCO_AUTO(sco_buf) struct sco_buf where = {0};
    va_list ap;
    va_start(ap, fmt);
    sco_buf_addvf(&where, fmt, ap);
    va_end(ap);
    c->status = 201;
    if (where.failed)
        c->reply.failed = true;
    else
        api_header(c, "Location", sco_buf_z(&where));
}

int api_problem(struct api_call *c, int status, struct sco_error *err, const char *fmt, ...)
{
    char text[sizeof err->text];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    c->status = status;
    c->problem = true;
    return sco_error_set(err, SCO_E_INVALID, "%s", text);
}

int api_fault(struct api_call *c, struct sco_error *err, const char *pointer, const char *fmt, ...)
{
    char text[sizeof err->text];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    struct api_fault *f = sco_arena_alloc(&c->arena, sizeof *f);
    if (!f)
        return sco_error_nomem(err);
    f->pointer = sco_arena_cstr(&c->arena, sco_str_c(pointer));
    f->detail = sco_arena_cstr(&c->arena, sco_str_c(text));
    if (!f->pointer || !f->detail)
        return sco_error_nomem(err);
    f->next = c->faults;
    c->faults = f;
    return sco_error_set(err, SCO_E_INVALID, "%s: %s", pointer, text);
}

int api_audit(struct api_call *c, const char *action, const char *object, const char *outcome,
              const char *details, struct sco_error *err)
{
    int r = sco_store_audit_add(
        c->store,
        &(struct sco_audit_entry){.at = c->now,
                                  .actor = c->who.name ? c->who.name : "anonymous",
                                  .action = action,
                                  .object = object,
                                  .outcome = outcome,
                                  .correlation_id = c->correlation_id,
                                  .address = c->address,
                                  .details = details},
        err);
    if (r == 0)
        c->audited = true;
    return r;
}

int api_audit_call(struct api_call *c, const char *outcome, struct sco_error *err)
{
    char action[200];
    snprintf(action, sizeof action, "%s %s", c->method, c->route->path);
    return api_audit(c, action, c->path, outcome, NULL, err);
}

int api_needs_all(const struct api_call *c, const char *what, struct sco_error *err)
{
    if (!c->who.repositories)
        return 0;
    return sco_error_set(err, SCO_E_PERMISSION,
                         "%s hold for every repository, and you are bound to some", what);
}

const char *const *api_scope(const struct api_call *c)
{
    return c->who.repositories;
}
