/* A git repository, an archive or a folder as a private directory to be scanned.
 *
 * git runs as a program with a clean environment: no hooks, no configuration of the user or the
 * system, no prompts, only https, ssh and (when allowed) file; submodules and LFS off by default; a
 * token goes in through an askpass program of ours, never through an argument or an URL. Mirrors
 * are kept in `cache` and fetched under a lock, so that the next checkout fetches only what is new.
 *
 * For a process that does one thing: it becomes a subreaper, and every child that it has, by
 * whomever started, is killed when git has ended. */
#pragma once

#include <secureops/base.h>

struct sco_checkout_request {
    const char *url; /* https://, ssh://, user@host:path, file:///; or an absolute path: a folder,
                        or an archive .tar .tar.gz .tgz .zip */
    const char *revision; /* branch, tag or commit; "" or NULL: the default branch */
    const char *base;     /* a second revision, which is only fetched, with all that both have of
                             history: depth does not hold then; or NULL */
    const char *token;    /* for https; or NULL */
    const char *ssh_key;  /* file; or NULL */
    const char *ssh_key_text; /* the key itself, in the place of ssh_key; or NULL */
    const char *known_hosts;
    uint32_t depth; /* commits; 0: all */
    bool submodules;
    bool allow_local;  /* file:// and paths */
    const char *cache; /* folder of the mirrors; NULL: none are kept */
    const char *into;  /* folder that is there and empty */
    const char *git;   /* program; NULL: on the path */
    int64_t timeout_ms;
    uint64_t size_limit; /* bytes on disk of checkout and mirror; 0: 10 GiB */
    int cancel_fd;       /* readable: give up; -1: none */
};
struct sco_checkout {
    const char *root;                /* where it is: `into`, or the folder itself */
    const char *repository;          /* URL without user and password */
    const char *branch, *commit_sha; /* or NULL */
    const char *base_sha;            /* of the request's base; or NULL */
    struct sco_arena arena;
};
/* SCO_E_NOT_FOUND: no such repository or revision; SCO_E_PERMISSION: it wants credentials, or is
 * not allowed; SCO_E_NETWORK; SCO_E_TIMEOUT; SCO_E_LIMIT; SCO_E_CANCELLED. With git's own words,
 * without anything secret in them. */
int sco_checkout(const struct sco_checkout_request *q, struct sco_checkout *ret,
                 struct sco_error *err) SCO_NODISCARD;
void sco_checkout_done(struct sco_checkout *c);
/* First thing in the main() of a program that checks out: git asks for the token by starting that
 * program again. True: this was such a question, it is answered, and *ret_status is to be returned.
 */
bool sco_checkout_askpass(int argc, char **argv, int *ret_status);
/* Removes the mirrors that nobody has used for longest until `cache` is below the limit. */
int sco_checkout_trim(const char *cache, uint64_t limit, struct sco_error *err) SCO_NODISCARD;
/* "https://user:pw@host/a.git/" -> "https://host/a": what repositories are known by. */
void sco_repository_normal(struct sco_str url, struct sco_buf *out);
/* Whether its path is one that means itself: no "." or ".." as a part, also escaped, no query and
 * no fragment. Scopes are compared with names, and servers resolve such paths. */
bool sco_repository_is_plain(struct sco_str url);
/* Appends the host of such an URL in lower case; nothing when it has none. */
void sco_repository_host(struct sco_str url, struct sco_buf *out);
/* Whether it is the repository `name` ("acme/shop") of the platform at `server`: an http or https
 * URL, with the path that all of its repositories have in common. https may stand for a server's
 * http; of ssh the host and the path are compared. */
bool sco_repository_is_at(struct sco_str url, struct sco_str server, struct sco_str name);
/* Whether git asks for it by ssh. */
bool sco_repository_is_ssh(struct sco_str url);
