/* A job's request: any JSON is refused, or is a job that has what each one must have. */
#include "runner_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_list(const char *const *list)
{
    for (; list && *list; list++)
        SCO_BUG_ON(strlen(*list) > 4096);
}

static void parse(const char *kind, struct sco_str request)
{
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    SCO_AUTO(sco_buf) struct sco_buf frame = {0};
    struct runner_job j = {0};
    struct sco_error err = {0};
    sco_buf_addf(&frame,
                 "{\"setup\":{\"store\":\"/s\",\"node\":\"n\"},\"job\":{\"id\":\"i\",\"attempt\":1,"
                 "\"kind\":\"%s\",\"request\":",
                 kind);
    sco_buf_add(&frame, request);
    sco_buf_addz(&frame, "}}");
    if (frame.failed)
        return;
    if (runner_job_parse(sco_buf_str(&frame), &arena, &j, &err) < 0) {
        SCO_BUG_ON(!err.text[0] || j.kind);
        return;
    }
    const struct runner_request *q = &j.request;
    SCO_BUG_ON(!j.id || !j.setup.store || j.attempt < 1);
    if (j.import)
        SCO_BUG_ON(!q->file || !q->repository || !*q->repository || q->location || q->types);
    else
        SCO_BUG_ON(!q->location || !*q->location || q->target > TARGET_URL || q->file);
    SCO_BUG_ON(q->types && *q->types && !q->type_bits);
    SCO_BUG_ON(q->offline != 0 && q->offline != 1);
    const char *const *const lists[] = {q->types, q->scanners, q->skip, q->frameworks, q->gates};
    for (size_t i = 0; i < SCO_ARRAY_LEN(lists); i++)
        check_list(lists[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sco_str text = sco_str_make((const char *)data, size);
    parse("scan", text);
    parse("import", text);
    return 0;
}
