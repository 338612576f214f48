/* Definitions of own pipelines: whatever is taken keeps its promises. */
#include <secureops/pipeline.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    struct sco_pipeline p = {0};
    struct sco_error err = {0};
    int r = sco_pipeline_parse(sco_str_make((const char *)data, size), "f", &arena, &p, &err);
    if (r < 0) {
        SCO_BUG_ON(!err.text[0] || p.n);
        return 0;
    }
    SCO_BUG_ON(!p.n || p.n > SCO_PIPELINE_STAGES_MAX || !p.parallel);
    for (size_t i = 0; i < p.n; i++) {
        const struct sco_pipeline_stage *s = &p.stages[i];
        SCO_BUG_ON(!s->name || !s->stage || !s->env || !s->secrets || !s->artifacts);
        SCO_BUG_ON(!s->n_steps && !s->approval);
        SCO_BUG_ON(s->condition && sco_pipeline_check(s->condition, NULL) < 0);
        for (size_t k = 0; k < s->n_needs; k++)
            SCO_BUG_ON(s->needs[k] >= i);
        for (size_t k = 0; k < s->n_steps; k++)
            SCO_BUG_ON(!s->steps[k].run == !s->steps[k].scan || !s->steps[k].name);
    }
    return 0;
}
