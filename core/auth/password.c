/* password */
#include <secureops/auth.h>
