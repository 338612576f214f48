/* Libraries of our own that only some programs or jobs need: drivers of the store, XML, HTTP,
 * Kafka. What they link costs milliseconds and megabytes to load. They lie in lib/secureops; where
 * that is follows from where the program is (the build tree, or an installation wherever it was
 * moved to). */
#pragma once

#include <secureops/base.h>

/* Loads NAME.so (from `dir`, when it is given) for good, and gives the struct that its function
 * `symbol` returns. The struct begins with a uint32_t of its size: the check that it is of the same
 * build. SCO_E_UNSUPPORTED: it is not installed, or cannot be loaded; SCO_E_ABI: of another build.
 * Any thread. */
int sco_module_load(const char *name, const char *dir, const char *symbol, size_t size,
                    const void **ret, struct sco_error *err) SCO_NODISCARD;
