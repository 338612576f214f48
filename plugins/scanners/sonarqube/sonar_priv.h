/* What the files of the SonarQube plugin share. Issues come from a server's web API, from saved
 * answers of it (single, or in a ZIP archive), and from the reports of sonar-report (JSON, HTML).
 */
#pragma once

#include <stddef.h>

#include "../../common/html.h"
#include "../../common/report.h"
#include "../../common/web.h"

#define SONAR_TOOL "SonarQube"

enum {
    SONAR_RULES_MAX = 20000,
    SONAR_RULE_TEXT_MAX = 16 << 10,
    SONAR_CWES_MAX = 16,
    SONAR_REFERENCES_MAX = 16,
    SONAR_PAGE = 500,          /* the server's limit */
    SONAR_RESULTS_MAX = 10000, /* of one search: the server's limit */
    SONAR_ZIP_MEMBERS_MAX = 1000,
    SONAR_ZIP_MEMBER_MAX = 256 << 20,
    SONAR_HTML_MAX = 256 << 20,
};

struct sonar_rules;

struct sonar { /* the plugin's context */
    const struct sco_host *h;
    struct sco_str url, token, project_key, branch, pull_request, ca_file, proxy, program, analyze;
    struct sco_str_list types, properties;
    int64_t hotspots, rule_details, resolved, create_project, insecure, task_timeout, poll_interval;
    double rate;
    struct sonar_rules *rules;
    int live;                            /* from a server: keys identify */
    uint64_t n_resolved, n_from_hotspot; /* left out */
};

/* ---- sonar_rule.c: what is known of rules, each text once ---- */
struct sonar_rule {
    struct sco_str key, name, description, remediation;
    struct sco_str cwes[SONAR_CWES_MAX], references[SONAR_REFERENCES_MAX];
    size_t n_cwes, n_references;
};
struct sonar_rule *sonar_rule_find(struct sonar *s, struct sco_str key);
/* The rule of this key, made when it is new; NULL: out of memory, or too many. */
struct sonar_rule *sonar_rule_make(struct sonar *s, struct sco_str key);
/* Adds a text of HTML or Markdown to the description (or the remediation), with its CWEs and links.
 */
void sonar_rule_add(struct sonar *s, struct sonar_rule *r, struct sco_str text, int remediation);
/* An answer of api/rules/show, or a rule of a report. */
void sonar_rule_read(struct sonar *s, struct sonar_rule *r, const struct sco_node *node);

/* ---- sonar_issue.c ---- */
/* 0 (also when it is left out as resolved), REP_UNUSABLE, or an error. */
int sonar_issue(struct sonar *s, struct rep_doc *doc, const struct sco_node *issue);
int sonar_hotspot(struct sonar *s, struct rep_doc *doc, const struct sco_node *hotspot);
/* An issue of sonar-report: all texts as they stand there. */
struct sonar_row {
    struct sco_str rule, severity, component, line, description, message, key;
};
int sonar_row(struct sonar *s, struct rep_doc *doc, const struct sonar_row *row);
void sonar_tell_left_out(struct sonar *s);

/* ---- reading files ---- */
int sonar_parse(void *ctx, const struct sco_input *in, struct sco_errbuf *e);
int sonar_parse_document(struct sonar *s, struct rep_doc *doc); /* doc->root is read */
int sonar_parse_html(struct sonar *s, struct rep_doc *doc, struct sco_str html);
int sonar_parse_zip(struct sonar *s, struct sco_str zip, struct sco_errbuf *e);
/* The whole file in memory that free() ends. */
int sonar_read_file(const char *path, size_t limit, struct sco_str *ret, struct sco_errbuf *e);

/* Raw deflate (RFC 1951). Fills exactly `out`; 0, or SCO_E_PARSE for anything else. */
int sonar_inflate(struct sco_str in, unsigned char *out, size_t n_out);

/* ---- the server ---- */
struct sonar_session {
    struct sonar *s;
    struct web w;
    const struct sco_job *job;
    const char *key;                 /* of the project, encoded by web_url */
    const char *analysis;            /* id, when this run made one */
    const char *component_parameter; /* "components", before 10.2 "componentKeys" */
    struct rep_doc doc;
    struct sco_errbuf *e;
};
int sonar_run(void *ctx, const struct sco_job *job, struct sco_errbuf *e);
/* sonar-scanner and its background task. 0; 1: the program is not there; or an error. */
int sonar_analyze(struct sonar_session *x);
int sonar_fetch_issues(struct sonar_session *x);
int sonar_fetch_hotspots(struct sonar_session *x);
/* Reads the rule from the server when it is not known yet. */
int sonar_need_rule(struct sonar_session *x, struct sco_str key);
