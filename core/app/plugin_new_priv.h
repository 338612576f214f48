/* secureops plugin new: writes a plugin of one's own from the template. */
#pragma once

#include <secureops/base.h>

/* Copies the template folder to `dest_dir`, which must not exist yet, and puts `name` where the
 * template says sample-scanner or sample-platform, in texts and in file names. A name is lower-case
 * letters, digits and single hyphens, and starts with a letter. SCO_E_INVALID: a bad name;
 * SCO_E_PERMISSION, SCO_E_IO: the folder exists or cannot be made. After a failure nothing is left
 * behind. */
int sco_plugin_new(const char *template_dir, const char *name, const char *dest_dir,
                   struct sco_error *err) SCO_NODISCARD;
