/* What became of findings, by branch, day and severity: sums that are kept while findings change,
 * so that nobody has to count millions of them. */
#include "store_priv.h"

enum { DAY_MS = 24 * 3600 * 1000 };

int64_t finding_day_of(int64_t at)
{
    return at >= 0 ? at / DAY_MS : -((DAY_MS - 1 - at) / DAY_MS);
}

void finding_day_count(struct finding_day by[SCO_SEV_MAX_], const struct finding_change *c)
{
    struct finding_day *from = &by[c->from_severity < SCO_SEV_MAX_ ? c->from_severity : 0];
    struct finding_day *to = &by[c->to_severity < SCO_SEV_MAX_ ? c->to_severity : 0];
    from->opened -= c->was_open;
    to->opened += c->is_open;
    to->created += c->created;
    if (!c->created && c->from == SCO_STATUS_RESOLVED && c->to != SCO_STATUS_RESOLVED)
        to->reopened++;
    if (!c->created && c->from != SCO_STATUS_RESOLVED && c->to == SCO_STATUS_RESOLVED) {
        to->resolved++;
        to->fix_ms += c->at > c->first ? c->at - c->first : 0;
    }
}

int finding_days_add(struct sco_store *s, int64_t branch, int64_t at,
                     const struct finding_day by[SCO_SEV_MAX_], struct sco_error *err)
{
    int r = 0;
    for (uint32_t i = 0; i < SCO_SEV_MAX_ && r == 0; i++) {
        const struct finding_day *d = &by[i];
        if (!d->created && !d->reopened && !d->resolved && !d->opened)
            continue;
        struct store_value v[] = {
            sv_i64(branch),     sv_i64(finding_day_of(at)), sv_text(sco_severity_name(i)),
            sv_i64(d->created), sv_i64(d->reopened),        sv_i64(d->resolved),
            sv_i64(d->fix_ms),  sv_i64(d->opened),
        };
        r = store_exec(
            s,
            "INSERT INTO finding_days (branch_pk, day, severity, created, reopened, resolved, "
            "fix_ms, opened) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (branch_pk, day, "
            "severity) DO UPDATE SET created = finding_days.created + excluded.created, reopened "
            "= finding_days.reopened + excluded.reopened, resolved = finding_days.resolved + "
            "excluded.resolved, fix_ms = finding_days.fix_ms + excluded.fix_ms, opened = "
            "finding_days.opened + excluded.opened",
            v, SCO_ARRAY_LEN(v), NULL, err);
    }
    return r;
}
