/* A scan: every item of the plan becomes a run, those that can be started a slot. */
#include "session_priv.h"

/* A plan item becomes a run; one that is to be started also a slot. */
static int add_item(struct session *s, const struct sco_plan *plan, const struct sco_plan_item *it)
{
    struct sco_scan *scan = s->scan;
    struct sco_scanner_run *run = &scan->runs[scan->n_runs];
    const struct sco_plugin_info *p = it->plugin;
    const struct sco_target *t = &plan->targets[it->target];
    *run = (struct sco_scanner_run){
        .name = session_keep(s, p->name),
        .title = session_keep(s, p->scanner.title ? p->scanner.title : p->name),
        .target = session_keep(s, t->given),
        .homepage = session_keep(s, p->scanner.homepage),
        .finds = p->scanner.finds,
        .required = it->required,
        .reason = session_keep(s, it->reason),
        .duration_ms = -1,
        .exit_code = -1};
    if (!run->name || !run->title || !run->target)
        return SCO_E_NOMEM;
    if (it->action == SCO_PLAN_SKIP) {
        run->status = SCO_RUN_STATUS_SKIPPED;
        run->counts = it->required;
        run->nothing = it->nothing;
    } else if (it->action == SCO_PLAN_MISSING) {
        run->status = p->error ? SCO_RUN_STATUS_FAILED : SCO_RUN_STATUS_MISSING;
        run->counts = it->required || p->error;
        run->hint = session_keep(s, p->scanner.install);
    } else {
        run->status = SCO_RUN_STATUS_FAILED; /* until it says otherwise */
        run->reason = "was not run to its end";
        run->counts = true;
        s->slots[s->n_slots++] =
            (struct slot){.session = s,
                          .run = scan->n_runs,
                          .item = it,
                          .target = t,
                          .lock_fd = -1,
                          .expected_ms = history_get(&s->history, p->name, t->path)};
    }
    scan->n_runs++;
    return it->action == SCO_PLAN_RUN ? run_shares_add(s) : 0;
}

/* What the paths of findings are relative to. */
static const char *root_of(struct session *s, const struct sco_target *t)
{
    struct sco_str root = sco_str_c(t->root), below = sco_str_c(t->below);
    if (below.n && root.n > below.n + 1 && sco_str_ends(root, t->below))
        root.n -= below.n + 1;
    return sco_arena_cstr(&s->scan->arena, root);
}

static int join_targets(struct session *s, const struct sco_plan *plan, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_scan *scan = s->scan;
    for (size_t i = 0; i < plan->n_targets; i++)
        sco_buf_addf(&b, "%s%s", i ? ", " : "", plan->targets[i].given);
    scan->target = session_keep(s, sco_buf_z(&b));
    if (plan->n_targets == 1 && plan->targets[0].root) {
        scan->root = root_of(s, &plan->targets[0]);
        if (scan->root)
            gitinfo_read(scan->root, &scan->arena, &scan->repository, &scan->branch,
                         &scan->commit_sha);
    }
    return b.failed || !scan->target ? sco_error_nomem(err) : 0;
}

static bool is_sbom(const struct slot *slot)
{
    return strcmp(slot->item->plugin->name, SBOM_PLUGIN) == 0;
}

/* Content that no scanner looked at must not read as clean. False: there is no such content. */
static bool find_gap(struct session *s, const struct sco_target *t, struct sco_scanner_run *run)
{
    bool looked_at = false;
    for (size_t k = 0; k < s->n_slots; k++) /* who makes an SBOM looks for nothing */
        looked_at |= s->slots[k].target == t && (s->e->o.scanners || !is_sbom(&s->slots[k]));
    if (t->cut) {
        run->reason = session_keep(s, t->cut);
    } else if (t->left_out && !t->n_files) { /* a history may have been looked at, the files not */
        run->reason = "everything in it is left out";
        run->hint = "--include-ignored looks at what .gitignore and names of folders leave out";
    } else if (looked_at || target_is_empty(t)) {
        return false;
    } else {
        run->reason = "no scanner looked at this target";
        run->hint = "\"secureops doctor\" shows what is installed; scripts/install-scanners.sh "
                    "installs scanners";
    }
    return true;
}

static int check_coverage(struct session *s, const struct sco_plan *plan, struct sco_error *err)
{
    struct sco_scan *scan = s->scan;
    for (size_t i = 0; i < plan->n_targets; i++) {
        struct sco_scanner_run *run = &scan->runs[scan->n_runs];
        *run = (struct sco_scanner_run){.name = "secureops",
                                        .title = "SecureOps",
                                        .target = session_keep(s, plan->targets[i].given),
                                        .status = SCO_RUN_STATUS_INCOMPLETE,
                                        .counts = true,
                                        .duration_ms = -1,
                                        .exit_code = -1};
        bool gap = find_gap(s, &plan->targets[i], run);
        if (gap && (!run->target || !run->reason))
            return sco_error_nomem(err);
        scan->n_runs += gap;
    }
    return 0;
}

int sco_engine_scan(struct sco_engine *e, const struct sco_plan *plan, struct sco_scan **ret,
                    struct sco_error *err)
{
    struct session s = {0};
    int r = session_open(&s, e, run_shares_room(plan) + plan->n_targets, "scan", err);
    if (r == 0) {
        s.several = plan->n_targets > 1;
        history_load(&s.history, e->o.cache_dir);
        versions_load(&s.versions, e->o.cache_dir);
        r = join_targets(&s, plan, err);
    }
    for (size_t i = 0; i < plan->n_items && r == 0; i++)
        if (add_item(&s, plan, &plan->items[i]) < 0)
            r = sco_error_nomem(err);
    if (r == 0)
        r = check_coverage(&s, plan, err);
    if (r == 0)
        r = session_run(&s, ret, err);
    if (r == 0) {
        history_save(&s.history);
        versions_save(&s.versions);
    }
    session_close(&s);
    return r;
}
