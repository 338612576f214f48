/* totp */
#include <secureops/auth.h>
