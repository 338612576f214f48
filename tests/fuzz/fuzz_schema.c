/* A document's schema and a value, as {"schema": ..., "value": ..., "root": ...}: any two come to
 * an end, and what was found wrong is told. */
#include "server_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct api_call c;
    const struct sco_node *v = NULL;
    sco_arena_reset(&c.arena);
    c.faults = NULL;
    if (sco_json_parse(sco_str_make((const char *)data, size), &c.arena, &v, NULL) < 0)
        return 0;
    const struct sco_node *schema = sco_get(v, "schema"), *value = sco_get(v, "value");
    if (!schema || !value)
        return 0;
    bool ok = api_schema_check(&c, v, schema, value, "");
    SCO_BUG_ON(ok != (c.faults == NULL));
    if (value->type == SCO_NODE_STR) {
        c.faults = NULL;
        ok = api_schema_check_text(&c, v, schema, value->text.p, "q");
        SCO_BUG_ON(ok != (c.faults == NULL));
    }
    return 0;
}
