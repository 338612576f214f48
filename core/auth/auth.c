/* auth */
#include <secureops/auth.h>
