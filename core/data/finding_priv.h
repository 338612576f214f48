/* What the files of the finding model share. */
#pragma once

#include <secureops/finding.h>

enum {
    FINDING_TITLE_MAX = 500,
    FINDING_LONG_MAX = 16 << 10, /* description, remediation */
    FINDING_TEXT_MAX = 4 << 10,  /* any other text */
    FINDING_IDS_MAX = 64,
    FINDING_CWES_MAX = 64,
    FINDING_REFERENCES_MAX = 256,
    FINDING_LOCATIONS_MAX = 1000,
    FINDING_SUPPRESSIONS_MAX = 64,
    FINDING_METADATA_MAX = 128,
    FINDING_TOOLS_MAX = 64,
};

/* Texts of at least this many bytes are sent once per worker and then by number. */
enum { WIRE_LONG = 48, WIRE_DEFINITIONS_MAX = 65536, WIRE_DEPTH_MAX = 4 };

/* Records of the pool that finding.h does not name; padding of the items must be zero. */
const struct sco_places *sco_pool_places(struct sco_pool *p, const struct sco_place *v, uint32_t n);
const struct sco_suppresseds *sco_pool_suppresseds(struct sco_pool *p,
                                                   const struct sco_suppressed *v, uint32_t n);
const struct sco_package *sco_pool_package(struct sco_pool *p, const struct sco_package *k);

const char *sco_suppression_name(uint32_t kind); /* "inline"; NULL: no such kind */
