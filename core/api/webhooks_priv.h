/* Webhooks between webhooks.c (taken in and verified) and webhooks_write.c (written). */
#pragma once

#include "server_priv.h"

#include <secureops/ci.h>
#include <secureops/store_ci.h>

enum {
    HOOK_BYTES_MAX = 256 << 20,                  /* of all bodies that are in memory */
    HOOK_NETWORK_BYTES_MAX = HOOK_BYTES_MAX / 4, /* of one client, once half of all is taken */
    HOOK_BATCH_BYTES = 32 << 20,
    HOOK_WAITING_MAX = 20000,
    HOOK_RETRY_S = 5,      /* told to who comes too early */
    FORGED_MS = 60000,     /* a row of the audit log for each integration and so long */
    FORGED_NAMES_MAX = 64, /* of integrations */
};

struct hook {
    struct hook *next, **at; /* of api_hooks.verifying */
    struct api_hooks *of;    /* NULL: the API is gone, and with it the request */
    struct api_exchange *x;
    const struct sco_api_options *o; /* as the request came in */
    const struct sco_integration *integration;
    struct sco_ci_delivery d;
    struct sco_stored_delivery row; /* in the arena of the call */
    struct sco_delivery_added added;
};

/* Forged deliveries since the last row of the audit log. */
struct forged {
    char integration[64], address[48];
    int64_t told_at; /* monotonic */
    uint64_t n;
    bool due;
};

struct hook_batch;
struct api_hooks {
    struct sco_api *api;
    struct hook *verifying;
    struct hook **waiting; /* verified, to be written */
    size_t n_waiting, cap_waiting;
    struct hook_batch *out; /* is being written */
    size_t bytes;
    struct forged forged[FORGED_NAMES_MAX];
    size_t n_forged;
};

/* Answers and frees it. `result`: of the metric. */
void hook_end(struct hook *k, const char *result, int r, const struct sco_error *err);
/* Takes the hook; it ends when it is committed. */
void hook_write(struct api_hooks *h, struct hook *k);
void hook_write_audit(struct api_hooks *h); /* rows that are due */
/* Ends what waits, when the API does. */
void hook_drop(struct hook *k);
