/* Traces. */
#include <secureops/telemetry.h>
