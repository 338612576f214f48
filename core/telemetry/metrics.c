/* Metrics. */
#include <secureops/telemetry.h>
