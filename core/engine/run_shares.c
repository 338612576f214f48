/* A run of the plugin `policies` over many files becomes several while the scan runs: shares of the
 * files with the policies that look at one resource, and all files with the others. They are one
 * row again before anything is judged or reported. */
#include "session_priv.h"

enum { PARTS_MAX = 64 + 1 };

size_t run_shares_room(const struct sco_plan *plan)
{
    size_t n = 0;
    for (size_t i = 0; i < plan->n_items; i++)
        n += strcmp(plan->items[i].plugin->name, POLICIES_PLUGIN) == 0 ? PARTS_MAX : 1;
    return n;
}

static size_t cut(const struct session *s, const struct slot *slot, size_t *ends)
{
    const struct sco_plan_item *it = slot->item;
    SCO_AUTO(sco_buf) struct sco_buf path = {0};
    uint64_t *sizes = it->n_files ? sco_alloc(it->n_files, sizeof *sizes) : NULL;
    if (!sizes)
        return 1;
    for (size_t i = 0; i < it->n_files; i++) {
        sco_buf_clear(&path);
        sizes[i] = sco_path_join(&path, sco_str_c(slot->target->path), sco_str_c(it->files[i])) == 0
                       ? policy_file_size(sco_buf_z(&path))
                       : 0;
    }
    size_t n = policy_shares_cut(sizes, it->n_files, s->jobs, ends);
    free(sizes);
    return n;
}

/* The last slot, and its run, once more for each part but the first. */
int run_shares_add(struct session *s)
{
    struct sco_scan *scan = s->scan;
    size_t ends[PARTS_MAX], from = 0;
    struct slot first = s->slots[s->n_slots - 1];
    const struct sco_scanner_run run = scan->runs[first.run];
    if (!first.item || strcmp(first.item->plugin->name, POLICIES_PLUGIN) != 0)
        return 0;
    size_t n = cut(s, &first, ends);
    if (n < 2)
        return 0;
    for (size_t i = 0; i <= n; i++) {
        struct slot part = first;
        part.run = first.run + i;
        part.scope = i < n ? "resource" : "project";
        part.files = first.item->files + (i < n ? from : 0);
        part.n_files = i < n ? ends[i] - from : first.item->n_files;
        from = i < n ? ends[i] : from;
        scan->runs[part.run] = run;
        scan->runs[part.run].share = (uint32_t)i + 1;
        scan->runs[part.run].title =
            sco_arena_fmt(&scan->arena, "%s (%zu of %zu)", run.title, i + 1, n + 1);
        if (!scan->runs[part.run].title)
            return SCO_E_NOMEM;
        s->slots[s->n_slots - 1 + i] = part;
    }
    s->n_slots += n;
    scan->n_runs += n;
    return 0;
}

static void absorb(struct sco_scan *scan, struct sco_scanner_run *to,
                   const struct sco_scanner_run *from)
{
    int64_t end = to->started_ms + (to->duration_ms > 0 ? to->duration_ms : 0);
    int64_t other = from->started_ms + (from->duration_ms > 0 ? from->duration_ms : 0);
    to->reason =
        policy_shares_join(&scan->arena, &to->status, to->reason, from->status, from->reason);
    if (from->started_ms && (!to->started_ms || from->started_ms < to->started_ms))
        to->started_ms = from->started_ms;
    to->duration_ms = (end > other ? end : other) - to->started_ms;
    to->reported += from->reported;
    to->dropped += from->dropped;
    to->suppressed += from->suppressed;
    for (int i = 0; i < SCO_SEV_MAX_; i++)
        to->by_severity[i] += from->by_severity[i];
    to->version = to->version ? to->version : from->version;
    to->tool = to->tool ? to->tool : from->tool;
}

void run_shares_merge(struct session *s)
{
    struct sco_scan *scan = s->scan;
    size_t kept = 0;
    for (size_t i = 0; i < scan->n_runs; i++) {
        struct sco_scanner_run *run = &scan->runs[i];
        if (run->share > 1) {
            absorb(scan, &scan->runs[kept - 1], run);
            continue;
        }
        if (run->share == 1) {
            const struct sco_plugin_info *p = plugins_find(&s->e->plugins, run->name);
            run->title = p && p->scanner.title ? session_keep(s, p->scanner.title) : run->name;
        }
        scan->runs[kept++] = *run;
    }
    for (size_t i = 0; i < kept; i++) {
        if (scan->runs[i].share)
            scan->runs[i].counts =
                scan->runs[i].status != SCO_RUN_STATUS_SKIPPED || scan->runs[i].required;
        scan->runs[i].share = 0;
    }
    scan->n_runs = kept;
}
