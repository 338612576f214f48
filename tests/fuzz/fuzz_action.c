/* Actions: the first byte says which; any JSON is taken or refused with a reason, the same twice;
 * and what is taken as a URL has a host that says where it goes. */
#include <secureops/action.h>
#include <secureops/json.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_url(struct sco_str text)
{
    struct sco_action_url u;
    bool literal = true;
    struct sco_str every = SCO_STR("*");
    struct sco_str_list all = {.v = &every, .n = 1};
    if (sco_action_url(text, &u, NULL) < 0)
        return;
    SCO_BUG_ON(!u.host[0] || u.port < 1 || u.port > 65535);
    bool allowed = sco_action_host_allowed(&u, &all, &literal);
    SCO_BUG_ON(literal);
    SCO_BUG_ON(allowed && (strchr(u.host, ':') || !strchr(u.host, '.')));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    const struct sco_node *v = NULL;
    struct sco_error a = {0}, b = {0};
    if (!size)
        return 0;
    struct sco_str text = sco_str_make((const char *)data + 1, size - 1);
    enum sco_action_kind k = (enum sco_action_kind)(data[0] % SCO_ACTION_KIND_MAX_);
    check_url(text);
    if (sco_json_parse(text, &arena, &v, NULL) < 0)
        return 0;
    int r = sco_action_check(k, v, &a);
    SCO_BUG_ON(r != 0 && (r != SCO_E_INVALID || !a.text[0]));
    SCO_BUG_ON(sco_action_check(k, v, &b) != r || strcmp(a.text, b.text) != 0);
    if (r == 0 && k == SCO_ACTION_CALL)
        SCO_BUG_ON(sco_action_url(sco_text(sco_get(v, "url")), &(struct sco_action_url){0}, NULL) <
                   0);
    return 0;
}
