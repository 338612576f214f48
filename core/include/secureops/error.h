/* Errors: a code of the closed list in plugin.h (SCO_E_*) and one line of text for a person.
 *
 * A function that can fail returns int: 0 is success, negative an SCO_E_*, positive an outcome that
 * it documents. The text goes into a nullable last parameter. Outputs are untouched on failure.
 * The struct is plain memory: no destructor. A text that does not fit ends with "...".
 */
#pragma once

#include <secureops/plugin.h>

#define SCO_NODISCARD __attribute__((warn_unused_result))

struct sco_error {
    int code;
    char text[1024];
};

/* Sets code and text; returns `code`. err may be NULL. */
int sco_error_set(struct sco_error *err, int code, const char *fmt, ...) SCO_PRINTF(3, 4);

/* The same with ": " and the text of the errno value `e`; the code follows from e (ENOENT gives
 * SCO_E_NOT_FOUND, EACCES and EPERM SCO_E_PERMISSION, ENOMEM SCO_E_NOMEM, else SCO_E_IO). */
int sco_error_errno(struct sco_error *err, int e, const char *fmt, ...) SCO_PRINTF(3, 4);

/* Puts `fmt` and ": " before the text that is there; returns the code that is there. */
int sco_error_prefix(struct sco_error *err, const char *fmt, ...) SCO_PRINTF(2, 3);

/* Out of memory; returns SCO_E_NOMEM. */
int sco_error_nomem(struct sco_error *err);

/* Name of a code, "timeout" for SCO_E_TIMEOUT; never NULL. */
const char *sco_error_name(int code);

/* Copies err's text to a plugin's buffer; returns the code. */
int sco_error_to_errbuf(const struct sco_error *err, int code, struct sco_errbuf *e);
