/* jwt */
#include <secureops/auth.h>
