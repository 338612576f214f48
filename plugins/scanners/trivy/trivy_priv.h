/* Shared by the files of the Trivy plugin. */
#pragma once

#include "../../common/report.h"

#define TRIVY_TOOL "Trivy"

struct trivy {
    const struct sco_host *h;
    struct sco_str_list scanners;
    struct sco_str command, server, token, ignore_file, vex, config;
    int64_t update_checks, ignore_unfixed, dev_dependencies;
};

/* A line of a lock file that names a package. */
struct trivy_package {
    struct sco_str name, version;
    int64_t line, end_line;
};

/* One of `Results[]`, and what surrounds it. Texts live until the job ends. */
struct trivy_result {
    struct sco_str target, class_name, type;
    struct sco_str object;          /* Kubernetes report: "namespace/Kind/name" */
    struct trivy_package *packages; /* sorted by trivy_package_order */
    size_t n_packages, cap_packages;
};

struct trivy_parse {
    struct trivy *t;
    struct rep_doc doc;
    struct trivy_result result;
    struct sco_str artifact;
    const struct sco_suppression *suppression; /* of the items that follow, or NULL */
    uint64_t results, objects;
};

int trivy_package_order(const void *a, const void *b); /* for qsort, bsearch */

/* ---- trivy_items.c: one function per kind of finding; `user` is the struct trivy_parse ---- */
int trivy_vulnerability(void *user, const struct sco_node *item);
int trivy_misconfiguration(void *user, const struct sco_node *item);
int trivy_secret(void *user, const struct sco_node *item);
int trivy_license(void *user, const struct sco_node *item);

int trivy_parse_report(void *ctx, const struct sco_input *in, struct sco_errbuf *e);
int trivy_run(void *ctx, const struct sco_job *job, struct sco_errbuf *e);
int trivy_inspect(void *ctx, const struct sco_job *job, struct sco_errbuf *e);
