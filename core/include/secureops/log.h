/* Logging: JSON lines on stderr (or a file), one per event: time, level, module, message, fields.
 * Below sched nothing logs above DEBUG; errors travel in struct sco_error and are logged once.
 * A site that repeats is limited to 20 lines a second and says how many it left out. */
#pragma once

#include <secureops/base.h>

enum sco_log_format { SCO_LOG_TEXT, SCO_LOG_JSON };

/* Nothing below `level` (SCO_LOG_*) is written; 0 writes nothing. Default: WARNING, text. */
void sco_log_setup(int fd, uint32_t level, enum sco_log_format format);
bool sco_log_enabled(uint32_t level);
enum { SCO_LOG_EACH = 1 << 8 }; /* beside a level: the line is never left out (access logs) */
/* `fields`: key, value, key, value, ..., NULL. Control characters are made visible. */
void sco_log_write(uint32_t level, const char *module, const char *const *fields, const char *fmt,
                   ...) SCO_PRINTF(4, 5);
uint32_t sco_log_level_parse(struct sco_str s); /* error warning info debug; 0: none of them */

/* Each file: #define SCO_LOG_MODULE "exec" */
#define sco_log_error(...) sco_log_write(SCO_LOG_ERROR, SCO_LOG_MODULE, NULL, __VA_ARGS__)
#define sco_log_warning(...) sco_log_write(SCO_LOG_WARNING, SCO_LOG_MODULE, NULL, __VA_ARGS__)
#define sco_log_info(...) sco_log_write(SCO_LOG_INFO, SCO_LOG_MODULE, NULL, __VA_ARGS__)
#define sco_log_debug(...)                                                                         \
    do {                                                                                           \
        if (sco_log_enabled(SCO_LOG_DEBUG))                                                        \
            sco_log_write(SCO_LOG_DEBUG, SCO_LOG_MODULE, NULL, __VA_ARGS__);                       \
    } while (0)
