/* The wire: bytes of a broken worker never crash the engine, and whatever is accepted goes through
 * identification, correlation and ranking and is written as valid JSON. */
#include <secureops/finding.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_written(const struct sco_finding_set *set)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    for (size_t i = 0; i < set->n; i++) {
        SCO_AUTO(sco_arena) struct sco_arena arena = {0};
        struct sco_json_out o = {.b = &b};
        const struct sco_node *root;
        struct sco_error err = {0};
        sco_buf_clear(&b);
        sco_finding_write(&o, &set->v[i]);
        SCO_BUG_ON(b.failed || sco_json_parse(sco_buf_str(&b), &arena, &root, &err) < 0);
        SCO_BUG_ON(!sco_get(root, "fingerprint") || !sco_get(root, "title"));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sco_finding_set set = {.pool = sco_pool_new()};
    struct sco_decoder *d = sco_decoder_new(set.pool);
    struct sco_error err = {0};
    size_t half = size / 2;
    while (half && data[half - 1] != '\n')
        half--;
    struct sco_str first = sco_str_make((const char *)data, half);
    struct sco_str second = sco_str_make((const char *)data + half, size - half);
    int r = sco_decoder_batch(d, first, &set, &err);
    if (r == 0)
        r = sco_decoder_batch(d, second, &set, &err);
    SCO_BUG_ON(r < 0 && !err.text[0]);
    SCO_BUG_ON(sco_findings_identify(&set, &err) < 0);
    SCO_BUG_ON(sco_findings_correlate(&set, &err) < 0);
    SCO_BUG_ON(sco_findings_rank(&set, &err) < 0);
    check_written(&set);
    sco_decoder_free(d);
    sco_finding_set_done(&set);
    sco_pool_free(set.pool);
    return 0;
}
