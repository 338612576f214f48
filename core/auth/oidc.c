/* oidc */
#include <secureops/auth.h>
