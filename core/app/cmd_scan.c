/* secureops scan, secureops import: run, report, exit status. */
#include "outputs.h"
#include "remote.h"

#include <unistd.h>

/* ---- plan ---- */
static void print_plan(const struct sco_plan *plan)
{
    static const char *const actions[] = {"run", "missing", "skip"};
    printf("%-18s %-8s %-24s %s\n", "SCANNER", "ACTION", "TARGET", "WHY");
    for (size_t i = 0; i < plan->n_items; i++) {
        const struct sco_plan_item *it = &plan->items[i];
        SCO_AUTO(sco_buf) struct sco_buf why = {0}, target = {0};
        if (it->reason)
            sco_buf_add_printable(&why, sco_str_c(it->reason));
        if (it->action == SCO_PLAN_RUN && it->plugin->program)
            sco_buf_addf(&why, "%s%s", why.n ? ", with " : "with ", it->plugin->program);
        if (it->action == SCO_PLAN_MISSING && it->plugin->scanner.install)
            sco_buf_addf(&why, "; to get it: %s", it->plugin->scanner.install);
        sco_buf_add_printable(&target, sco_str_c(plan->targets[it->target].given));
        printf("%-18s %-8s %-24s %s\n", it->plugin->name, actions[it->action], sco_buf_z(&target),
               sco_buf_z(&why));
    }
    for (size_t i = 0; i < plan->n_targets; i++) {
        const struct sco_target *t = &plan->targets[i];
        SCO_AUTO(sco_buf) struct sco_buf b = {0};
        if (!t->cut)
            continue;
        sco_buf_add_printable(&b, sco_str_c(t->given));
        sco_buf_addz(&b, ": incomplete: ");
        sco_buf_add_printable(&b, sco_str_c(t->cut));
        printf("%s\n", sco_buf_z(&b));
    }
}

static int check_configured(struct cli *c, struct sco_error *err)
{
    const struct sco_plugins *p;
    int r = sco_engine_plugins(c->engine, &p, err);
    return r < 0 ? r : context_check_scanners(c, p, 0, err);
}

static int finish(struct cli *c, struct sco_scan *scan, const struct output *out, size_t n)
{
    struct sco_error err = {0};
    context_close_engine(c);
    int status = scan->exit_status;
    if (c->store && context_save_scan(c, scan, &err) < 0) {
        context_fail(&err);
        fprintf(stderr, "secureops: the scan was not stored; its reports follow\n");
        status = EXIT_INTERNAL;
    }
    if (args_has(c, ARG_BASELINE_WRITE) &&
        sco_baseline_write(scan, c->values[ARG_BASELINE_WRITE], &err) < 0)
        status = context_fail(&err) == EXIT_USAGE ? EXIT_USAGE : EXIT_INTERNAL;
    else if (outputs_write(c, scan, out, n, &err) < 0)
        status = context_fail(&err) == EXIT_USAGE ? EXIT_USAGE : EXIT_INTERNAL;
    else
        outputs_say_verdict(c, scan, out, n);
    outputs_say_sbom(c, scan);
    sco_scan_free(scan);
    return status;
}

static int prepare(struct cli *c, struct output *out, size_t *n, struct sco_error *err)
{
    int r = context_load_config(c, err);
    if (r == 0)
        r = outputs_choose(c, out, n, err);
    if (r == 0)
        r = outputs_choose_sbom(c, err);
    if (r == 0)
        r = context_open_engine(c, err);
    if (r < 0)
        return r;
    context_mention_waivers(c);
    if (!args_has(c, ARG_QUIET) && !args_has(c, ARG_NO_PROGRESS)) {
        bool terminal = isatty(STDERR_FILENO) && context_color(c, STDERR_FILENO);
        c->panel = panel_new(sco_engine_base(c->engine), terminal);
    }
    return 0;
}

