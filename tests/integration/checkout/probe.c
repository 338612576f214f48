/* One checkout, asked for as NAME=VALUE arguments; the outcome as lines. Standard input that ends
 * cancels it. */
#include <secureops/checkout.h>
#include <stdlib.h>
#include <unistd.h>

static const char *get(int argc, char **argv, const char *name)
{
    size_t n = strlen(name);
    for (int i = 1; i < argc; i++)
        if (strncmp(argv[i], name, n) == 0 && argv[i][n] == '=')
            return argv[i] + n + 1;
    return NULL;
}

static int64_t number(int argc, char **argv, const char *name, int64_t absent)
{
    const char *text = get(argc, argv, name);
    return text ? strtoll(text, NULL, 10) : absent;
}

int main(int argc, char **argv)
{
    struct sco_error err = {0};
    struct sco_checkout c = {0};
    int status;
    if (sco_checkout_askpass(argc, argv, &status))
        return status;
    char token[256] = "";
    const char *token_fd = getenv("PROBE_TOKEN"); /* its number */
    if (token_fd && read((int)strtol(token_fd, NULL, 10), token, sizeof token - 1) < 0)
        return 2;
    if (get(argc, argv, "trim")) {
        uint64_t limit = (uint64_t)number(argc, argv, "limit", 0);
        return sco_checkout_trim(get(argc, argv, "trim"), limit, &err) < 0;
    }
    struct sco_checkout_request q = {
        .url = get(argc, argv, "url"),
        .revision = get(argc, argv, "revision"),
        .token = token,
        .depth = (uint32_t)number(argc, argv, "depth", 1),
        .submodules = number(argc, argv, "submodules", 0),
        .allow_local = number(argc, argv, "local", 1),
        .cache = get(argc, argv, "cache"),
        .into = get(argc, argv, "into"),
        .git = get(argc, argv, "git"),
        .timeout_ms = number(argc, argv, "timeout", 60000),
        .size_limit = (uint64_t)number(argc, argv, "size", 0),
        .cancel_fd = get(argc, argv, "cancel") ? STDIN_FILENO : -1,
    };
    int r = sco_checkout(&q, &c, &err);
    if (r < 0)
        printf("error=%s\ntext=%s\n", sco_error_name(r), err.text);
    else
        printf("root=%s\nrepository=%s\nbranch=%s\ncommit=%s\n", c.root, c.repository,
               c.branch ? c.branch : "", c.commit_sha ? c.commit_sha : "");
    sco_checkout_done(&c);
    return 0;
}
