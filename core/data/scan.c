/* Names of what a scan has. */
#include <secureops/scan.h>

const char *const sco_scan_verdicts[SCO_SCAN_VERDICTS] = {"pass", "fail",  "unknown",
                                                          "skip", "error", "not_applicable"};
const char *const sco_scan_documents[SCO_SCAN_DOCUMENTS] = {"parsed", "partial", "skipped",
                                                            "failed"};

const char *sco_run_status_name(enum sco_run_status s)
{
    static const char *const names[SCO_RUN_STATUS_MAX_] = {
        [SCO_RUN_STATUS_COMPLETED] = "completed", [SCO_RUN_STATUS_INCOMPLETE] = "incomplete",
        [SCO_RUN_STATUS_FAILED] = "failed",       [SCO_RUN_STATUS_TIMEOUT] = "timeout",
        [SCO_RUN_STATUS_MISSING] = "missing",     [SCO_RUN_STATUS_SKIPPED] = "skipped",
    };
    return (unsigned)s < SCO_RUN_STATUS_MAX_ ? names[s] : "unknown";
}

const char *sco_scan_status(const struct sco_scan *scan)
{
    if (scan->cancelled)
        return "cancelled";
    for (size_t i = 0; i < scan->n_runs; i++)
        if (scan->runs[i].counts && scan->runs[i].status != SCO_RUN_STATUS_COMPLETED)
            return "incomplete";
    return scan->gate.result == SCO_GATE_INCOMPLETE ? "incomplete" : "completed";
}
