/* What a scanner's program says of itself, asked through a worker: its version, and what its plugin
 * adds, such as the age of a database. */
#include "engine_priv.h"

enum { VERSION_TIMEOUT_MS = 30000, NOTES_MAX = 20 };

struct asking {
    bool ended;
    struct sco_program_facts *facts;
    const char *notes[NOTES_MAX + 1];
    size_t n_notes;
};

static void on_frame(struct job *j, enum sco_msg type, struct sco_str payload, void *user)
{
    struct asking *a = user;
    const struct sco_node *m = NULL;
    (void)j;
    if (type != SCO_MSG_LOG || a->n_notes >= NOTES_MAX ||
        sco_json_parse(payload, &a->facts->arena, &m, NULL) < 0 ||
        sco_int(sco_get(m, "level"), SCO_LOG_DEBUG) > SCO_LOG_INFO)
        return;
    const char *text = sco_arena_cstr(&a->facts->arena, sco_text(sco_get(m, "text")));
    if (text)
        a->notes[a->n_notes++] = text;
}

static void on_end(struct job *j, void *user)
{
    struct asking *a = user;
    if (j->version)
        a->facts->version = sco_arena_cstr(&a->facts->arena, sco_str_c(j->version));
    a->ended = true;
}

/* The scanner's own cache, where its database is; a temporary folder when there can be none. */
static int choose_cache(struct sco_engine *e, const struct sco_plugin_info *p, const char **ret,
                        struct sco_arena *arena, struct sco_error *err)
{
    const char *dir = sco_arena_fmt(arena, "%s/scanners/%s", e->o.cache_dir, p->name);
    if (!dir)
        return sco_error_nomem(err);
    *ret = dir;
    return sco_fs_mkdirs(dir, 0700, NULL) == 0 ? 0 : engine_make_dir(e, "version", ret, arena, err);
}

static int write_message(struct sco_engine *e, const struct sco_plugin_info *p, struct sco_buf *out,
                         struct sco_arena *arena, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf options = {0};
    struct message m = {.engine = e,
                        .kind = "version",
                        .plugins = &p->library,
                        .descriptors = &p->descriptor,
                        .n_plugins = 1,
                        .program = p->program,
                        .cpus = 1,
                        .timeout_ms = VERSION_TIMEOUT_MS};
    int64_t ignored = 0;
    int r = engine_make_dir(e, "version", &m.work_dir, arena, err);
    if (r == 0)
        r = choose_cache(e, p, &m.cache_dir, arena, err);
    if (r == 0 && e->o.scanner_options)
        r = e->o.scanner_options(e->o.user, p, true, &options, &ignored, err);
    m.options = sco_buf_str(&options);
    if (r == 0)
        r = message_write(&m, out, err);
    if (options.p)
        explicit_bzero(options.p, options.n); /* resolved secrets */
    return r;
}

int sco_engine_inspect(struct sco_engine *e, const struct sco_plugin_info *p,
                       struct sco_program_facts *ret, struct sco_error *err)
{
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    *ret = (struct sco_program_facts){0};
    struct asking a = {.facts = ret};
    int r = p->program ? write_message(e, p, &b, &arena, err)
                       : sco_error_set(err, SCO_E_NOT_FOUND, "%s has no program", p->name);
    struct job_spec spec = {.message = sco_buf_str(&b),
                            .timeout_ms = VERSION_TIMEOUT_MS,
                            .frame = on_frame,
                            .end = on_end,
                            .user = &a};
    if (r == 0)
        r = engine_run_job(e, &spec, &a.ended, err);
    if (b.p)
        explicit_bzero(b.p, b.n);
    ret->notes = sco_arena_alloc(&ret->arena, sizeof a.notes);
    if (r == 0 && !ret->notes)
        r = sco_error_nomem(err);
    if (r < 0 || !ret->notes)
        sco_program_facts_done(ret);
    else
        memcpy(ret->notes, a.notes, sizeof a.notes);
    return r;
}

void sco_program_facts_done(struct sco_program_facts *f)
{
    sco_arena_done(&f->arena);
    *f = (struct sco_program_facts){0};
}
