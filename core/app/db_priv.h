/* Backups of the store: files that are sealed, and PostgreSQL's own programs. */
#pragma once

#include "cli_priv.h"

#include <secureops/crypto.h>

/* ---- seal_file.c ----
 * A stream in pieces, each sealed with its number, so that none can be changed, left out, moved or
 * cut off, and a file of any size needs little memory. From descriptor to descriptor. */
int seal_key_read(const char *path, uint8_t ret[SCO_SEAL_KEY_LEN], struct sco_error *err);
int seal_stream(int in, int out, const uint8_t key[SCO_SEAL_KEY_LEN], struct sco_error *err);
/* SCO_E_PERMISSION: another key, or changed; SCO_E_FORMAT: not such a file, or cut off. Whatever
 * was written until then is not to be used. */
int unseal_stream(int in, int out, const uint8_t key[SCO_SEAL_KEY_LEN], struct sco_error *err);
int copy_stream(int in, int out, struct sco_error *err);
bool seal_is_sealed(int fd); /* by its first bytes; fd is at its start again */

/* ---- pg_program.c ----
 * pg_dump or pg_restore on the database of the address; the password goes by the environment. */
struct pg_program {
    pid_t pid;
    int fd; /* to its standard input, or from its standard output */
};
int pg_program_start(const char *const *args, const char *address, bool writes,
                     struct pg_program *ret, struct sco_error *err);
int pg_program_end(struct pg_program *p, const char *name, struct sco_error *err);
void pg_program_kill(struct pg_program *p);

/* ---- cmd_db_copy.c ---- */
int db_backup(struct cli *c, struct sco_store *s, const char *path, struct sco_error *err);
int db_restore(struct cli *c, const char *where, const char *path, struct sco_error *err);
