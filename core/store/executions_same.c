/* Two executions that turn out to be one run: the one that was asked for here, whose run the
 * platform had not named yet, and the one that a webhook told of meanwhile. */
#include "executions_priv.h"

#include <secureops/store_pipelines.h>

int execution_was_asked_for(struct sco_store *s, const char *id, bool *ret, struct sco_error *err)
{
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    struct sco_pipeline_run run;
    const struct sco_node *q = NULL;
    int r = sco_store_run(s, id, &arena, &run, err);
    if (r == 0)
        r = sco_json_parse(sco_str_c(run.request), &arena, &q, err);
    if (r == 0 || r == SCO_E_NOT_FOUND) {
        *ret = r == 0 && !sco_str_is(sco_text(sco_get(q, "op")), "follow"); /* only looked at */
        r = 0;
    }
    return r;
}

int execution_absorb(struct sco_store *s, const char *to, const char *from, int64_t pk,
                     int64_t created_at, struct sco_error *err)
{
    static const char *const moves[] = {
        "UPDATE pipeline_stages SET execution_id = $1 WHERE execution_id = $2",
        "UPDATE pipeline_logs SET execution_id = $1 WHERE execution_id = $2",
        "DELETE FROM pipeline_runs WHERE execution_id <> $1 AND execution_id = $2",
        "UPDATE pipeline_executions SET rollback_of = $1 WHERE rollback_of = $2",
    };
    uint8_t id[16], gone[16];
    int r = store_queue_up(s, "pipeline_stages", from, err);
    if (r == 0)
        r = execution_uuid(to, id, err);
    if (r == 0)
        r = execution_uuid(from, gone, err);
    struct store_value v[] = {sv_bytes(STORE_UUID, id, sizeof id),
                              sv_bytes(STORE_UUID, gone, sizeof gone)};
    for (size_t i = 0; i < SCO_ARRAY_LEN(moves) && r == 0; i++)
        r = store_exec(s, moves[i], v, SCO_ARRAY_LEN(v), NULL, err);
    struct store_value row[] = {sv_i64(pk), sv_i64(created_at)};
    return r == 0
               ? store_exec(s, "DELETE FROM pipeline_executions WHERE pk = $1 AND created_at = $2",
                            row, SCO_ARRAY_LEN(row), NULL, err)
               : r;
}
