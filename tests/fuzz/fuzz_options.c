/* Option values into a context: whatever the engine sends, the context holds what its table allows,
 * or there is an error that does not repeat the secret. */
#include <secureops/plug.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct ctx {
    int64_t flag, count, wait, bytes;
    struct sco_str text, word, token;
    struct sco_str_list list, secrets;
    double ratio;
    uint64_t guard; /* the last: nobody's field */
};

#define ROW(name_, type_, field, ...)                                                              \
    {                                                                                              \
        .name = name_, .type = type_, .offset = offsetof(struct ctx, field), __VA_ARGS__           \
    }

static const struct sco_option rows[] = {
    ROW("flag", SCO_OPT_BOOL, flag, .def = "true"),
    ROW("count", SCO_OPT_INT, count, .min = -5, .max = 100),
    ROW("wait", SCO_OPT_DURATION, wait, .def = "1s", .min = 1, .max = 3600000),
    ROW("bytes", SCO_OPT_SIZE, bytes, .def = "1K", .min = 0, .max = 1 << 20),
    ROW("text", SCO_OPT_STR, text),
    ROW("word", SCO_OPT_ENUM, word, .values = "low,medium,high"),
    ROW("token", SCO_OPT_STR, token, .flags = SCO_OPT_SECRET),
    ROW("list", SCO_OPT_LIST, list),
    ROW("secrets", SCO_OPT_LIST, secrets, .flags = SCO_OPT_SECRET),
    ROW("ratio", SCO_OPT_REAL, ratio, .min = -1, .max = 1),
    {.name = NULL},
};

static const struct sco_loaded_plugin plugin = {
    .path = "/fuzz.so",
    .plugin = {.name = "fuzz", .ctx_size = sizeof(struct ctx)},
    .options = rows,
    .n_options = SCO_ARRAY_LEN(rows) - 1,
};

static void check_text(struct sco_str s)
{
    if (s.p)
        SCO_BUG_ON(strlen(s.p) != s.n);
}

static void check_list(struct sco_str_list l)
{
    for (size_t i = 0; i < l.n; i++) {
        SCO_BUG_ON(!l.v[i].p);
        check_text(l.v[i]);
    }
}

static void check(const struct ctx *c)
{
    SCO_BUG_ON(c->flag != 0 && c->flag != 1);
    SCO_BUG_ON(c->count < -5 || c->count > 100);
    SCO_BUG_ON(c->wait < 1 || c->wait > 3600000);
    SCO_BUG_ON(c->bytes < 0 || c->bytes > 1 << 20);
    SCO_BUG_ON(!(c->ratio >= -1 && c->ratio <= 1));
    SCO_BUG_ON(c->word.p && !sco_str_is(c->word, "low") && !sco_str_is(c->word, "medium") &&
               !sco_str_is(c->word, "high"));
    SCO_BUG_ON(c->guard != 0);
    check_text(c->text);
    check_text(c->token);
    check_list(c->list);
    check_list(c->secrets);
}

/* A text of the tree that only a secret has, and that is long enough to be told from others. */
static struct sco_str secret_of(const struct sco_node *v)
{
    struct sco_str s = sco_text(sco_get(v, "token"));
    return s.n >= 12 ? s : sco_str_make(NULL, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    const struct sco_node *v;
    struct sco_error err = {0};
    void *ctx = NULL;
    if (sco_json_parse(sco_str_make((const char *)data, size), &arena, &v, NULL) < 0)
        return 0;
    if (sco_plug_context(&plugin, v, &arena, &ctx, &err) == 0) {
        check(ctx);
        return 0;
    }
    struct sco_str secret = secret_of(v);
    SCO_BUG_ON(!err.text[0]);
    bool only_there = secret.p && v->n == 1;
    SCO_BUG_ON(only_there && memmem(err.text, strlen(err.text), secret.p, secret.n));
    return 0;
}
