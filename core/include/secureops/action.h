/* What a workflow may ask for: a closed list of actions, each a JSON object of a known shape. The
 * sandbox checks an action when it is asked for, with file and line; the runner, which trusts no
 * worker, checks it once more and does it. docs/workflows.md */
#pragma once

#include <secureops/base.h>

enum {
    SCO_ACTIONS_MAX = 50,             /* of one workflow */
    SCO_ACTIONS_SIZE_MAX = 512 << 10, /* bytes of JSON of one workflow's actions */
    SCO_ACTION_TEXT_MAX = 4096,       /* bytes of a text that is no body */
    SCO_ACTION_BODY_MAX = 128 << 10,  /* of a body, a comment, a mail */
    SCO_ACTION_LIST_MAX = 100,        /* items of a list, members of a map */
    SCO_ACTION_SECRET_NAME_MAX = 64,  /* of secret() */
    SCO_WORKFLOW_DEPTH_MAX = 3,       /* events caused by workflows caused by events */
};

enum sco_action_kind {
    SCO_ACTION_SCAN,
    SCO_ACTION_NOTIFY,
    SCO_ACTION_TRIGGER,
    SCO_ACTION_COMMENT,
    SCO_ACTION_CALL,
    SCO_ACTION_PIPELINE,
    SCO_ACTION_KIND_MAX_
};
const char *sco_action_name(enum sco_action_kind k); /* "scan"; NULL beyond the last */
/* SCO_E_NOT_FOUND */
int sco_action_parse_kind(struct sco_str name, enum sco_action_kind *ret) SCO_NODISCARD;

/* Whether `v` is an action of this kind. SCO_E_INVALID: "call: unknown member 'ulr': did you mean
 * 'url'?". */
int sco_action_check(enum sco_action_kind k, const struct sco_node *v,
                     struct sco_error *err) SCO_NODISCARD;

/* ---- URLs of calls ----
 * Host in small letters (an IPv6 address without brackets) and port; https or http, without user
 * and password. SCO_E_INVALID. */
struct sco_action_url {
    char host[256];
    int64_t port;
    bool tls;
};
int sco_action_url(struct sco_str url, struct sco_action_url *ret,
                   struct sco_error *err) SCO_NODISCARD;
/* Whether a host is in the list: "host", "host:port" or a glob of either. What is loopback,
 * link-local or an address in numbers is reached only where an item without wildcards names it;
 * *ret_literal: such an item did. */
bool sco_action_host_allowed(const struct sco_action_url *u, const struct sco_str_list *hosts,
                             bool *ret_literal);
