/* The version of a scanner's program, asked through a worker. */
#include "engine_priv.h"

enum { VERSION_TIMEOUT_MS = 30000 };

struct asking {
    bool ended;
    char *version;
};

static void on_end(struct job *j, void *user)
{
    struct asking *a = user;
    if (j->status == SCO_RUN_STATUS_COMPLETED && j->version)
        a->version = sco_strdup(sco_str_c(j->version));
    a->ended = true;
}

char *sco_engine_program_version(struct sco_engine *e, const struct sco_plugin_info *p)
{
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct asking a = {0};
    const char *dir, *tmp;
    if (!p->program || engine_make_dir(e, "version/tmp", &tmp, &arena, NULL) < 0 ||
        engine_make_dir(e, "version", &dir, &arena, NULL) < 0 ||
        engine_make_dir(e, "version/home", &tmp, &arena, NULL) < 0)
        return NULL;
    struct message m = {.engine = e,
                        .kind = "version",
                        .plugins = &p->library,
                        .descriptors = &p->descriptor,
                        .n_plugins = 1,
                        .program = p->program,
                        .work_dir = dir,
                        .cache_dir = dir,
                        .cpus = 1,
                        .timeout_ms = VERSION_TIMEOUT_MS};
    if (message_write(&m, &b, NULL) < 0)
        return NULL;
    struct job_spec spec = {
        .message = sco_buf_str(&b), .timeout_ms = VERSION_TIMEOUT_MS, .end = on_end, .user = &a};
    if (engine_run_job(e, &spec, &a.ended, NULL) < 0) {
        free(a.version);
        return NULL;
    }
    return a.version;
}
