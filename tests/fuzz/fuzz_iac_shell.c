/* Any bytes as a shell text: commands whose places lie in it, or a limit; never a refusal. */
#include <secureops/iac.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void place(const struct sco_iac_node *v, size_t size)
{
    SCO_BUG_ON(!v || v->pos > v->end || v->end > size);
}

static void command(const struct sco_iac_node *c, size_t size)
{
    const struct sco_iac_node *name = sco_iac_get(c, "name"), *args = sco_iac_get(c, "args"),
                              *env = sco_iac_get(c, "env");
    place(c, size);
    place(name, size);
    place(args, size);
    place(env, size);
    SCO_BUG_ON(name->type != SCO_IAC_STR || args->type != SCO_IAC_LIST || env->type != SCO_IAC_MAP);
    for (uint32_t i = 0; i < args->n; i++) {
        place(&args->item[i], size);
        SCO_BUG_ON(args->item[i].type != SCO_IAC_STR || args->item[i].text[args->item[i].n]);
    }
    for (uint32_t i = 0; i < env->n; i++)
        place(&env->member[i].value, size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    SCO_AUTO(sco_iac_set) struct sco_iac_set s = {0};
    struct sco_error err = {0};
    const struct sco_iac_node *list = NULL;
    if (size > 1 << 16)
        return 0;
    int r = sco_iac_shell(&s, 0, sco_str_make((const char *)data, size), NULL, &list, &err);
    if (r < 0) {
        SCO_BUG_ON(r != SCO_E_LIMIT || list);
        return 0;
    }
    place(list, size);
    for (uint32_t i = 0; i < list->n; i++)
        command(&list->item[i], size);
    return 0;
}
