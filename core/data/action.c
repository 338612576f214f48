/* Shapes of actions. */
#include <secureops/action.h>

#include <secureops/finding.h>

enum type { TEXT, BODY, LIST, BOOL, PRIORITY, INPUTS, HEADERS, ANY, SEVERITY, METHOD, URL, TIME };

struct member {
    const char *name;
    enum type type;
    bool required;
};
enum { MEMBERS_MAX = 16, DEPTH_MAX = 32 };

static const struct {
    const char *name;
    struct member members[MEMBERS_MAX]; /* ended by a name that is NULL */
} shapes[] = {
    [SCO_ACTION_SCAN] = {"scan",
                         {{"repository", TEXT, false},
                          {"branch", TEXT, false},
                          {"commit", TEXT, false},
                          {"base", TEXT, false},
                          {"types", LIST, false},
                          {"scanners", LIST, false},
                          {"skip", LIST, false},
                          {"frameworks", LIST, false},
                          {"gates", LIST, false},
                          {"fail_on", TEXT, false},
                          {"sbom", BOOL, false},
                          {"priority", PRIORITY, false},
                          {"at", TIME, false}}},
    [SCO_ACTION_NOTIFY] = {"notify",
                           {{"title", TEXT, true},
                            {"text", BODY, false},
                            {"severity", SEVERITY, false},
                            {"mail", LIST, false}}},
    [SCO_ACTION_TRIGGER] = {"trigger",
                            {{"integration", TEXT, false},
                             {"repository", TEXT, false},
                             {"workflow", TEXT, true},
                             {"ref", TEXT, false},
                             {"inputs", INPUTS, false}}},
    [SCO_ACTION_COMMENT] = {"comment", {{"text", BODY, true}}},
    [SCO_ACTION_CALL] = {"call",
                         {{"url", URL, true},
                          {"method", METHOD, false},
                          {"headers", HEADERS, false},
                          {"body", ANY, false}}},
    [SCO_ACTION_PIPELINE] =
        {"pipeline", {{"name", TEXT, true}, {"ref", TEXT, false}, {"inputs", INPUTS, false}}},
};
_Static_assert(SCO_ARRAY_LEN(shapes) == SCO_ACTION_KIND_MAX_, "an action without a shape");

const char *sco_action_name(enum sco_action_kind k)
{
    return (size_t)k < SCO_ARRAY_LEN(shapes) ? shapes[k].name : NULL;
}

int sco_action_parse_kind(struct sco_str name, enum sco_action_kind *ret)
{
    for (size_t i = 0; i < SCO_ARRAY_LEN(shapes); i++) {
        if (!sco_str_is(name, shapes[i].name))
            continue;
        *ret = (enum sco_action_kind)i;
        return 0;
    }
    return SCO_E_NOT_FOUND;
}

/* ---- values: NULL, or what is expected ---- */
static bool is_text(const struct sco_node *v, size_t max)
{
    return v->type == SCO_NODE_STR && v->text.n <= max;
}

static bool is_line(struct sco_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < ' ' || s.p[i] == 127)
            return false;
    return true;
}

static const char *check_text(const struct sco_node *v)
{
    return is_text(v, SCO_ACTION_TEXT_MAX) && v->text.n && is_line(v->text)
               ? NULL
               : "one line of text, at most 4096 bytes";
}

static const char *check_list(const struct sco_node *v)
{
    bool good = v->type == SCO_NODE_LIST && v->n <= SCO_ACTION_LIST_MAX;
    for (const struct sco_node *c = good ? v->child : NULL; c; c = c->next)
        good &= check_text(c) == NULL;
    return good ? NULL : "a list of at most 100 texts";
}

static bool is_name(struct sco_str s)
{
    bool good = s.n > 0 && s.n <= SCO_ACTION_SECRET_NAME_MAX;
    for (size_t i = 0; good && i < s.n; i++)
        good = (s.p[i] >= 'A' && s.p[i] <= 'Z') || (s.p[i] >= '0' && s.p[i] <= '9') ||
               (s.p[i] == '_' && i);
    return good;
}

