/* Messages on the topic of scan requests: whatever they are, they are read or refused, and what is
 * kept of the refused is JSON. */
#include "bus_priv.h"

#include <secureops/json.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct bus_request q;
    struct sco_error err = {0};
    const struct sco_node *root = NULL;
    struct sco_str text = {(const char *)p, n};
    int r = bus_request_parse(text, &arena, &q, &err);
    SCO_BUG_ON(r != 0 && r != SCO_E_INVALID);
    if (r == 0) {
        SCO_BUG_ON(strlen(q.event_id) != 36);
        SCO_BUG_ON(sco_json_parse(q.data, &arena, &root, &err) < 0 || root->type != SCO_NODE_MAP);
    }
    bus_rejection_write(&b, &(struct bus_record){.topic = "t", .value = text}, err.text);
    SCO_BUG_ON(sco_json_parse(sco_buf_str(&b), &arena, &root, &err) < 0);
    return 0;
}
