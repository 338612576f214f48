/* Time zones. */
#include <secureops/cron.h>