/* {"secret":NAME,"prefix":"Bearer "} */
static bool is_secret(const struct sco_node *v)
{
    const struct sco_node *prefix = sco_get(v, "prefix");
    if (!sco_is(v, SCO_NODE_MAP) || !is_name(sco_text(sco_get(v, "secret"))))
        return false;
    if (v->n != (prefix ? 2u : 1u))
        return false;
    return !prefix || (is_text(prefix, 64) && is_line(prefix->text));
}

static bool is_header_name(struct sco_str s)
{
    static const char *const own[] = {"host", "content-length", "transfer-encoding", "connection",
                                      "expect"};
    bool good = s.n > 0 && s.n <= 100;
    for (size_t i = 0; good && i < s.n; i++)
        good = (s.p[i] >= 'a' && s.p[i] <= 'z') || (s.p[i] >= 'A' && s.p[i] <= 'Z') ||
               (s.p[i] >= '0' && s.p[i] <= '9') || s.p[i] == '-' || s.p[i] == '_';
    for (size_t i = 0; i < SCO_ARRAY_LEN(own); i++)
        good = good && !sco_str_is_nocase(s, own[i]);
    return good;
}

static const char *check_headers(const struct sco_node *v)
{
    enum { HEADERS_MAX = 32 };
    bool good = v->type == SCO_NODE_MAP && v->n <= HEADERS_MAX;
    if (v->type == SCO_NODE_LIST && !v->n) /* an empty table of Lua is either */
        return NULL;
    for (const struct sco_node *c = good ? v->child : NULL; c; c = c->next)
        good &= is_header_name(c->key) &&
                (is_secret(c) || (is_text(c, SCO_ACTION_TEXT_MAX) && is_line(c->text)));
    return good ? NULL
                : "at most 32 names of headers with one line of text or secret(NAME) each; not "
                  "Host, Content-Length, Transfer-Encoding, Connection or Expect";
}

static const char *check_inputs(const struct sco_node *v)
{
    bool good = v->type == SCO_NODE_MAP && v->n <= SCO_ACTION_LIST_MAX;
    if (v->type == SCO_NODE_LIST && !v->n) /* an empty table of Lua is either */
        return NULL;
    for (const struct sco_node *c = good ? v->child : NULL; c; c = c->next)
        good &= is_text(c, SCO_ACTION_TEXT_MAX) && c->key.n && is_line(c->key);
    return good ? NULL : "at most 100 names with a text each";
}

static bool is_shallow(const struct sco_node *v, int depth)
{
    bool good = depth < DEPTH_MAX;
    for (const struct sco_node *c = good ? v->child : NULL; c && good; c = c->next)
        good = is_shallow(c, depth + 1);
    return good;
}

static const char *check_any(const struct sco_node *v)
{
    if (v->type == SCO_NODE_STR)
        return v->text.n <= SCO_ACTION_BODY_MAX ? NULL : "text of at most 128 KiB";
    return is_shallow(v, 0) ? NULL : "text, or a table nested at most 32 deep";
}

static const char *check_words(const struct sco_node *v, const char *const *words, size_t n,
                               const char *expected)
{
    for (size_t i = 0; v->type == SCO_NODE_STR && i < n; i++)
        if (sco_str_is(v->text, words[i]))
            return NULL;
    return expected;
}

/* "02:30" */
static const char *check_time(const struct sco_node *v)
{
    struct sco_str s = sco_text(v);
    int64_t h, m;
    bool good = s.n == 5 && s.p[2] == ':' && sco_parse_i64(sco_str_make(s.p, 2), 0, 23, &h) == 0 &&
                sco_parse_i64(sco_str_make(s.p + 3, 2), 0, 59, &m) == 0;
    return good ? NULL : "a time of the day in UTC, HH:MM";
}

