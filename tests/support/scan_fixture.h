/* A finished scan, put together by hand for tests of reports, store and events. Everything lives in
 * the scan's arena; fixture_done frees it all. Out of memory aborts. */
#pragma once

#include <secureops/scan.h>

/* An empty scan of "app" that started at 2026-01-02T03:04:05Z and took 2.5 s. */
void fixture_init(struct sco_scan *s);
void fixture_done(struct sco_scan *s);

/* Both pointers are valid until the next one is added. */
struct sco_scanner_run *fixture_run(struct sco_scan *s, const char *name, const char *title,
                                    enum sco_run_status status);
/* Adds an open finding in src/file.c:10; the fingerprint follows from its number. */
struct sco_finding *fixture_finding(struct sco_scan *s, uint32_t type, uint32_t severity,
                                    const char *tool, const char *rule, const char *title);
void fixture_tool(struct sco_scan *s, struct sco_finding *f, const char *tool, const char *rule);
void fixture_package(struct sco_scan *s, struct sco_finding *f, const char *name,
                     const char *version, const char *fixed);
void fixture_suppress(struct sco_scan *s, struct sco_finding *f, uint32_t kind, const char *reason,
                      const char *expires);
const struct sco_strs *fixture_strs(struct sco_scan *s, const char *const *v); /* NULL-terminated */
const char *fixture_text(struct sco_scan *s, struct sco_str text);
/* Counts of the runs (by the first tool's name, that is the run's title) and of the summary. */
void fixture_count(struct sco_scan *s);
void fixture_gate(struct sco_scan *s, enum sco_gate_result result, int exit_status,
                  const char *reason);

/* One report as text; the caller frees it. */
#include <secureops/report.h>
struct sco_buf fixture_report(const struct sco_scan *s, enum sco_report_format f,
                              const struct sco_report_options *o);
