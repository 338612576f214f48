/* Sends a mail by the configured server. */
#include "mail.h"
#include "mail_format.h"
#include "mail_module.h"

#include <secureops/crypto.h>
#include <secureops/module.h>

enum { TIMEOUT_MS = 60000 };

int mail_send(const struct sco_config *c, const char *to, const char *subject, const char *text,
              struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf message = {0}, password = {0};
    const void *module = NULL;
    if (!c->smtp.url.n)
        return sco_error_set(err, SCO_E_UNSUPPORTED, "no mail can be sent: smtp.url is not set");
    struct mail_text t = {
        .from = c->smtp.from.p, .to = to, .subject = subject, .text = text, .now = sco_now_ms()};
    int r = mail_format(&t, &message, err);
    if (r == 0 && c->smtp.password.n)
        r = sco_secret_resolve(c->smtp.password, &password, err);
    if (r == 0)
        r = sco_module_load("mail", NULL, MAIL_MODULE_SYMBOL, sizeof(struct mail_module), &module,
                            err);
    if (r == 0) {
        struct mail m = {.url = c->smtp.url.p,
                         .user = c->smtp.user.n ? c->smtp.user.p : NULL,
                         .password = sco_buf_z(&password),
                         .from = t.from,
                         .to = to,
                         .message = sco_buf_str(&message),
                         .timeout_ms = TIMEOUT_MS};
        r = ((const struct mail_module *)module)->send(&m, err);
    }
    if (password.p)
        sco_wipe(password.p, password.cap);
    return r;
}
