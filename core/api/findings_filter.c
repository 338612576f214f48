/* The query of a list of findings: what the store can be asked for, in words. */
#include "content_priv.h"

bool api_status_parse(struct sco_str text, enum sco_status *ret)
{
    for (int i = 0; i < SCO_STATUS_MAX_; i++)
        if (sco_str_is_nocase(text, sco_status_name((enum sco_status)i))) {
            *ret = (enum sco_status)i;
            return true;
        }
    return false;
}

static int take_statuses(struct api_call *c, uint32_t *ret, struct sco_error *err)
{
    struct sco_str rest = sco_str_c(api_query(c, "status")), word;
    enum sco_status s = SCO_STATUS_OPEN;
    if (sco_str_is_nocase(rest, "all")) {
        *ret = (1u << SCO_STATUS_MAX_) - 1;
        return 0;
    }
    while (sco_str_split(&rest, ',', &word)) {
        if (!api_status_parse(sco_str_trim(word), &s))
            return api_fault(c, err, "?status",
                             "open, in_progress, resolved, false_positive, accepted or all");
        *ret |= 1u << s;
    }
    return 0;
}

static int take_types(struct api_call *c, uint32_t *ret, struct sco_error *err)
{
    struct sco_str rest = sco_str_c(api_query(c, "type")), word;
    while (sco_str_split(&rest, ',', &word)) {
        uint32_t found = 0;
        for (uint32_t i = 1; i < SCO_TYPE_MAX_; i++)
            if (sco_str_is_nocase(sco_str_trim(word), sco_type_name(i)))
                found = i;
        if (!found)
            return api_fault(c, err, "?type", "sast, sca, dast, iac, secret, license or quality");
        *ret |= SCO_TYPE_BIT(found);
    }
    return 0;
}

int api_finding_filter(struct api_call *c, struct sco_store_filter *ret, struct sco_error *err)
{
    struct sco_store_filter f = {.repository = api_query(c, "repository"),
                                 .branch = api_query(c, "branch"),
                                 .tool = api_query(c, "tool"),
                                 .rule = api_query(c, "rule"),
                                 .cve = api_query(c, "cve"),
                                 .path = api_query(c, "path"),
                                 .assignee = api_query(c, "assignee"),
                                 .repositories = api_scope(c),
                                 .now = c->now};
    const char *severity = api_query(c, "severity"), *sort = api_query(c, "sort");
    int r = take_statuses(c, &f.statuses, err);
    if (r == 0)
        r = take_types(c, &f.types, err);
    if (r == 0)
        r = api_query_bool(c, "suppressed", &f.suppressed, err);
    if (r == 0)
        r = api_query_bool(c, "overdue", &f.overdue, err);
    if (r == 0 && severity &&
        (f.min_severity = sco_severity_parse(sco_str_c(severity))) == SCO_SEV_UNKNOWN)
        r = api_fault(c, err, "?severity", "info, low, medium, high or critical");
    if (r == 0 && sort && sco_store_sort_parse(sort, &f, NULL) < 0)
        r = api_fault(c, err, "?sort",
                      "risk_score, severity, first_detected or last_detected, with - before it "
                      "from the highest down");
    if (r == 0 && f.sort == SCO_SORT_LAST_DETECTED && !f.repository)
        r = api_fault(c, err, "?sort",
                      "by last_detected the findings of one ?repository are sorted");
    if (r == 0)
        *ret = f;
    return r;
}
