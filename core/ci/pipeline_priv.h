/* Own pipelines between their readers: values of the YAML (pipeline_value.c), the matrix of a stage
 * (pipeline_matrix.c), stages and their order (pipeline.c). */
#pragma once

#include <secureops/pipeline.h>
#include <secureops/yaml.h>

struct pipeline_reading {
    const char *file;
    struct sco_arena *arena;
    struct sco_error *err;
};
/* ---- pipeline_value.c: each says where it is wrong; outputs are left alone for `v` NULL ---- */
int pipeline_wrong(struct pipeline_reading *rd, const struct sco_yaml *at, const char *fmt, ...)
    SCO_PRINTF(3, 4) SCO_NODISCARD;
/* A map without other members than these. */
int pipeline_map(struct pipeline_reading *rd, const struct sco_yaml *v, const char *what,
                 const char *const *names, size_t n) SCO_NODISCARD;
const struct sco_yaml *pipeline_get(const struct sco_yaml *map, const char *name);
int pipeline_text(struct pipeline_reading *rd, const struct sco_yaml *v, size_t max,
                  const char **ret) SCO_NODISCARD;
int pipeline_bool(struct pipeline_reading *rd, const struct sco_yaml *v, bool *ret) SCO_NODISCARD;
int pipeline_number(struct pipeline_reading *rd, const struct sco_yaml *v, int64_t min, int64_t max,
                    uint32_t *ret) SCO_NODISCARD;
int pipeline_duration(struct pipeline_reading *rd, const struct sco_yaml *v,
                      int64_t *ret) SCO_NODISCARD;
int pipeline_condition(struct pipeline_reading *rd, const struct sco_yaml *v,
                       const char **ret) SCO_NODISCARD;
/* A list of texts, or one text; NULL-terminated. */
int pipeline_texts(struct pipeline_reading *rd, const struct sco_yaml *v, size_t max_n,
                   const char *const **ret) SCO_NODISCARD;
/* Relative, and nowhere out of the folder that it starts at. */
int pipeline_path(struct pipeline_reading *rd, const struct sco_yaml *v,
                  const char *path) SCO_NODISCARD;
bool pipeline_is_variable(struct sco_str name);
/* `base` with the members of a map instead of, or behind those of their name. */
int pipeline_env(struct pipeline_reading *rd, const struct sco_yaml *v, const char *const *base,
                 const char *const **ret) SCO_NODISCARD;
/* A variable more: NAME, value. */
int pipeline_env_add(struct pipeline_reading *rd, const char *const *base, const char *name,
                     const char *value, const char *const **ret) SCO_NODISCARD;
/* Members of a scan request, as JSON. */
int pipeline_scan(struct pipeline_reading *rd, const struct sco_yaml *v,
                  const char **ret) SCO_NODISCARD;

/* ---- pipeline_matrix.c ---- */
struct pipeline_combination {
    const char *suffix;     /* " (3.11, linux)"; "" without a matrix */
    const char *const *env; /* of stage and matrix */
};
int pipeline_matrix(struct pipeline_reading *rd, const struct sco_yaml *matrix,
                    const struct sco_yaml *exclude, const char *const *env,
                    struct pipeline_combination **ret, size_t *ret_n) SCO_NODISCARD;
