/* What the files of the ZAP plugin share. Alerts come from three places: a saved report (JSON,
 * XML), the API of a running ZAP, and a report that an automation plan wrote. All become struct
 * alert. */
#pragma once

#include <stddef.h>

#include "../../common/html.h"
#include "../../common/report.h"
#include "../../common/web.h"

#define ZAP_TOOL "ZAP"

enum {
    ZAP_INSTANCES_MAX = 1000, /* places of one finding; the others are counted */
    ZAP_ALERTS_MAX = 500000,  /* taken over the API */
    ZAP_GROUPS_MAX = 50000,
    ZAP_PAGE = 500,
    ZAP_REFERENCES_MAX = 50,
    ZAP_PARAMETERS_MAX = 20,
};

struct zap { /* the plugin's context */
    const struct sco_host *h;
    struct sco_str url, api_key, program, plan, scan_policy, instances, ca_file;
    int64_t insecure, spider, ajax_spider, active, evidence, insights;
    int64_t max_duration, passive_wait, poll_interval;
    double rate;
};

struct instance {
    struct sco_str url, method, param, attack, evidence;
};

struct alert { /* all texts borrowed */
    struct sco_str plugin_id, ref, name, risk, confidence, description, solution, other, reference;
    struct sco_str cwe, wasc, site, count;
    const struct instance *instances;
    size_t n_instances;
    uint64_t n_total; /* instances, also those beyond ZAP_INSTANCES_MAX */
};

/* "https://host:8443" of a URL; {NULL, 0} when it is none. */
struct sco_str zap_site_of(struct sco_str url);
/* Emits the finding of an alert, or one for each instance. 0, REP_UNUSABLE, or an error. */
int zap_report(struct zap *z, struct rep_doc *doc, const struct alert *a);

int zap_parse(void *ctx, const struct sco_input *in, struct sco_errbuf *e);
int zap_run(void *ctx, const struct sco_job *job, struct sco_errbuf *e);
int zap_run_api(struct zap *z, const struct sco_job *job, struct sco_errbuf *e);
int zap_run_plan(struct zap *z, const struct sco_job *job, struct sco_errbuf *e);

/* Alerts of the API, which come one by one, put together by site and kind. */
struct zap_groups;
struct zap_groups *zap_groups_new(struct zap *z);
/* Copies what it keeps. 0, REP_UNUSABLE, SCO_E_LIMIT, SCO_E_NOMEM. */
int zap_groups_add(struct zap_groups *g, const struct sco_node *alert);
int zap_groups_report(struct zap_groups *g, struct rep_doc *doc);
