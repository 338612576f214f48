/* The first start on a store: nobody is known to it, and somebody must become its administrator. A
 * setup token is made, good for one use, and told on the terminal or in the journal. */
#include "daemon_priv.h"

#include <secureops/crypto.h>
#include <unistd.h>

#define SCO_LOG_MODULE "daemon"
#include <secureops/log.h>

/* The key was replaced: what the old one sealed is sealed anew, and it can be thrown away. */
void daemon_rotate(struct daemon *d, struct sco_store *s)
{
    struct sco_error err = {0};
    uint64_t n = 0;
    if (!d->keys.has_old)
        return;
    if (sco_auth_rotate(d->auth, s, &n, &err) < 0)
        sco_log_error("what the old key sealed cannot be sealed anew, it is tried again within "
                      "the hour: %s",
                      err.text);
    else if (n)
        sco_log_info("%llu secrets are sealed with the new key", (unsigned long long)n);
}

void daemon_first_start(struct daemon *d, struct sco_store *s)
{
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    struct sco_error err = {0};
    const char *token = NULL;
    d->met_store = true;
    int r = sco_auth_setup_token(d->auth, s, &arena, &token, &err);
    if (r < 0)
        sco_log_error("no setup token can be made: %s", err.text);
    if (r != 0)
        return;
    /* Not through the log, which may go elsewhere and is kept: this is the one secret that a person
     * must be told. Behind a "#": browsers send that to nobody, so that no proxy notes it. */
    fprintf(stderr,
            "\n  Nobody has an account yet. Make the first administrator with this token, within "
            "the hour:\n\n    %s/setup#token=%s\n\n",
            wire_public_url(d), token);
}
