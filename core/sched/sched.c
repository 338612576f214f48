/* The clockwork. */
#include <secureops/sched.h>
