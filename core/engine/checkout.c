/* Checkouts. */
#include <secureops/checkout.h>
