/* seal */
#include <secureops/crypto.h>
