/* One run of a log: its tool, whether it ran and ended well, then its results one by one. */
#include "sarif_priv.h"

/* ---- the tool -------------------------------------------------------------------------------- */

static struct sco_str version_of(const struct sco_node *driver)
{
    struct sco_str v = text_trim(sco_text(sco_get(driver, "semanticVersion")));
    if (!v.n)
        v = text_trim(sco_text(sco_get(driver, "version")));
    if (!v.n)
        v = text_trim(sco_text(sco_get(driver, "dottedQuadFileVersion")));
    if (v.n > 1 && (v.p[0] == 'v' || v.p[0] == 'V') && v.p[1] >= '0' && v.p[1] <= '9')
        v = sco_str_make(v.p + 1, v.n - 1);
    return v;
}

static int set_tool(struct run *r)
{
    const struct sco_node *tool = sco_get(r->node, "tool"), *driver = sco_get(tool, "driver");
    if (!driver)
        driver = tool; /* 2.0.0 */
    r->tool_name = text_trim(sco_text(sco_get(driver, "name")));
    if (!r->tool_name.n)
        r->tool_name = SCO_STR("unnamed tool");
    r->tool_version = version_of(driver);
    classify_tool(r);
    return r->h->tool(r->h, r->tool_name, r->tool_version);
}

/* ---- did it end well ------------------------------------------------------------------------- */

enum { NOTES_SHOWN = 3, NOTE_LEN = 200 };

struct notes {
    char text[NOTES_SHOWN * (NOTE_LEN + 4) + 64];
    size_t used, errors, warnings;
};

static void add_note(struct notes *n, struct sco_str text)
{
    if (n->errors++ >= NOTES_SHOWN)
        return;
    if (text.n > NOTE_LEN)
        text.n = NOTE_LEN;
    while (text.n && text.n == NOTE_LEN && ((unsigned char)text.p[text.n - 1] & 0x80))
        text.n--; /* not half a character */
    int k = snprintf(n->text + n->used, sizeof n->text - n->used, "%s%.*s", n->used ? "; " : "",
                     SCO_STR_ARG(text));
    if (k > 0)
        n->used += (size_t)k;
}

static void read_notifications(const struct run *r, const struct sco_node *list, struct notes *n)
{
    SCO_EACH (note, list) {
        struct sco_str level = sco_text(sco_get(note, "level"));
        if (sco_str_is_nocase(level, "warning") || !level.n)
            n->warnings++;
        if (!sco_str_is_nocase(level, "error"))
            continue;
        struct sco_str text = text_message(r, NULL, sco_get(note, "message"));
        if (!text.n)
            text = sco_text_at(note, "exception.message");
        if (!text.n)
            text = sco_text_at(note, "descriptor.id");
        add_note(n, text.n ? text : SCO_STR("an error without text"));
    }
}

static void incomplete(const struct run *r, const char *what, struct sco_str detail)
{
    struct sco_str s = sco_fmt(r->h, "%.*s: %s%s%.*s", SCO_STR_ARG(r->tool_name), what,
                               detail.n ? ": " : "", SCO_STR_ARG(detail));
    r->h->incomplete(r->h, s);
}

static void check_invocation(struct run *r, const struct sco_node *inv)
{
    struct notes n = {.used = 0};
    int ok = sco_bool(sco_get(inv, "executionSuccessful"), 1);
    if (sco_get(inv, "toolExecutionSuccessful")) /* drafts of 2.1.0 */
        ok = sco_bool(sco_get(inv, "toolExecutionSuccessful"), 1);
    struct sco_str failure = sco_text(sco_get(inv, "processStartFailureMessage"));
    if (!failure.n)
        failure = sco_text(sco_get(inv, "exitCodeDescription"));
    read_notifications(r, sco_get(inv, "toolExecutionNotifications"), &n);
    read_notifications(r, sco_get(inv, "toolConfigurationNotifications"), &n);
    struct sco_str text = n.used ? sco_str_make(n.text, n.used) : failure;
    if (n.errors > NOTES_SHOWN)
        text = sco_fmt(r->h, "%.*s; and %zu more", SCO_STR_ARG(text), n.errors - NOTES_SHOWN);
    if (!ok)
        incomplete(r, "says that it did not run successfully", text);
    else if (n.errors)
        incomplete(r, "reported errors", text);
    else if (sco_text(sco_get(inv, "processStartFailureMessage")).n)
        incomplete(r, "could not be started", failure);
    if (n.warnings)
        r->h->log(r->h, SCO_LOG_WARNING,
                  sco_fmt(r->h, "%.*s reported %zu warnings about its own run",
                          SCO_STR_ARG(r->tool_name), n.warnings));
}

