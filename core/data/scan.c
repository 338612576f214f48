/* Names of what a scan has. */
#include <secureops/scan.h>

const char *sco_run_status_name(enum sco_run_status s)
{
    static const char *const names[SCO_RUN_STATUS_MAX_] = {
        [SCO_RUN_STATUS_COMPLETED] = "completed", [SCO_RUN_STATUS_INCOMPLETE] = "incomplete",
        [SCO_RUN_STATUS_FAILED] = "failed",       [SCO_RUN_STATUS_TIMEOUT] = "timeout",
        [SCO_RUN_STATUS_MISSING] = "missing",     [SCO_RUN_STATUS_SKIPPED] = "skipped",
    };
    return (unsigned)s < SCO_RUN_STATUS_MAX_ ? names[s] : "unknown";
}
