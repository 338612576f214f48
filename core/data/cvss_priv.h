/* Vectors of all versions: a table of metrics, each with its values in the order of the table. */
#pragma once

#include <secureops/finding.h>

struct cvss_metric {
    const char *name;
    const char *values; /* "N A L P": separated by one space */
    bool required;
};

enum { CVSS_METRICS_MAX = 32, CVSS_ABSENT = 255 };

/* Reads "AV:N/AC:L/..." : got[i] is the index of metric i's value, or CVSS_ABSENT. SCO_E_FORMAT for
 * a metric or value that is not in the table, a metric twice, or a required one missing. */
int cvss_parse(struct sco_str s, const struct cvss_metric *metrics, size_t n, uint8_t *got);

int cvss2_score(struct sco_str s, double *ret);
int cvss3_score(struct sco_str s, bool is_31, double *ret);
int cvss4_score(struct sco_str s, double *ret);