/* ---- results --------------------------------------------------------------------------------- */

static int read_results(struct run *r, const struct sco_node *results, struct sco_errbuf *e)
{
    static const char *const deferred[] = {
        "codeFlows",   "graphs",        "graphTraversals", "stacks",           "attachments",
        "webResponse", "contextRegion", "artifactChanges", "relatedLocations", NULL};
    const struct sco_data_api *data = r->h->data;
    struct sco_iter *it = NULL;
    const struct sco_node *node = NULL;
    int rc = data->iter_open(r->reader, results, &it, e);
    while (rc >= 0 && (rc = data->iter_next(it, deferred, &node, e)) > 0) {
        rc = result_report(r, node, e);
        if (rc >= 0 && (r->n_results & 1023u) == 0 && r->h->cancelled(r->h))
            rc = sco_errf(e, SCO_E_CANCELLED, "cancelled");
    }
    if (it)
        data->iter_close(it);
    return rc < 0 ? rc : 0;
}

static void tell_counts(struct run *r)
{
    const struct sco_host *h = r->h;
    if (r->n_bad)
        incomplete(r, "results that could not be read",
                   sco_fmt(h, "%llu of %llu, the first: %s", (unsigned long long)r->n_bad,
                           (unsigned long long)r->n_results, r->first_bad));
    if (r->n_cut)
        incomplete(r, "results with too many locations",
                   sco_fmt(h, "%llu; only the first %d of each were taken",
                           (unsigned long long)r->n_cut, SARIF_LOCATIONS_MAX));
    if (r->rules.over_limit)
        incomplete(r, "too many rules",
                   sco_fmt(h,
                           "only the first %d were read, the results of the others have less "
                           "detail",
                           SARIF_RULES_MAX));
    if (r->n_review)
        h->log(h, SCO_LOG_WARNING,
               sco_fmt(h, "%.*s: %llu results are open or wait for a review; they are not findings",
                       SCO_STR_ARG(r->tool_name), (unsigned long long)r->n_review));
    if (r->n_not_fail > r->n_review || r->n_absent)
        h->log(h, SCO_LOG_INFO,
               sco_fmt(h,
                       "%.*s: %llu results of another kind than fail, %llu gone since the "
                       "baseline: not findings",
                       SCO_STR_ARG(r->tool_name), (unsigned long long)(r->n_not_fail - r->n_review),
                       (unsigned long long)r->n_absent));
    if (r->n_no_index)
        h->log(h, SCO_LOG_WARNING,
               sco_fmt(h, "%.*s: %llu locations name an artifact that the log does not have",
                       SCO_STR_ARG(r->tool_name), (unsigned long long)r->n_no_index));
}

int run_report(struct run *r, struct sco_errbuf *e)
{
    if (!sco_is(r->node, SCO_NODE_MAP)) {
        r->h->incomplete(r->h, sco_fmt(r->h, "run %zu is not an object", r->number));
        return 0;
    }
    int rc = set_tool(r);
    if (rc < 0)
        return rc;
    SCO_EACH (inv, sco_get(r->node, "invocations"))
        check_invocation(r, inv);
    const struct sco_node *results = sco_get(r->node, "results");
    if (sco_path(r->node, "externalPropertyFileReferences.results"))
        incomplete(r, "results are kept in other files, which were not read",
                   sco_str_make(NULL, 0));
    else if (!results || results->type == SCO_NODE_NULL)
        incomplete(r, "no results in the log: the tool did not run", sco_str_make(NULL, 0));
    else if (results->type != SCO_NODE_DEFERRED && results->type != SCO_NODE_LIST)
        incomplete(r, "the results are not a list", sco_str_make(NULL, 0));
    if (!results || results->type < SCO_NODE_LIST)
        return 0;
    places_setup(r);
    rc = rules_read(r, e);
    if (rc == 0)
        rc = read_results(r, results, e);
    if (rc == 0)
        tell_counts(r);
    return rc;
}
