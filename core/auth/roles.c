/* Roles and permissions. */
#include <secureops/auth.h>
