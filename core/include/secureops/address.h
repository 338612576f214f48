/* Where network addresses lead to: for requests to places that others have named. */
#pragma once

#include <secureops/base.h>

struct sockaddr;

enum sco_address_reach {
    SCO_REACH_PUBLIC,
    SCO_REACH_PRIVATE, /* networks of an organisation or a provider, examples, translations */
    SCO_REACH_OWN,     /* this machine and its link: loopback, link-local, multicast, 0/8 */
};
/* By the address alone: IPv4 and IPv6, with IPv4 in mapped, NAT64 and 6to4 ones. Of another family:
 * SCO_REACH_OWN. */
enum sco_address_reach sco_address_reach(const struct sockaddr *a);
/* Whether one of this machine's interfaces has it. */
bool sco_address_is_mine(const struct sockaddr *a);
