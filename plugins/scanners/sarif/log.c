/* A log as a stream: rules are kept, results pass one by one. What the plugin for SARIF and the one
 * for described scanners have in common. */
#include "sarif_priv.h"

static const char *const deferred[] = {"results",
                                       "rules",
                                       "artifacts",
                                       "logicalLocations",
                                       "graphs",
                                       "webRequests",
                                       "webResponses",
                                       "addresses",
                                       "threadFlowLocations",
                                       "taxa",
                                       "files",
                                       "translations",
                                       "policies",
                                       "notifications",
                                       "conversion",
                                       "runAggregates",
                                       NULL};

static int check_version(const struct sco_node *log, struct sco_errbuf *e)
{
    struct sco_str v = text_trim(sco_text(sco_get(log, "version")));
    if (!v.n || sco_str_starts(v, "2.1") || sco_str_starts(v, "2.0"))
        return 0;
    return sco_errf(e, SCO_E_FORMAT, "SARIF version %.*s is not supported, only 2.1.0 is",
                    SCO_STR_ARG(v));
}

static int read_runs(struct sarif *s, const struct sco_input *in, struct sco_reader *reader,
                     const struct sco_node *runs, struct sco_errbuf *e)
{
    size_t number = 0;
    SCO_EACH (node, runs) {
        /* large: the base tables are in it */
        struct run *r = s->h->alloc(s->h, sizeof *r);
        if (!r)
            return sco_errf(e, SCO_E_NOMEM, "out of memory");
        r->s = s;
        r->h = s->h;
        r->reader = reader;
        r->node = node;
        r->root = sco_str_c(in->root);
        r->number = number++;
        int rc = run_report(r, e);
        if (rc < 0)
            return rc;
    }
    if (number == 0)
        return sco_errf(e, SCO_RUN_INCOMPLETE, "the log holds no run: no tool has run");
    return 0;
}

static int read_log(struct sarif *s, const struct sco_input *in, struct sco_reader *reader,
                    struct sco_errbuf *e)
{
    const struct sco_data_api *data = s->h->data;
    const struct sco_node *log = NULL;
    int rc = data->read(reader, deferred, &log, e);
    if (rc < 0)
        return rc;
    if (rc == 0)
        return sco_errf(e, SCO_E_PARSE, "the file is empty");
    const struct sco_node *runs = sco_get(log, "runs");
    if (!sco_is(log, SCO_NODE_MAP) || !runs)
        return sco_errf(e, SCO_E_FORMAT, "not a SARIF log: no \"runs\" at its top");
    if (!sco_is(runs, SCO_NODE_LIST))
        return sco_errf(e, SCO_E_FORMAT, "not a SARIF log: \"runs\" is not a list");
    if ((rc = check_version(log, e)) < 0)
        return rc;
    int more = 0;
    SCO_EACH (x, sco_get(log, "inlineExternalProperties"))
        more |= sco_get(x, "results") != NULL;
    rc = read_runs(s, in, reader, runs, e);
    if (rc >= 0 && more)
        s->h->incomplete(s->h, SCO_STR("results in inline external properties were not read"));
    if (rc >= 0 && data->read(reader, NULL, &log, NULL) != 0)
        return sco_errf(e, SCO_E_PARSE, "there is more after the end of the log");
    return rc;
}

int sarif_parse(struct sarif *s, const struct sco_input *in, struct sco_errbuf *e)
{
    struct sco_reader *reader = NULL;
    int rc = s->h->data->open(s->h, in->path, &reader, e);
    if (rc < 0)
        return rc;
    rc = read_log(s, in, reader, e);
    s->h->data->close(reader);
    return rc;
}
