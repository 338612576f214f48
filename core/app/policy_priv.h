/* Between the files of `secureops policy`. */
#pragma once

#include "cli_priv.h"

/* What a command collects from the records of one job. */
struct policy_records {
    struct cli *cli;
    struct sco_arena arena; /* of the record at hand */
};

/* Runs a request; every record goes to fn. *ret_status is the exit status that the job itself
 * stands for: EXIT_PASSED, EXIT_USAGE (a name that is nothing), EXIT_INCOMPLETE. What is wrong has
 * been said on stderr. */
int policy_ask(struct cli *c, const struct sco_policy_request *q, sco_policy_record_fn fn,
               void *user, struct sco_policy_outcome *ret, int *ret_status, struct sco_error *err);
/* --policy, --framework and the like as lists; NULL: not given. */
int policy_list_arg(struct cli *c, int id, const char *const **ret, struct sco_error *err);
/* One of the words in `known` ("table,json"); its index. */
int policy_format(const struct cli *c, const char *known, size_t *ret, struct sco_error *err);
/* Prints text that came from outside. */
void put_text(FILE *out, struct sco_str s);
void put_z(FILE *out, const char *z);

int policy_eval(struct cli *c);    /* policy_eval.c */
int policy_profile(struct cli *c); /* policy_profile.c */
int policy_test(struct cli *c);    /* policy_test.c */
int policy_new(struct cli *c);
int policy_run(struct cli *c);  /* policy_new.c */
int policy_show(struct cli *c); /* policy_show.c */
int policy_docs(struct cli *c); /* policy_docs.c */
int policy_sign(struct cli *c); /* policy_sign.c */
int policy_verify(struct cli *c);

/* `secureops compliance status | show | history | attest | attestations`. */
int compliance_stored(struct cli *c);
