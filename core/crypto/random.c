/* Random bytes from the kernel, and what is written in hexadecimal. */
#include <secureops/crypto.h>

#include <errno.h>
#include <sys/random.h>

int sco_random(void *p, size_t n)
{
    for (char *at = p; n;) {
        ssize_t r = getrandom(at, n, 0);
        if (r < 0 && errno == EINTR)
            continue;
        if (r <= 0)
            return SCO_E_IO;
        at += r;
        n -= (size_t)r;
    }
    return 0;
}

void sco_hex(const uint8_t *p, size_t n, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = digits[p[i] >> 4];
        out[2 * i + 1] = digits[p[i] & 15];
    }
    out[2 * n] = 0;
}

void sco_uuid4(char out[37])
{
    uint8_t b[16];
    char hex[33];
    SCO_BUG_ON(sco_random(b, sizeof b) < 0); /* an id that is not random could meet another one */
    b[6] = (uint8_t)((b[6] & 0x0F) | 0x40);
    b[8] = (uint8_t)((b[8] & 0x3F) | 0x80);
    sco_hex(b, sizeof b, hex);
    static const uint8_t cuts[] = {8, 12, 16, 20, 32};
    size_t from = 0, to = 0;
    for (size_t i = 0; i < SCO_ARRAY_LEN(cuts); i++) {
        memcpy(out + to, hex + from, cuts[i] - from);
        to += cuts[i] - from;
        from = cuts[i];
        out[to++] = '-';
    }
    out[36] = 0;
}
