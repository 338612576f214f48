/* Threads of the loop. */
#include <secureops/threads.h>