static const char *check_url(const struct sco_node *v, struct sco_error *err)
{
    struct sco_action_url u;
    if (v->type != SCO_NODE_STR)
        return "text";
    return sco_action_url(v->text, &u, err) < 0 && err ? err->text : NULL;
}

static const char *check(const struct member *m, const struct sco_node *v, struct sco_error *err)
{
    static const char *const severities[] = {"CRITICAL", "HIGH", "MEDIUM", "LOW", "INFO"};
    static const char *const methods[] = {"POST", "PUT", "PATCH", "GET", "DELETE"};
    switch (m->type) {
    case TEXT:
        return check_text(v);
    case BODY:
        return is_text(v, SCO_ACTION_BODY_MAX) && v->text.n ? NULL : "text of at most 128 KiB";
    case LIST:
        return check_list(v);
    case BOOL:
        return v->type == SCO_NODE_BOOL ? NULL : "true or false";
    case PRIORITY:
        return v->type == SCO_NODE_INT && v->i >= 0 && v->i <= 9 ? NULL : "a number from 0 to 9";
    case INPUTS:
        return check_inputs(v);
    case HEADERS:
        return check_headers(v);
    case SEVERITY:
        return check_words(v, severities, SCO_ARRAY_LEN(severities),
                           "CRITICAL, HIGH, MEDIUM, LOW or INFO");
    case METHOD:
        return check_words(v, methods, SCO_ARRAY_LEN(methods), "POST, PUT, PATCH, GET or DELETE");
    case URL:
        return check_url(v, err);
    case TIME:
        return check_time(v);
    case ANY:
    default:
        return check_any(v);
    }
}

/* ---- one action ---- */
static const struct member *find(const struct member *members, struct sco_str name)
{
    for (; members->name; members++)
        if (sco_str_is(name, members->name))
            return members;
    return NULL;
}

static int unknown(enum sco_action_kind k, struct sco_str name, struct sco_error *err)
{
    const char *names[MEMBERS_MAX];
    SCO_AUTO(sco_buf) struct sco_buf shown = {0};
    size_t n = 0;
    for (const struct member *m = shapes[k].members; m->name; m++)
        names[n++] = m->name;
    const char *near = sco_str_nearest(name, names, n);
    sco_buf_add_printable(&shown, sco_str_make(name.p, name.n < 60 ? name.n : 60));
    return sco_error_set(err, SCO_E_INVALID, "%s: unknown member '%s'%s%s%s", shapes[k].name,
                         sco_buf_z(&shown), near ? ": did you mean '" : "", near ? near : "",
                         near ? "'?" : "");
}

int sco_action_check(enum sco_action_kind k, const struct sco_node *v, struct sco_error *err)
{
    const char *name = sco_action_name(k);
    struct sco_error why = {0};
    if (!name)
        return sco_error_set(err, SCO_E_INVALID, "there is no such action");
    bool empty = sco_is(v, SCO_NODE_LIST) && !v->n;
    if (!sco_is(v, SCO_NODE_MAP) && !empty)
        return sco_error_set(err, SCO_E_INVALID, "%s: a table with named members is expected",
                             name);
    for (const struct sco_node *c = v->child; c; c = c->next) {
        const struct member *m = find(shapes[k].members, c->key);
        if (!m)
            return unknown(k, c->key, err);
        const char *expected = check(m, c, &why);
        if (expected)
            return sco_error_set(err, SCO_E_INVALID, "%s: '%s' has to be %s", name, m->name,
                                 expected);
    }
    for (const struct member *m = shapes[k].members; m->name; m++)
        if (m->required && (empty || !sco_get(v, m->name)))
            return sco_error_set(err, SCO_E_INVALID, "%s: '%s' is missing", name, m->name);
    return 0;
}

/* ---- URLs ---- */
static int bad_url(struct sco_error *err)
{
    return sco_error_set(err, SCO_E_INVALID,
                         "a URL https://HOST[:PORT]/PATH without user and password");
}

