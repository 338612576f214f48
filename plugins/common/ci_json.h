/* Writing JSON from a CI plugin, into memory of the host: request bodies, events, results. Invalid
 * UTF-8 becomes U+FFFD, control characters are escaped. A writer that runs out of memory stays
 * failed; ci_json_text() then gives {NULL, 0}. Header only. */
#pragma once

#include <secureops/plugin.h>

struct ci_json {
    const struct sco_host *h;
    char *p;
    size_t n, cap;
    int comma, failed;
};

static inline struct ci_json ci_json_new(const struct sco_host *h)
{
    struct ci_json j;
    memset(&j, 0, sizeof j);
    j.h = h;
    return j;
}

/* Room for n more bytes; 0: there is none. */
static inline int ci_json_room(struct ci_json *j, size_t n)
{
    if (j->failed || j->cap - j->n >= n)
        return !j->failed;
    size_t cap = j->cap ? j->cap : 512;
    while (cap - j->n < n && cap < (size_t)1 << 40)
        cap *= 2;
    char *p = (char *)j->h->alloc(j->h, cap);
    if (!p) {
        j->failed = 1;
        return 0;
    }
    if (j->n)
        memcpy(p, j->p, j->n);
    j->p = p;
    j->cap = cap;
    return 1;
}

static inline void ci_json_put(struct ci_json *j, const char *p, size_t n)
{
    if (n && ci_json_room(j, n)) {
        memcpy(j->p + j->n, p, n);
        j->n += n;
    }
}

static inline void ci_json_sep(struct ci_json *j)
{
    if (j->comma)
        ci_json_put(j, ",", 1);
    j->comma = 1;
}

/* Length of the UTF-8 character at p, 1 to 4; 0: there is none. */
static inline size_t ci_utf8_len(const char *z, size_t n)
{
    const unsigned char *p = (const unsigned char *)z;
    if (n && p[0] < 0x80)
        return 1;
    if (n >= 2 && p[0] >= 0xC2 && p[0] <= 0xDF && (p[1] & 0xC0) == 0x80)
        return 2;
    if (n >= 3 && (p[0] & 0xF0) == 0xE0 && (p[1] & 0xC0) == 0x80 && (p[2] & 0xC0) == 0x80 &&
        !(p[0] == 0xE0 && p[1] < 0xA0) && !(p[0] == 0xED && p[1] > 0x9F))
        return 3;
    if (n >= 4 && p[0] >= 0xF0 && p[0] <= 0xF4 && (p[1] & 0xC0) == 0x80 && (p[2] & 0xC0) == 0x80 &&
        (p[3] & 0xC0) == 0x80 && !(p[0] == 0xF0 && p[1] < 0x90) && !(p[0] == 0xF4 && p[1] > 0x8F))
        return 4;
    return 0;
}

static inline void ci_json_escaped(struct ci_json *j, char c)
{
    char code[8];
    int n = c == '"'    ? snprintf(code, sizeof code, "\\\"")
            : c == '\\' ? snprintf(code, sizeof code, "\\\\")
            : c == '\n' ? snprintf(code, sizeof code, "\\n")
            : c == '\r' ? snprintf(code, sizeof code, "\\r")
            : c == '\t' ? snprintf(code, sizeof code, "\\t")
                        : snprintf(code, sizeof code, "\\u%04x", (unsigned)(unsigned char)c);
    ci_json_put(j, code, (size_t)n);
}

static inline void ci_json_chars(struct ci_json *j, struct sco_str s)
{
    size_t from = 0, i = 0;
    while (i < s.n) {
        unsigned char c = (unsigned char)s.p[i];
        size_t k = ci_utf8_len(s.p + i, s.n - i);
        if (k && c >= ' ' && c != '"' && c != '\\' && c != 0x7F) {
            i += k;
            continue;
        }
        ci_json_put(j, s.p + from, i - from);
        if (k)
            ci_json_escaped(j, s.p[i]);
        else
            ci_json_put(j, "\xEF\xBF\xBD", 3);
        from = ++i;
    }
    ci_json_put(j, s.p + from, s.n - from);
}

/* ---- values ---- */

static inline void ci_json_begin(struct ci_json *j, char bracket)
{
    ci_json_sep(j);
    ci_json_put(j, &bracket, 1);
    j->comma = 0;
}

