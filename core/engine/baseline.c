/* Baselines: what was known at some time, by fingerprint. Any JSON or SARIF report of ours is one,
 * and so is the short form that is written here, which has the shape of a JSON report. */
#include "diff_priv.h"

#include <errno.h>
#include <secureops/fs.h>
#include <stdlib.h>
#include <unistd.h>

#define SARIF_KEY "secureops/finding/v1"

/* ---- reading ---- */
static int nibble(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool take_hex(struct sco_str s, uint8_t out[SCO_FINGERPRINT_LEN])
{
    if (s.n != 2 * SCO_FINGERPRINT_LEN)
        return false;
    for (size_t i = 0; i < SCO_FINGERPRINT_LEN; i++) {
        int high = nibble(s.p[2 * i]), low = nibble(s.p[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static int add(struct baseline *b, struct sco_str hex, struct sco_str severity,
               struct sco_error *err)
{
    uint8_t fp[SCO_FINGERPRINT_LEN];
    if (!take_hex(hex, fp))
        return sco_error_set(err, SCO_E_FORMAT, "a finding has no fingerprint of SecureOps");
    struct known *k = sco_arena_alloc(&b->arena, sizeof *k);
    void **slot = k ? sco_map_put(&b->known, sco_str_make((char *)fp, sizeof fp), NULL) : NULL;
    if (!slot)
        return sco_error_nomem(err);
    uint32_t s = sco_severity_parse(severity);
    k->severity = s < SCO_SEV_MAX_ ? s : 0;
    *slot = k;
    return 0;
}

/* What was suppressed when the baseline was made was not accepted by it. */
static int add_finding(struct baseline *b, const struct sco_node *m, struct sco_error *err)
{
    struct sco_str status = sco_text(sco_get(m, "status"));
    const struct sco_node *list = sco_get(m, "suppressions");
    bool settled = sco_str_is(status, "FALSE_POSITIVE") || sco_str_is(status, "ACCEPTED") ||
                   sco_str_is(status, "RESOLVED");
    if ((list && list->child) || settled)
        return 0;
    return add(b, sco_text(sco_get(m, "fingerprint")), sco_text(sco_get(m, "severity")), err);
}

static int add_result(struct baseline *b, const struct sco_node *m, struct sco_error *err)
{
    const struct sco_node *list = sco_get(m, "suppressions"), *all = sco_get(m, "fingerprints");
    struct sco_str state = sco_text(sco_get(m, "baselineState"));
    if ((list && list->child) || sco_str_is(state, "absent"))
        return 0;
    return add(b, sco_text(sco_get(all, SARIF_KEY)), sco_text(sco_path(m, "properties.severity")),
               err);
}

typedef int (*item_fn)(struct baseline *b, const struct sco_node *m, struct sco_error *err);

static int each(struct baseline *b, struct sco_reader *reader, const struct sco_node *list,
                item_fn fn, struct sco_error *err)
{
    struct sco_iter *it = NULL;
    const struct sco_node *m = NULL;
    int r = sco_iter_open(reader, list, &it, err);
    if (r < 0)
        return r;
    while ((r = sco_iter_next(it, NULL, &m, err)) > 0)
        if ((r = fn(b, m, err)) < 0)
            break;
    sco_iter_close(it);
    return r;
}

static bool is_list(const struct sco_node *v)
{
    return v && (v->type == SCO_NODE_LIST || (v->type == SCO_NODE_DEFERRED && !v->n));
}

static int read_runs(struct baseline *b, struct sco_reader *reader, const struct sco_node *runs,
                     struct sco_error *err)
{
    int r = 0;
    for (const struct sco_node *run = runs->child; run && r == 0; run = run->next) {
        const struct sco_node *results = sco_get(run, "results");
        if (results && !is_list(results))
            return sco_error_set(err, SCO_E_FORMAT, "results are no list");
        if (results)
            r = each(b, reader, results, add_result, err);
    }
    return r;
}

static int read_report(struct baseline *b, struct sco_reader *reader, struct sco_error *err)
{
    static const char *const deferred[] = {"findings", "results", "rules",    "artifacts",
                                           "policies", "taxa",    "scanners", NULL};
    const struct sco_node *root = NULL;
    int r = sco_reader_read(reader, deferred, &root, err);
    if (r < 0)
        return r;
    if (r == 0 || !sco_is(root, SCO_NODE_MAP))
        return sco_error_set(err, SCO_E_FORMAT, "neither a JSON nor a SARIF report of SecureOps");
    const struct sco_node *findings = sco_get(root, "findings"), *runs = sco_get(root, "runs");
    if (is_list(findings) && sco_str_is(sco_text(sco_get(root, "version")), "1"))
        r = each(b, reader, findings, add_finding, err);
    else if (sco_is(runs, SCO_NODE_LIST))
        r = read_runs(b, reader, runs, err);
    else
        return sco_error_set(err, SCO_E_FORMAT, "neither a JSON nor a SARIF report of SecureOps");
    return r == 0 ? sco_reader_check_end(reader, err) : r;
}

int baseline_load(struct baseline *b, const char *path, struct sco_error *err)
{
    struct sco_reader *reader = NULL;
    int r = sco_reader_open(path, &reader, err);
    if (r == 0)
        r = read_report(b, reader, err);
    sco_reader_close(reader);
    if (r < 0)
        sco_error_prefix(err, "--baseline %s", path);
    return r;
}

void baseline_done(struct baseline *b)
{
    sco_map_done(&b->known);
    sco_arena_done(&b->arena);
}

/* ---- writing ---- */
static void write_known(struct sco_json_out *o, const struct sco_finding *f)
{
    char hex[65];
    sco_fingerprint_hex(f->fingerprint, hex);
    sco_json_begin(o, '{');
    sco_json_kz(o, "fingerprint", hex);
    sco_json_kz(o, "vulnerability_type", sco_type_name(f->type));
    sco_json_kz(o, "severity", sco_severity_name(f->severity));
    sco_json_kz(o, "rule_id", f->rule_id);
    sco_json_kz(o, "file_path", f->file_path);
    sco_json_end(o, '}');
}

static int by_fingerprint(const void *a, const void *b)
{
    return memcmp((*(const struct sco_finding *const *)a)->fingerprint,
                  (*(const struct sco_finding *const *)b)->fingerprint, SCO_FINGERPRINT_LEN);
}

/* Sorted by fingerprint, one a line, and without a time: a file for version control. */
int sco_baseline_write(const struct sco_scan *scan, const char *path, struct sco_error *err)
{
    const struct sco_finding_set *set = &scan->findings;
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_json_out o = {.b = &b};
    SCO_AUTO(sco_free) const struct sco_finding **v = sco_alloc(set->n + 1, sizeof *v);
    size_t n = 0;
    if (!v)
        return sco_error_nomem(err);
    for (size_t i = 0; i < set->n; i++)
        if (!sco_finding_is_suppressed(&set->v[i]))
            v[n++] = &set->v[i];
    qsort(v, n, sizeof *v, by_fingerprint);
    sco_json_begin(&o, '{');
    sco_json_kz(&o, "version", "1");
    sco_json_kz(&o, "kind", "baseline");
    sco_json_key(&o, "findings");
    sco_json_begin(&o, '[');
    for (size_t i = 0; i < n; i++) {
        sco_buf_addz(&b, i ? ",\n" : "\n");
        o.comma = false;
        write_known(&o, v[i]);
    }
    sco_buf_addz(&b, "\n");
    sco_json_end(&o, ']');
    sco_json_end(&o, '}');
    sco_buf_addc(&b, '\n');
    if (b.failed)
        return sco_error_nomem(err);
    if (strcmp(path, "-") != 0)
        return sco_fs_write(path, sco_buf_str(&b), 0644, err);
    int r = sco_fs_write_all(STDOUT_FILENO, sco_buf_str(&b));
    return r < 0 ? sco_error_errno(err, -r, "cannot write the baseline") : 0;
}