static struct sco_str authority(struct sco_str rest)
{
    size_t n = 0;
    while (n < rest.n && !memchr("/?#\\", rest.p[n], 4))
        n++;
    return sco_str_make(rest.p, n);
}

static bool take_host(struct sco_str s, char host[256])
{
    bool bracket = s.n > 2 && s.p[0] == '[' && s.p[s.n - 1] == ']';
    if (bracket)
        s = sco_str_make(s.p + 1, s.n - 2);
    if (!s.n || s.n > 253 || s.p[0] == '.' || s.p[0] == '-')
        return false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i] >= 'A' && s.p[i] <= 'Z' ? (char)(s.p[i] + 32) : s.p[i];
        bool word = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
        if (!word && !(bracket && c == ':') && !(!bracket && c == '_'))
            return false;
        host[i] = c;
    }
    host[s.n] = '\0';
    if (s.n > 1 && host[s.n - 1] == '.') /* the same host */
        host[s.n - 1] = '\0';
    return true;
}

int sco_action_url(struct sco_str url, struct sco_action_url *ret, struct sco_error *err)
{
    struct sco_action_url u = {.tls = sco_str_starts(url, "https://")};
    size_t scheme = u.tls ? 8 : 7;
    bool plain = url.n <= SCO_ACTION_TEXT_MAX;
    for (size_t i = 0; plain && i < url.n; i++)
        plain = url.p[i] > ' ' && url.p[i] < 127 && !memchr("\"<>\\^`{|}", url.p[i], 9);
    if (!plain || (!u.tls && !sco_str_starts(url, "http://")))
        return bad_url(err);
    struct sco_str a = authority(sco_str_make(url.p + scheme, url.n - scheme));
    if (memchr(a.p, '@', a.n) || !a.n)
        return bad_url(err);
    const char *colon = a.p[a.n - 1] == ']' ? NULL : memrchr(a.p, ':', a.n);
    size_t n = colon ? (size_t)(colon - a.p) : a.n;
    u.port = u.tls ? 443 : 80;
    if (colon && sco_parse_i64(sco_str_make(colon + 1, a.n - n - 1), 1, 65535, &u.port) < 0)
        return bad_url(err);
    if (!take_host(sco_str_make(a.p, n), u.host))
        return bad_url(err);
    *ret = u;
    return 0;
}

/* A name that ends in a word, as those of the DNS do: an address in any of its notations is none,
 * and neither is what belongs to this machine or network. */
static bool is_public_name(const char *host)
{
    static const char *const own[] = {".localhost", ".local", ".internal", ".localdomain"};
    const char *last = strrchr(host, '.');
    size_t n = strlen(host);
    if (!last || strchr(host, ':'))
        return false;
    for (const char *c = last + 1; *c; c++)
        if ((*c < 'a' || *c > 'z') && strncmp(last + 1, "xn--", 4) != 0)
            return false;
    for (size_t i = 0; i < SCO_ARRAY_LEN(own); i++) {
        size_t m = strlen(own[i]);
        if (n >= m && strcmp(host + n - m, own[i]) == 0)
            return false;
    }
    return last[1] != '\0';
}

bool sco_action_host_allowed(const struct sco_action_url *u, const struct sco_str_list *hosts,
                             bool *ret_literal)
{
    char both[300];
    bool any = false;
    snprintf(both, sizeof both, strchr(u->host, ':') ? "[%s]:%lld" : "%s:%lld", u->host,
             (long long)u->port);
    *ret_literal = false;
    for (size_t i = 0; i < hosts->n; i++) {
        struct sco_str g = hosts->v[i];
        if (sco_str_is(g, u->host) || sco_str_is(g, both)) {
            *ret_literal = true;
            return true;
        }
        any =
            any || sco_glob_match(g.p, sco_str_c(u->host)) || sco_glob_match(g.p, sco_str_c(both));
    }
    return any && is_public_name(u->host);
}
