/* A tree as one line of text, for comparing: {a: [1, "x", ?]}; ? is unknown. */
#pragma once

#include <secureops/iac.h>

static inline void show_node(const struct sco_iac_node *v, struct sco_buf *b)
{
    if (!v || v->type == SCO_IAC_UNKNOWN || v->type == SCO_IAC_NULL) {
        sco_buf_addz(b, !v ? "-" : v->type == SCO_IAC_NULL ? "null" : "?");
    } else if (v->type == SCO_IAC_BOOL) {
        sco_buf_addz(b, v->i ? "true" : "false");
    } else if (v->type == SCO_IAC_INT) {
        sco_buf_add_i64(b, v->i);
    } else if (v->type == SCO_IAC_STR) {
        sco_buf_addc(b, '"');
        sco_buf_add(b, sco_iac_text(v));
        sco_buf_addc(b, '"');
    } else {
        bool map = v->type == SCO_IAC_MAP;
        sco_buf_addc(b, map ? '{' : '[');
        for (uint32_t i = 0; i < v->n; i++) {
            sco_buf_addz(b, i ? ", " : "");
            if (map)
                sco_buf_addf(b, "%s: ", v->member[i].key);
            show_node(map ? &v->member[i].value : &v->item[i], b);
        }
        sco_buf_addc(b, map ? '}' : ']');
    }
}
