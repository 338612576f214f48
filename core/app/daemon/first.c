/* The first start on a store: nobody is known to it, and somebody must become its administrator. A
 * setup token is made, good for one use, and told on the terminal or in the journal. */
#include "daemon_priv.h"

#include <secureops/crypto.h>
#include <unistd.h>

#define SCO_LOG_MODULE "daemon"
#include <secureops/log.h>

void daemon_first_start(struct daemon *d, struct sco_store *s)
{
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    struct sco_error err = {0};
    const char *token = NULL;
    int r = sco_auth_setup_token(d->auth, s, &arena, &token, &err);
    if (r < 0)
        sco_log_error("no setup token can be made: %s", err.text);
    if (r != 0)
        return;
    /* not through the log, which may go elsewhere and is kept: this is the one secret that a person
     * must be told */
    fprintf(stderr,
            "\n  Nobody has an account yet. Make the first administrator with this token, within "
            "the hour:\n\n    %s/setup?token=%s\n\n",
            wire_public_url(d), token);
}
