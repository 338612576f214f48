/* Splitting shell text into simple commands: words (shell_lex.c), the grammar around them (shell.c)
 * and what runs what (shell_run.c: sudo, sh -c, env, ...). Nothing is executed, and no text is an
 * error: what cannot be understood is taken as words. */
#pragma once

#include "iac_priv.h"

enum {
    IAC_SHELL_DEPTH_MAX = 40,       /* commands within words within commands */
    IAC_SHELL_COMMANDS_MAX = 20000, /* of one text */
};

#define IAC_SHELL_SCRIPT 1u  /* a here-document without a command is a script (RUN <<EOF) */
#define IAC_SHELL_WINDOWS 2u /* cmd, powershell: a backslash is a character like others */

/* Where bytes [a, b) of the split text stand in the document. */
struct iac_shell_source {
    struct iac_span (*at)(const void *user, size_t a, size_t b);
    const void *user;
    uint8_t flags; /* of the nodes: SCO_IAC_MADE */
};

/* The commands of a text, as a LIST. SCO_E_NOMEM, SCO_E_LIMIT. */
int iac_shell_commands(struct sco_iac_set *s, struct sco_str text,
                       const struct iac_shell_source *src, uint32_t flags,
                       struct sco_iac_node *ret);
/* The commands of an exec form: a list of strings, from `first` on. */
int iac_shell_exec(struct sco_iac_set *s, const struct sco_iac_node *words, size_t n,
                   uint32_t flags, struct sco_iac_node *ret);

/* ---- between the files ---- */
struct sh_level {                       /* a text that is split, and its place */
    const struct iac_shell_source *src; /* NULL: everything stands at `fixed` */
    struct iac_span fixed;
    size_t shift;
    uint8_t flags;
};
struct sh_word {
    struct sco_iac_node text; /* STR: without quotes */
    size_t a, b;              /* bytes in its level */
    size_t inner;             /* text stands from here on byte by byte; SIZE_MAX: it does not */
    bool plain;               /* nothing quoted or escaped */
};
struct sh_words {
    struct sh_word *v;
    size_t n, cap;
};
struct sh_heredoc {
    struct sco_str end; /* in the arena */
    bool strip, quoted, script;
};
struct sh_split { /* of one call */
    struct sco_iac_set *s;
    uint32_t flags;
    struct iac_items out;
    int depth;
};
struct sh { /* reading one level, or a part of it */
    struct sh_split *split;
    const struct sh_level *level;
    struct sco_str s;
    size_t i;
    struct sh_heredoc *pending; /* here-documents whose bodies come after this line */
    size_t n_pending, cap_pending;
};

struct iac_span sh_span(const struct sh_level *l, size_t a, size_t b);
/* All commands up to `stop` (')' consumed, 0: the end). */
int sh_list(struct sh *h, char stop);
/* A part of the same text: as a script, or only what is substituted in it. */
int sh_part(struct sh *h, size_t a, size_t b, bool script);
/* A text that a word holds. */
int sh_text(struct sh_split *p, const struct sh_level *l, const struct sh_word *w);
/* The word at h->i, which is no blank and no operator. */
int sh_word(struct sh *h, struct sh_word *ret);
/* "..." or `end` of a here-document: descends into what is substituted. */
int sh_quoted(struct sh *h, char close, struct sco_buf *out, bool *ret_plain);
/* A command is complete: adds it, and what it runs. `op` follows it. */
int sh_run(struct sh_split *p, const struct sh_level *l, const struct sh_word *w, size_t n,
           const struct iac_members *env, const char *op);
/* Whether the words run a shell that reads its script from standard input. */
bool sh_reads_script(const struct sh_word *w, size_t n);
int sh_member(struct sh_split *p, struct iac_members *m, const char *key, struct sco_iac_node v);
