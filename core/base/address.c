/* Where a network address leads to, by its bits alone. Whoever may choose a name chooses what it
 * stands for, so that the address that is connected to is what has to be judged. */
#include <secureops/address.h>

#include <ifaddrs.h>
#include <netinet/in.h>
#include <string.h>

struct range4 {
    uint32_t from;
    uint8_t bits;
    enum sco_address_reach reach;
};

static const struct range4 v4[] = {
    {0x00000000, 8, SCO_REACH_OWN},      /* "this" network: Linux takes 0.0.0.0 for loopback */
    {0x0a000000, 8, SCO_REACH_PRIVATE},  /* RFC 1918 */
    {0x64400000, 10, SCO_REACH_PRIVATE}, /* carrier-grade NAT */
    {0x7f000000, 8, SCO_REACH_OWN},      /* loopback */
    {0xa83f8110, 32, SCO_REACH_OWN},     /* 168.63.129.16: the host of a machine at Azure */
    {0xa9fe0000, 16, SCO_REACH_OWN},     /* link-local: metadata services */
    {0xac100000, 12, SCO_REACH_PRIVATE}, /* RFC 1918 */
    {0xc0000000, 24, SCO_REACH_PRIVATE}, /* IETF protocols */
    {0xc0000200, 24, SCO_REACH_PRIVATE}, /* documentation; also the two below */
    {0xc0a80000, 16, SCO_REACH_PRIVATE}, /* RFC 1918 */
    {0xc6120000, 15, SCO_REACH_PRIVATE}, /* benchmarks */
    {0xc6336400, 24, SCO_REACH_PRIVATE}, {0xcb007100, 24, SCO_REACH_PRIVATE},
    {0xe0000000, 3, SCO_REACH_OWN}, /* multicast, reserved, broadcast */
};

static enum sco_address_reach reach_v4(uint32_t ip)
{
    for (size_t i = 0; i < SCO_ARRAY_LEN(v4); i++)
        if ((ip ^ v4[i].from) >> (32 - v4[i].bits) == 0)
            return v4[i].reach;
    return SCO_REACH_PUBLIC;
}

static uint32_t embedded(const uint8_t *b)
{
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static bool starts(const uint8_t *b, const char *with, size_t n)
{
    return memcmp(b, with, n) == 0;
}

/* Of what carries an IPv4 address within, that one counts; the worse of the two. */
static enum sco_address_reach within(const uint8_t *b, enum sco_address_reach least)
{
    enum sco_address_reach r = reach_v4(embedded(b));
    return r > least ? r : least;
}

static enum sco_address_reach reach_v6(const uint8_t *b)
{
    static const char zero[12] = {0};
    if (starts(b, zero, 10) && b[10] == 0xff && b[11] == 0xff) /* mapped */
        return within(b + 12, SCO_REACH_PUBLIC);
    if (starts(b, zero, 12)) /* ::, ::1, and IPv4-compatible ones, which nobody has */
        return SCO_REACH_OWN;
    if (starts(b, "\x00\x64\xff\x9b\0\0\0\0\0\0\0\0", 12)) /* NAT64 */
        return within(b + 12, SCO_REACH_PUBLIC);
    if (starts(b, "\x00\x64\xff\x9b\x00\x01", 6)) /* NAT64 of one's own network: RFC 8215 */
        return SCO_REACH_PRIVATE;
    if (starts(b, "\x20\x02", 2)) /* 6to4 */
        return within(b + 2, SCO_REACH_PRIVATE);
    if (starts(b, "\x20\x01\x00\x00", 4) || starts(b, "\x20\x01\x0d\xb8", 4)) /* Teredo; examples */
        return SCO_REACH_PRIVATE;
    if ((b[0] & 0xfe) == 0xfc || (b[0] == 0xfe && (b[1] & 0xc0) == 0xc0)) /* ULA; site-local */
        return SCO_REACH_PRIVATE;
    if (b[0] == 0xff || (b[0] == 0xfe && (b[1] & 0xc0) == 0x80)) /* multicast; link-local */
        return SCO_REACH_OWN;
    return (b[0] & 0xe0) == 0x20 ? SCO_REACH_PUBLIC : SCO_REACH_PRIVATE; /* 2000::/3 is all */
}

enum sco_address_reach sco_address_reach(const struct sockaddr *a)
{
    if (a->sa_family == AF_INET)
        return reach_v4(ntohl(((const struct sockaddr_in *)(const void *)a)->sin_addr.s_addr));
    if (a->sa_family == AF_INET6)
        return reach_v6(((const struct sockaddr_in6 *)(const void *)a)->sin6_addr.s6_addr);
    return SCO_REACH_OWN;
}

static bool same(const struct sockaddr *a, const struct sockaddr *b)
{
    const struct sockaddr_in *a4 = (const void *)a, *b4 = (const void *)b;
    const struct sockaddr_in6 *a6 = (const void *)a, *b6 = (const void *)b;
    if (a->sa_family != b->sa_family)
        return a->sa_family == AF_INET6 && b->sa_family == AF_INET &&
               IN6_IS_ADDR_V4MAPPED(&a6->sin6_addr) &&
               memcmp(a6->sin6_addr.s6_addr + 12, &b4->sin_addr, 4) == 0;
    if (a->sa_family == AF_INET)
        return a4->sin_addr.s_addr == b4->sin_addr.s_addr;
    return a->sa_family == AF_INET6 &&
           memcmp(&a6->sin6_addr, &b6->sin6_addr, sizeof a6->sin6_addr) == 0;
}

bool sco_address_is_mine(const struct sockaddr *a)
{
    struct ifaddrs *list = NULL;
    bool mine = false;
    if (getifaddrs(&list) < 0)
        return true; /* nobody can say that it is not */
    for (const struct ifaddrs *i = list; i && !mine; i = i->ifa_next)
        mine = i->ifa_addr && same(a, i->ifa_addr);
    freeifaddrs(list);
    return mine;
}
