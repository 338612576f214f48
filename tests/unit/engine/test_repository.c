/* Names of repositories: all ways to one repository have one name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <secureops/checkout.h>

static const struct {
    const char *url, *normal, *host;
} rows[] = {
    {"https://user:pw@Host.example/a.git/", "https://host.example/a", "host.example"},
    {"https://host/a/b", "https://host/a/b", "host"},
    {"HTTPS://host:443/a/B.git", "https://host/a/B", "host"},
    {"https://host:8443/a.git", "https://host:8443/a", "host"},
    {"git@host:a/b.git", "https://host/a/b", "host"},
    {"ssh://git@host/a/b.git", "https://host/a/b", "host"},
    {"ssh://git@host:22/a/b/", "https://host/a/b", "host"},
    {"ssh://git@host:2222/a/b.git", "ssh://host:2222/a/b", "host"},
    {"host:/a/b.git", "https://host/a/b", "host"},
    {"https://a@b@host/x", "https://host/x", "host"},
    {"https://host", "https://host", "host"},
    {"https://host/.git", "https://host/.git", "host"},
    {"https://[::1]:8443/x.git", "https://[::1]:8443/x", "[::1]:8443"},
    {"file:///srv/a.git", "/srv/a.git", ""},
    {"/srv/a/", "/srv/a", ""},
    {"/", "/", ""},
    {"/srv/a:b", "/srv/a:b", ""},
    {"name", "name", ""},
    {"  https://host/a  ", "https://host/a", "host"},
    {"", "", ""},
};

static void names(void **state)
{
    (void)state;
    for (size_t i = 0; i < SCO_ARRAY_LEN(rows); i++) {
        SCO_AUTO(sco_buf) struct sco_buf once = {0}, again = {0}, host = {0};
        sco_repository_normal(sco_str_c(rows[i].url), &once);
        assert_string_equal(sco_buf_z(&once), rows[i].normal);
        sco_repository_normal(sco_buf_str(&once), &again);
        assert_string_equal(sco_buf_z(&again), rows[i].normal);
        sco_repository_host(sco_str_c(rows[i].url), &host);
        assert_string_equal(sco_buf_z(&host), rows[i].host);
    }
}

static void paths_that_mean_others(void **state)
{
    static const char *const plain[] = {
        "https://host/a/b.git",   "https://host/a..b/.git", "name",
        "https://host/a/.../b",   "git@host:a/b",           "",
        "https://host/a/.b/c%20", "https://host/a//b",      "/srv/../x",
        "https://host",           "https://host/%2e%2ea"};
    static const char *const not_plain[] = {
        "https://host/a/../b", "https://host/..",         "git@host:a/../b",
        "host:../b",           "https://host/a/%2e%2E/b", "https://host/a/.%2e/b",
        "https://host/./a",    "https://host/a%2f../b",   "https://host/a/..%5Cb",
        "https://host/a?b",    "https://host/a#/b",       "ssh://git@host/a/../b/c",
        "https://host/a/b/..", "https://host/a\\..\\b"};
    (void)state;
    for (size_t i = 0; i < SCO_ARRAY_LEN(plain); i++)
        if (!sco_repository_is_plain(sco_str_c(plain[i])))
            fail_msg("%s", plain[i]);
    for (size_t i = 0; i < SCO_ARRAY_LEN(not_plain); i++)
        if (sco_repository_is_plain(sco_str_c(not_plain[i])))
            fail_msg("%s", not_plain[i]);
}

static void of_platforms(void **state)
{
    static const struct {
        const char *url, *server, *name;
        bool is;
    } urls[] = {
        {"https://github.com/acme/shop.git", "https://github.com", "acme/shop", true},
        {"https://GitHub.com:443/acme/shop/", "https://github.com/", "acme/shop", true},
        {"git@github.com:acme/shop.git", "https://github.com", "acme/shop", true},
        {"ssh://git@ssh.github.com:443/acme/shop", "https://github.com", "acme/shop", true},
        {"git@altssh.gitlab.com:a/b", "https://gitlab.com", "a/b", true},
        {"https://host/gitlab/a/b/c.git", "https://host/gitlab/", "a/b/c", true},
        {"git@host:a/b/c.git", "https://host/gitlab", "a/b/c", true},
        {"https://lab:8080/a/b", "http://lab:8080", "a/b", true},
        {"https://lab/a/b", "http://lab", "a/b", true},
        {"https://dev.azure.com/org/My%20Web/_git/site", "https://dev.azure.com/org", "My Web/site",
         true},
        {"git@ssh.dev.azure.com:v3/org/web/site", "https://dev.azure.com/org", "web/site", true},
        {"https://tfs/tfs/Main/web/_git/site", "https://tfs/tfs/Main", "web/site", true},
        {"https://evil.example/acme/shop", "https://github.com", "acme/shop", false},
        {"https://github.com.evil.example/acme/shop", "https://github.com", "acme/shop", false},
        {"git@xssh.github.com:acme/shop", "https://github.com", "acme/shop", false},
        {"git@ssh.evil.example:acme/shop", "https://github.com", "acme/shop", false},
        {"https://ssh.github.com/acme/shop", "https://github.com", "acme/shop", false},
        {"https://github.com:8443/acme/shop", "https://github.com", "acme/shop", false},
        {"https://github.com/acme/shop", "https://github.com:8443", "acme/shop", false},
        {"http://github.com/acme/shop", "https://github.com", "acme/shop", false},
        {"https://github.com/acme/shop", "https://github.com", "acme/other", false},
        {"https://github.com/acme/shop", "https://github.com", "acme", false},
        {"https://github.com/x/acme/shop", "https://github.com", "acme/shop", false},
        {"https://github.com/acme/x/../shop", "https://github.com", "acme/shop", false},
        {"https://host/gitlabs/a/b", "https://host/gitlab", "a/b", false},
        {"https://host/other/a/b", "https://host/gitlab", "a/b", false},
        {"https://host/a/b", "https://host/gitlab", "a/b", false},
        {"https://dev.azure.com/evil/web/_git/site", "https://dev.azure.com/org", "web/site",
         false},
        {"git@ssh.dev.azure.com:v3/evil/web/site", "https://dev.azure.com/org", "web/site", false},
        {"https://user@evil.example/acme/shop", "https://user", "acme/shop", false},
        {"/srv/acme/shop", "https://github.com", "acme/shop", false},
        {"https://github.com/", "https://github.com", "", false},
    };
    (void)state;
    for (size_t i = 0; i < SCO_ARRAY_LEN(urls); i++)
        if (sco_repository_is_at(sco_str_c(urls[i].url), sco_str_c(urls[i].server),
                                 sco_str_c(urls[i].name)) != urls[i].is)
            fail_msg("%s is %s at %s", urls[i].url, urls[i].name, urls[i].server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(names), cmocka_unit_test(of_platforms),
                                       cmocka_unit_test(paths_that_mean_others)};
    return cmocka_run_group_tests_name("repository", tests, NULL, NULL);
}
