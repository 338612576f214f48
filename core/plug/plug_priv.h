/* Inside core/plug only. */
#pragma once

#include <secureops/plug.h>

enum {
    PLUG_STRUCT_MAX = 64 << 10, /* a struct_size above it is garbage */
    PLUG_CTX_MAX = 1 << 20,
    PLUG_OPTIONS_MAX = 256,
    PLUG_NAME_MAX = 64,
    PLUG_LIST_MAX = 10000, /* items of one list option */
};

/* Copies the table row by row to the host's row size and checks every row. */
int plug_options_load(const char *path, const struct sco_plugin *p, struct sco_arena *arena,
                      struct sco_loaded_plugin *ret, struct sco_error *err);

/* Bytes of the field of an option, 0 for an unknown type. */
size_t plug_option_size(uint32_t type);
const char *plug_option_type_name(uint32_t type);
bool plug_enum_has(const char *values, struct sco_str word);

/* Checks a value and writes it to `field`. Lists and strings go to the arena. */
int plug_value_text(const struct sco_option *o, struct sco_str text, struct sco_arena *arena,
                    void *field, struct sco_error *err);
int plug_value_node(const struct sco_option *o, const struct sco_node *v, struct sco_arena *arena,
                    void *field, struct sco_error *err);
