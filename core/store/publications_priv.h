/* Rows of publications. */
#pragma once

#include "store_priv.h"

#include <secureops/store_ci.h>

#define PUBLICATION_COLUMNS                                                                        \
    "SELECT p.id, p.integration, p.repository, p.marker, p.commit_sha, p.branch, p.context, "      \
    "p.steps, p.state, p.job_id, p.scan_id, p.reason, p.publication, p.pr_number, p.created_at, "  \
    "p.updated_at, p.revision, p.told, p.pk, j.kind, j.state, j.reason, j.attempt, j.not_before "  \
    "FROM publications p LEFT JOIN jobs j ON j.id = p.job_id "
enum { PUBLICATION_PK = 18 };

int publication_id(const char *id, uint8_t raw[16], struct sco_error *err) SCO_NODISCARD;
/* store_query: into a struct sco_publication_page that has room for it. */
int publication_row(void *user, const struct store_value *v, size_t n);