static inline void ci_json_end(struct ci_json *j, char bracket)
{
    ci_json_put(j, &bracket, 1);
    j->comma = 1;
}

/* A value of which the text is there already. */
static inline void ci_json_raw(struct ci_json *j, struct sco_str json)
{
    ci_json_sep(j);
    ci_json_put(j, json.p, json.n);
}

/* null when absent; "" is a text. */
static inline void ci_json_str(struct ci_json *j, struct sco_str s)
{
    if (!s.p) {
        ci_json_raw(j, SCO_STR("null"));
        return;
    }
    ci_json_sep(j);
    ci_json_put(j, "\"", 1);
    ci_json_chars(j, s);
    ci_json_put(j, "\"", 1);
}

static inline void ci_json_int(struct ci_json *j, int64_t v)
{
    char text[24];
    ci_json_raw(j, sco_str_make(text, (size_t)snprintf(text, sizeof text, "%lld", (long long)v)));
}

/* Copies a value of a document; one that was deferred becomes null. */
static inline void ci_json_node(struct ci_json *j, const struct sco_node *v)
{
    if (sco_is(v, SCO_NODE_MAP) || sco_is(v, SCO_NODE_LIST)) {
        int map = v->type == SCO_NODE_MAP;
        ci_json_begin(j, map ? '{' : '[');
        for (const struct sco_node *c = v->child; c; c = c->next) {
            if (map) {
                ci_json_str(j, sco_str_make(c->key.p ? c->key.p : "", c->key.n));
                ci_json_put(j, ":", 1);
                j->comma = 0;
            }
            ci_json_node(j, c);
        }
        ci_json_end(j, map ? '}' : ']');
    } else if (sco_is(v, SCO_NODE_STR)) {
        ci_json_str(j, sco_str_make(v->text.p ? v->text.p : "", v->text.n));
    } else if (!v || v->type == SCO_NODE_NULL || v->type > SCO_NODE_STR || !v->text.n) {
        ci_json_raw(j, SCO_STR("null"));
    } else {
        ci_json_raw(j, v->text);
    }
}

/* ---- members ---- */

static inline void ci_json_key(struct ci_json *j, const char *key)
{
    ci_json_str(j, sco_str_c(key));
    ci_json_put(j, ":", 1);
    j->comma = 0;
}

static inline void ci_json_kstr(struct ci_json *j, const char *key, struct sco_str s)
{
    ci_json_key(j, key);
    ci_json_str(j, s);
}

/* null when z is NULL. */
static inline void ci_json_kz(struct ci_json *j, const char *key, const char *z)
{
    ci_json_kstr(j, key, sco_str_c(z));
}

static inline void ci_json_kint(struct ci_json *j, const char *key, int64_t v)
{
    ci_json_key(j, key);
    ci_json_int(j, v);
}

static inline void ci_json_kbool(struct ci_json *j, const char *key, int v)
{
    ci_json_key(j, key);
    ci_json_raw(j, v ? SCO_STR("true") : SCO_STR("false"));
}

static inline void ci_json_knull(struct ci_json *j, const char *key)
{
    ci_json_key(j, key);
    ci_json_raw(j, SCO_STR("null"));
}

/* The JSON text `json`; null when absent. */
static inline void ci_json_kraw(struct ci_json *j, const char *key, struct sco_str json)
{
    ci_json_key(j, key);
    ci_json_raw(j, json.n ? json : SCO_STR("null"));
}

static inline void ci_json_knode(struct ci_json *j, const char *key, const struct sco_node *v)
{
    ci_json_key(j, key);
    ci_json_node(j, v);
}

/* The same, and nothing at all when absent. */
static inline void ci_json_kopt(struct ci_json *j, const char *key, struct sco_str s)
{
    if (s.p)
        ci_json_kstr(j, key, s);
}

/* ---- what came out ---- */

static inline struct sco_str ci_json_text(const struct ci_json *j)
{
    return j->failed ? sco_str_make(NULL, 0) : sco_str_make(j->p, j->n);
}

/* Hands it to the host as a record. */
static inline int ci_json_record(const struct ci_json *j, const char *kind, struct sco_errbuf *e)
{
    if (j->failed)
        return sco_errf(e, SCO_E_NOMEM, "out of memory");
    int r = j->h->record(j->h, kind, ci_json_text(j));
    return r < 0 ? sco_errf(e, r, "the host does not take the %s", kind) : 0;
}
