/* Deliveries through an integration's worker: verify, then translate, as the daemon does with each,
 * and against the bare HMAC-SHA256 of the same bytes in the same run.
 *
 * bench_ci FILE [SECONDS]; FILE: a delivery of GitHub. $SECUREOPS_BUILD is the build folder, else
 * the one above this program. One line of JSON. */
#include <secureops/ci.h>
#include <secureops/crypto.h>
#include <secureops/fs.h>

#include <event2/event.h>
#include <stdlib.h>

enum { IN_FLIGHT = 256 };
static const char secret[] = "It's a Secret to Nobody";

static struct {
    struct event_base *base;
    struct sco_ci_pool *pool;
    struct sco_ci_delivery d;
    char library[1200], worker[1200], signature[80];
    int64_t end_ns;
    uint64_t verified, translated, failed;
    uint32_t flying;
    bool both;
} t;

static const char *library(void *user, const char *plugin)
{
    (void)user;
    (void)plugin;
    return t.library;
}

static void on_answer(void *user, const struct sco_ci_answer *a)
{
    struct sco_error err = {0};
    bool was_verify = user == NULL, more = sco_mono_ns() < t.end_ns;
    int r = 0;
    t.flying--;
    if (a->code < 0 && t.failed++ == 0)
        fprintf(stderr, "bench_ci: %s\n", a->reason ? a->reason : "failed");
    if (was_verify)
        t.verified++;
    else
        t.translated++;
    if (was_verify && t.both && a->code == 0)
        r = sco_ci_translate(t.pool, &t.d, on_answer, &t, &err);
    else if (more && !t.failed)
        r = sco_ci_verify(t.pool, &t.d, on_answer, NULL, &err);
    else
        r = 1;
    t.flying += r == 0;
    if (!t.flying)
        event_base_loopbreak(t.base);
}

/* Calls a second. */
static double measure(bool both, double seconds)
{
    struct sco_error err = {0};
    t.verified = t.translated = 0;
    t.both = both;
    int64_t start = sco_mono_ns();
    t.end_ns = start + (int64_t)(seconds * 1e9);
    for (int i = 0; i < IN_FLIGHT; i++)
        t.flying += sco_ci_verify(t.pool, &t.d, on_answer, NULL, &err) == 0;
    event_base_dispatch(t.base);
    return (double)t.verified * 1e9 / (double)(sco_mono_ns() - start);
}

static double measure_hmac(double seconds)
{
    uint8_t mac[SCO_SHA256_LEN];
    uint64_t n = 0;
    int64_t start = sco_mono_ns(), end = start + (int64_t)(seconds * 1e9);
    while (sco_mono_ns() < end)
        for (int i = 0; i < 100; i++, n++)
            sco_hmac_sha256(sco_str_c(secret), t.d.body, mac);
    return (double)n * 1e9 / (double)(sco_mono_ns() - start);
}

static int open_pool(const char *dir, struct sco_error *err)
{
    SCO_AUTO(sco_free) char *exe = sco_dir_exe();
    const char *given = getenv("SECUREOPS_BUILD");
    if (!exe)
        return sco_error_nomem(err);
    snprintf(t.worker, sizeof t.worker, "%s%s/bin/secureops-worker", given ? given : exe,
             given ? "" : "/..");
    snprintf(t.library, sizeof t.library, "%s%s/lib/secureops/plugins/github.so",
             given ? given : exe, given ? "" : "/..");
    char *real = sco_fs_realpath(t.library, err);
    if (!real)
        return SCO_E_NOT_FOUND;
    snprintf(t.library, sizeof t.library, "%s", real);
    free(real);
    struct sco_ci_pool_options o = {
        .base = t.base, .worker = t.worker, .work_dir = dir, .library = library};
    struct sco_integration one = {.name = "github",
                                  .plugin = "github",
                                  .enabled = true,
                                  .options = SCO_STR("{\"webhook_secret\":[\"It's a Secret to "
                                                     "Nobody\"]}")};
    int r = sco_ci_pool_new(&o, &t.pool, err);
    return r == 0 ? sco_ci_pool_set(t.pool, &one, 1, err) : r;
}

static void sign(void)
{
    uint8_t mac[SCO_SHA256_LEN];
    sco_hmac_sha256(sco_str_c(secret), t.d.body, mac);
    memcpy(t.signature, "sha256=", 7);
    sco_hex(mac, sizeof mac, t.signature + 7);
}

int main(int argc, char **argv)
{
    SCO_AUTO(sco_buf) struct sco_buf body = {0};
    SCO_AUTO(sco_free) char *dir = NULL;
    struct sco_error err = {0};
    int64_t seconds = 3;
    int r = argc < 2 ? sco_error_set(&err, SCO_E_INVALID, "usage: bench_ci FILE [SECONDS]")
                     : sco_fs_read(argv[1], 48 << 20, &body, &err);
    if (r == 0 && argc > 2)
        r = sco_parse_i64(sco_str_c(argv[2]), 1, 600, &seconds);
    if (r == 0)
        r = sco_fs_mkdtemp(NULL, "bench-ci", &dir, &err);
    t.base = event_base_new();
    if (r == 0)
        r = open_pool(dir, &err);
    if (r < 0) {
        fprintf(stderr, "bench_ci: %s\n", err.text);
        return 1;
    }
    t.d = (struct sco_ci_delivery){
        .integration = "github", .body = sco_buf_str(&body), .received_ms = sco_now_ms()};
    sign();
    const struct sco_pair headers[] = {
        {SCO_STR("x-github-event"), SCO_STR("push")},
        {SCO_STR("x-github-delivery"), SCO_STR("a7d3e166-d233-5f85-93b6-421b194b9ce5")},
        {SCO_STR("content-type"), SCO_STR("application/json")},
        {SCO_STR("user-agent"), SCO_STR("GitHub-Hookshot/044aadd")},
        {SCO_STR("x-hub-signature-256"), sco_str_c(t.signature)}};
    t.d.headers = headers;
    t.d.n_headers = SCO_ARRAY_LEN(headers);
    measure(false, 0.2); /* starts the worker */
    double hmac = measure_hmac(1), verify = measure(false, (double)seconds);
    double both = measure(true, (double)seconds);
    printf(
        "{\"bytes\":%zu,\"hmac_per_s\":%.0f,\"verify_per_s\":%.0f,\"verify_translate_per_s\":%.0f,"
        "\"verify_to_hmac\":%.3f,\"failed\":%llu}\n",
        body.n, hmac, verify, both, verify / hmac, (unsigned long long)t.failed);
    sco_ci_pool_free(t.pool);
    event_base_free(t.base);
    sco_fs_remove_tree(dir);
    return t.failed ? 1 : 0;
}
