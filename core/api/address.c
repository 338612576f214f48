/* Addresses: whose X-Forwarded-For is believed, and who the client is then. */
#include "server_priv.h"

#include <arpa/inet.h>

struct ip {
    uint8_t b[16];
    int n; /* bytes: 4 or 16 */
};

static bool parse_ip(struct sco_str text, struct ip *ret)
{
    char z[64];
    if (text.n == 0 || text.n >= sizeof z)
        return false;
    memcpy(z, text.p, text.n);
    z[text.n] = 0;
    if (inet_pton(AF_INET, z, ret->b) == 1) {
        ret->n = 4;
        return true;
    }
    if (inet_pton(AF_INET6, z, ret->b) != 1)
        return false;
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    ret->n = 16;
    if (memcmp(ret->b, mapped, 12) == 0) { /* ::ffff:10.0.0.1 */
        memmove(ret->b, ret->b + 12, 4);
        ret->n = 4;
    }
    return true;
}

static bool parse_rule(const char *rule, struct ip *ret, int *ret_bits)
{
    struct sco_str rest = sco_str_c(rule), base;
    (void)sco_str_split(&rest, '/', &base);
    if (!parse_ip(base, ret))
        return false;
    int64_t bits = ret->n * 8;
    if (rest.p && sco_parse_i64(rest, 0, ret->n * 8, &bits) < 0)
        return false;
    *ret_bits = (int)bits;
    return true;
}

bool api_address_rule_valid(const char *rule)
{
    struct ip ip;
    int bits;
    return strcmp(rule, "unix") == 0 || parse_rule(rule, &ip, &bits);
}

bool api_address_trusted(const char *const *trusted, const char *address)
{
    struct ip ip, base;
    int bits;
    bool known = parse_ip(sco_str_c(address), &ip);
    for (; trusted && *trusted; trusted++) {
        if (strcmp(*trusted, address) == 0)
            return true;
        if (!known || !parse_rule(*trusted, &base, &bits) || base.n != ip.n)
            continue;
        int whole = bits / 8, rest = bits % 8;
        if (memcmp(base.b, ip.b, (size_t)whole) != 0)
            continue;
        if (rest == 0 || (base.b[whole] ^ ip.b[whole]) >> (8 - rest) == 0)
            return true;
    }
    return false;
}

/* From the right: the first address that is not a trusted proxy's is the client's; what stands left
 * of it, anybody may have written. */
void api_address_client(const char *const *trusted, const char *peer, struct sco_str forwarded,
                        char out[48])
{
    snprintf(out, 48, "%s", peer);
    while (forwarded.n && api_address_trusted(trusted, out)) {
        size_t at = forwarded.n;
        while (at && forwarded.p[at - 1] != ',')
            at--;
        struct sco_str item = sco_str_trim(sco_str_make(forwarded.p + at, forwarded.n - at));
        forwarded.n = at ? at - 1 : 0;
        struct ip ip;
        if (!parse_ip(item, &ip))
            return;
        if (!inet_ntop(ip.n == 4 ? AF_INET : AF_INET6, ip.b, out, 48))
            return;
    }
}

/* One customer of a provider has 2^64 IPv6 addresses and more, and is one for every throttle. */
void api_address_network(const char *address, char out[48])
{
    struct ip ip;
    snprintf(out, 48, "%s", address);
    if (!parse_ip(sco_str_c(address), &ip) || ip.n == 4)
        return;
    memset(ip.b + 8, 0, 8);
    if (!inet_ntop(AF_INET6, ip.b, out, 48))
        snprintf(out, 48, "%s", address);
}
