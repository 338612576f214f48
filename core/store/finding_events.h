/* Events of findings, within the store. */
#pragma once

#include "store_priv.h"

struct finding_event {
    const uint8_t *id, *fingerprint; /* 16 and 32 bytes */
    const char *repository, *branch, *scan_id;
    struct sco_str type, severity, title, rule_id, file_path, cve_id, tools; /* tools: by commas */
    int64_t line;
    double risk;
    enum sco_status status;
    bool resolved, reopened;
    const char *by, *reason; /* of a resolved one */
};
extern const char *const finding_event_types[2]; /* detected, resolved */
void finding_event_write(struct sco_buf *b, const struct finding_event *e);
/* In the transaction of the change; nothing without a source. Of `e`: from `status` on. */
int finding_event_tell(struct sco_store *s, int64_t pk, int64_t at, const struct finding_event *e,
                       struct sco_error *err) SCO_NODISCARD;
