/* Cron expressions. */
#include <secureops/cron.h>