/* What only a daemon can do is not left out in silence. */
static int check_local(const struct cli *c, struct sco_error *err)
{
    if (!args_has(c, ARG_NO_WAIT) && !args_has(c, ARG_CHECKOUT_SECRET) && !args_has(c, ARG_CA_FILE))
        return 0;
    return sco_error_set(
        err, SCO_E_INVALID,
        "--no-wait, --checkout-secret and --ca-file are for a daemon: --server URL");
}

/* Before the scan: a revision that is not there costs no minutes. */
static int compare(struct cli *c, const char *root, struct sco_error *err)
{
    struct sco_compare_request q = {.base = c->values[ARG_DIFF],
                                    .root = root,
                                    .baseline = c->values[ARG_BASELINE],
                                    .cancel_fd = -1};
    if (!q.base && !q.baseline)
        return 0;
    int r = sco_compare_new(&q, &c->compare, err);
    if (r == 0)
        sco_engine_compare(c->engine, c->compare);
    return r;
}

static int compare_plan(struct cli *c, const struct sco_plan *plan, struct sco_error *err)
{
    if (args_has(c, ARG_DIFF) && (plan->n_targets != 1 || !plan->targets[0].root))
        return sco_error_set(err, SCO_E_INVALID, "--diff is for one folder in a work tree of git");
    return compare(c, plan->targets[0].root, err);
}

int cmd_scan(struct cli *c)
{
    static const char *const here[] = {"."};
    struct output out[OUTPUTS_MAX];
    size_t n = 0;
    struct sco_error err = {0};
    struct sco_plan *plan = NULL;
    struct sco_scan *scan = NULL;
    if (remote_wanted(c))
        return remote_cmd_scan(c);
    int r = check_local(c, &err);
    if (r == 0)
        r = prepare(c, out, &n, &err);
    if (r == 0)
        r = check_configured(c, &err);
    if (r == 0)
        r = context_check_gates(c, &err);
    if (r == 0)
        r = sco_engine_plan(c->engine, c->n_operands ? c->operands : here,
                            c->n_operands ? c->n_operands : 1, &plan, &err);
    if (r == 0)
        r = compare_plan(c, plan, &err);
    if (r == 0 && args_has(c, ARG_DRY_RUN)) {
        print_plan(plan);
        sco_plan_free(plan);
        return EXIT_PASSED;
    }
    if (r == 0)
        r = context_want_store(c, false, &err);
    c->plan = plan;
    if (r == 0)
        r = sco_engine_scan(c->engine, plan, &scan, &err);
    int status = r < 0 || !scan ? context_fail(&err) : finish(c, scan, out, n);
    sco_plan_free(plan);
    return status;
}

int cmd_import(struct cli *c)
{
    struct output out[OUTPUTS_MAX];
    size_t n = 0;
    struct sco_error err = {0};
    struct sco_scan *scan = NULL;
    if (!c->n_operands) {
        sco_error_set(&err, SCO_E_INVALID,
                      "import wants at least one report: secureops import FILE...");
        return context_fail(&err);
    }
    if (remote_wanted(c))
        return remote_cmd_import(c);
    int r = check_local(c, &err);
    if (r == 0)
        r = prepare(c, out, &n, &err);
    char *root = NULL;
    if (r == 0 && args_has(c, ARG_ROOT) && !(root = sco_fs_realpath(c->values[ARG_ROOT], &err)))
        r = sco_error_prefix(&err, "--root");
    if (r == 0 && root && !sco_fs_is_dir(root))
        r = sco_error_set(&err, SCO_E_INVALID, "--root: %s is not a folder", c->values[ARG_ROOT]);
    if (r == 0)
        r = check_configured(c, &err);
    if (r == 0)
        r = context_check_gates(c, &err);
    if (r == 0)
        r = compare(c, root ? root : ".", &err);
    if (r == 0)
        r = context_want_store(c, true, &err);
    if (r == 0)
        r = sco_engine_import(c->engine, c->operands, c->n_operands, c->values[ARG_SCANNER], root,
                              &scan, &err);
    int status = r < 0 || !scan ? context_fail(&err) : finish(c, scan, out, n);
    free(root);
    return status;
}
