/* Where addresses lead to. */
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stddef.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <secureops/address.h>
#include <sys/socket.h>
#include <sys/un.h>

union place {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_un un;
};

static union place place(const char *text)
{
    union place p = {.any = {.sa_family = AF_INET}};
    if (inet_pton(AF_INET, text, &p.v4.sin_addr) == 1)
        return p;
    p.v6 = (struct sockaddr_in6){.sin6_family = AF_INET6};
    assert_int_equal(inet_pton(AF_INET6, text, &p.v6.sin6_addr), 1);
    return p;
}

static void reach(void **state)
{
    static const struct {
        const char *text;
        enum sco_address_reach is;
    } rows[] = {
        {"1.1.1.1", SCO_REACH_PUBLIC},
        {"9.255.255.255", SCO_REACH_PUBLIC},
        {"11.0.0.0", SCO_REACH_PUBLIC},
        {"100.63.255.255", SCO_REACH_PUBLIC},
        {"100.128.0.0", SCO_REACH_PUBLIC},
        {"126.255.255.255", SCO_REACH_PUBLIC},
        {"128.0.0.0", SCO_REACH_PUBLIC},
        {"169.253.255.255", SCO_REACH_PUBLIC},
        {"172.15.255.255", SCO_REACH_PUBLIC},
        {"172.32.0.0", SCO_REACH_PUBLIC},
        {"192.167.255.255", SCO_REACH_PUBLIC},
        {"223.255.255.255", SCO_REACH_PUBLIC},
        {"2606:4700::1111", SCO_REACH_PUBLIC},
        {"::ffff:1.1.1.1", SCO_REACH_PUBLIC},
        {"64:ff9b::1.1.1.1", SCO_REACH_PUBLIC},
        {"10.0.0.1", SCO_REACH_PRIVATE},
        {"100.64.0.1", SCO_REACH_PRIVATE},
        {"100.127.255.255", SCO_REACH_PRIVATE},
        {"172.16.0.1", SCO_REACH_PRIVATE},
        {"172.31.255.255", SCO_REACH_PRIVATE},
        {"192.168.255.255", SCO_REACH_PRIVATE},
        {"198.19.0.1", SCO_REACH_PRIVATE},
        {"fc00::1", SCO_REACH_PRIVATE},
        {"fd00:ec2::254", SCO_REACH_PRIVATE},
        {"fec0::1", SCO_REACH_PRIVATE},
        {"64:ff9b::10.0.0.1", SCO_REACH_PRIVATE},
        {"64:ff9b:1::1.1.1.1", SCO_REACH_PRIVATE},
        {"::ffff:192.168.0.1", SCO_REACH_PRIVATE},
        {"2002:101:101::1", SCO_REACH_PRIVATE},
        {"2001:0:1::1", SCO_REACH_PRIVATE},
        {"2001:db8::1", SCO_REACH_PRIVATE},
        {"100::1", SCO_REACH_PRIVATE},
        {"0.0.0.0", SCO_REACH_OWN},
        {"0.1.2.3", SCO_REACH_OWN},
        {"127.0.0.1", SCO_REACH_OWN},
        {"127.255.255.255", SCO_REACH_OWN},
        {"168.63.129.16", SCO_REACH_OWN},
        {"169.254.169.254", SCO_REACH_OWN},
        {"224.0.0.1", SCO_REACH_OWN},
        {"240.0.0.1", SCO_REACH_OWN},
        {"255.255.255.255", SCO_REACH_OWN},
        {"::", SCO_REACH_OWN},
        {"::1", SCO_REACH_OWN},
        {"::7f00:1", SCO_REACH_OWN},
        {"::ffff:127.0.0.1", SCO_REACH_OWN},
        {"::ffff:169.254.169.254", SCO_REACH_OWN},
        {"64:ff9b::127.0.0.1", SCO_REACH_OWN},
        {"64:ff9b::a9fe:a9fe", SCO_REACH_OWN},
        {"2002:7f00:1::1", SCO_REACH_OWN},
        {"fe80::1", SCO_REACH_OWN},
        {"febf::1", SCO_REACH_OWN},
        {"ff02::1", SCO_REACH_OWN},
    };
    (void)state;
    for (size_t i = 0; i < SCO_ARRAY_LEN(rows); i++) {
        union place p = place(rows[i].text);
        if (sco_address_reach(&p.any) != rows[i].is)
            fail_msg("%s", rows[i].text);
    }
    union place un = {.any = {.sa_family = AF_UNIX}};
    assert_int_equal(sco_address_reach(&un.any), SCO_REACH_OWN);
}

static void mine(void **state)
{
    union place loopback = place("127.0.0.1"), mapped = place("::ffff:127.0.0.1"),
                other = place("192.0.2.1");
    (void)state;
    assert_true(sco_address_is_mine(&loopback.any));
    assert_true(sco_address_is_mine(&mapped.any));
    assert_false(sco_address_is_mine(&other.any));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(reach), cmocka_unit_test(mine)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
