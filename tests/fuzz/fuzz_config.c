/* Any text as configuration, as the value of an option of each type, and as the description of an
 * option table. What loads must also show itself and answer for its scanners; no message may repeat
 * what stands where a secret belongs. */
#include <secureops/config.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct sco_option table[] = {
    {.name = "flag", .type = SCO_OPT_BOOL},
    {.name = "count", .type = SCO_OPT_INT, .def = "1", .min = 0, .max = 100},
    {.name = "wait", .type = SCO_OPT_DURATION},
    {.name = "room", .type = SCO_OPT_SIZE},
    {.name = "text", .type = SCO_OPT_STR},
    {.name = "mode", .type = SCO_OPT_ENUM, .values = "one,two"},
    {.name = "list", .type = SCO_OPT_LIST},
    {.name = "ratio", .type = SCO_OPT_REAL},
    {.name = "token", .type = SCO_OPT_STR, .flags = SCO_OPT_SECRET},
    {.name = "old", .type = SCO_OPT_STR, .flags = SCO_OPT_DEPRECATED, .values = "text"},
    {0}};

static void as_configuration(struct sco_str text)
{
    static const char *const names[] = {"trivy", "x"};
    struct sco_config_input in = {.file = "c.yaml", .text = text};
    SCO_AUTO(sco_buf) struct sco_buf out = {0};
    struct sco_error err = {0};
    struct sco_config *c = NULL;
    int r = sco_config_load(&in, &c, &err);
    SCO_BUG_ON((r < 0) == (c != NULL));
    if (r < 0) {
        SCO_BUG_ON(!err.text[0]);
        return;
    }
    struct sco_config_scanner s;
    SCO_BUG_ON(sco_config_scanner(c, "x", &s, &err) < 0);
    if (sco_config_check_scanners(c, names, SCO_ARRAY_LEN(names), &err) == 0 &&
        sco_config_scanner_options(c, "x", table, 0, &out, NULL, &err) == 0) {
        SCO_AUTO(sco_arena) struct sco_arena arena = {0};
        const struct sco_node *node;
        SCO_BUG_ON(sco_json_parse(sco_buf_str(&out), &arena, &node, &err) < 0);
    }
    sco_config_show(c, &out);
    sco_config_free(c);
}

/* The messages about a secret are constant: nothing of its text can be in them. */
static bool is_fixed(const char *message)
{
    static const char *const texts[] = {
        "origin: p.token: a secret is written as env:NAME or file:PATH, never as it is",
        "origin: p.token: contains the character U+0000",
        "origin: p.token: is not valid UTF-8",
        "origin: p.token: longer than 65536 bytes",
    };
    for (size_t i = 0; i < SCO_ARRAY_LEN(texts); i++)
        if (strcmp(message, texts[i]) == 0)
            return true;
    return false;
}

static void as_values(struct sco_str text)
{
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    SCO_AUTO(sco_buf) struct sco_buf out = {0};
    struct sco_json_out o = {.b = &out};
    struct sco_values v;
    struct sco_error err = {0};
    SCO_BUG_ON(sco_values_init(&v, table, "p", &arena, NULL, &err) < 0);
    for (size_t i = 0; table[i].name; i++) {
        int r = sco_values_set(&v, sco_str_c(table[i].name), text, "origin", 0, &err);
        SCO_BUG_ON(r < 0 && strncmp(err.text, "origin: p.", 10) != 0);
        SCO_BUG_ON(r < 0 && (table[i].flags & SCO_OPT_SECRET) && !is_fixed(err.text));
    }
    SCO_BUG_ON(sco_values_finish(&v, &err) < 0 || sco_values_write(&v, 0, 0, &o, &err) < 0);
}

static void as_table(struct sco_str text)
{
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    SCO_AUTO(sco_buf) struct sco_buf out = {0};
    struct sco_error err = {0};
    const struct sco_node *node;
    const struct sco_option *rows = NULL;
    struct sco_values v;
    if (sco_json_parse(text, &arena, &node, &err) < 0 ||
        sco_options_read(node, &arena, &rows, &err) < 0)
        return;
    SCO_BUG_ON(sco_values_init(&v, rows, "", &arena, NULL, &err) < 0);
    sco_options_markdown(rows, &out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sco_str text = sco_str_make((const char *)data, size);
    if (size) /* an empty view is "no text": the files would be read */
        as_configuration(text);
    as_values(text);
    as_table(text);
    return 0;
}
