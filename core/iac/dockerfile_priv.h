/* Dockerfiles, in three steps: lines (dockerfile_lines.c: directives, continuations,
 * here-documents), instructions (dockerfile_parse.c: name, flags, words, the way BuildKit's parser
 * takes them apart) and the tree that policies see (dockerfile.c, dockerfile_tree.c,
 * dockerfile_kinds.c, with variables from dockerfile_lex.c). What belongs to the first two lives in
 * a temporary arena. */
#pragma once

#include "iac_priv.h"

/* ---- lines ---- */
struct df_seg { /* the joined line stands from byte `at` on at byte `pos` of the file */
    uint32_t at, pos;
};
struct df_line { /* one instruction: its physical lines without continuations and comments */
    struct sco_str text;
    const struct df_seg *seg;
    size_t n_seg;
    uint32_t pos, end;    /* in the file, here-documents included */
    uint32_t first, last; /* line numbers, 1-based */
};
/* Where bytes [a, b) of the line stand in the file. */
struct iac_span df_span(const struct df_line *l, uint32_t doc, size_t a, size_t b);

struct df_word {
    struct sco_str text; /* without what quoting the parser itself removes */
    uint32_t a, b;       /* bytes of the joined line */
};
struct df_words {
    struct df_word *v; /* in the arena */
    size_t n, cap;
};
struct df_heredoc {
    struct sco_str name, body; /* body: as it stands, tabs of <<- included */
    uint32_t pos, end;         /* of the body in the file */
    uint32_t a, b;             /* of the word in the joined line */
    bool expand, strip;
    bool spaced; /* "<< word" */
};

enum df_kind {
    DF_OTHER,
    DF_ADD,
    DF_ARG,
    DF_CMD,
    DF_COPY,
    DF_ENTRYPOINT,
    DF_ENV,
    DF_EXPOSE,
    DF_FROM,
    DF_HEALTHCHECK,
    DF_LABEL,
    DF_MAINTAINER,
    DF_ONBUILD,
    DF_RUN,
    DF_SHELL,
    DF_STOPSIGNAL,
    DF_USER,
    DF_VOLUME,
    DF_WORKDIR,
};

struct df_inst {
    const struct df_line *line;
    enum df_kind kind;
    struct sco_str keyword; /* upper case */
    uint32_t a;             /* of the name in the joined line */
    struct df_words flags;  /* "--chown=x:y" */
    struct df_word rest;    /* what follows name and flags, trimmed */
    struct df_words args;   /* ENV and LABEL: key, value, separator ("=" or "") each */
    bool json;
    struct df_inst *child; /* ONBUILD */
    struct df_heredoc *heredocs;
    size_t n_heredocs;
    struct df_inst *next;
};

struct df_file {
    struct df_inst *first, *last;
    size_t n;
    char escape;
    uint32_t bad_line;   /* of the error */
    const char *problem; /* what is wrong, when parsing gave SCO_E_PARSE; in the arena */
};

/* SCO_E_PARSE with f->problem and f->bad_line; SCO_E_NOMEM. */
int df_parse(struct sco_str text, struct sco_arena *a, struct df_file *f) SCO_NODISCARD;
/* One joined line, from byte `from` on, to an instruction (dockerfile_parse.c). */
int df_instruction(struct sco_arena *a, struct df_file *f, const struct df_line *line, size_t from,
                   struct df_inst **ret) SCO_NODISCARD;
int df_push(struct sco_arena *a, struct df_words *w, struct sco_str text, size_t at, size_t end);
int df_problem(struct sco_arena *a, struct df_file *f, const char *fmt, ...) SCO_PRINTF(3, 4);
/* An array of strings: 0, and the words are added; 1: no JSON array, which makes it the shell form;
 * SCO_E_PARSE: JSON, but not only strings. `at`: of the text in the joined line. */
int df_json(struct sco_arena *a, struct sco_str text, size_t at, struct df_words *ret);
static inline bool df_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* ---- variables (dockerfile_lex.c) ---- */
enum df_state {
    DF_SET,
    DF_EMPTY,   /* nobody sets it: the empty string */
    DF_UNSET,   /* declared without a value: a build may set it */
    DF_UNKNOWN, /* has a value that cannot be told */
};
struct df_var {
    struct sco_str name, value;
    enum df_state state;
    bool env; /* by ENV, which an ARG cannot change any more */
};
struct df_vars {
    struct sco_map map;   /* of struct df_var, in the arena */
    enum df_state absent; /* of names that are not in it */
};
#define DF_MARK '\x01' /* stands for what is unknown within an expanded text */

/* What expansion may cost for one file: texts that double themselves must end somewhere. */
struct df_budget {
    size_t left;  /* bytes that variables add */
    size_t steps; /* of matching patterns */
    bool spent;
};
/* Expands quotes, escapes and variables of a word as Docker does. *ret_unknown: part of it cannot
 * be told, and is DF_MARK in the text. */
int df_expand(const struct df_vars *vars, char escape, struct sco_str word,
              struct df_budget *budget, struct sco_buf *ret, bool *ret_unknown);
int df_var_set(struct sco_arena *a, struct df_vars *vars, struct df_var var);
int df_vars_copy(struct sco_arena *a, struct df_vars *to, const struct df_vars *from,
                 bool env_only);
/* The words of a line that may open here-documents, quotes kept; none for unbalanced quotes. */
int df_raw_words(struct sco_arena *a, struct sco_str line, struct df_words *ret);
/* Removes quotes and escapes of one raw word; false: it is more or less than one. */
bool df_unquote(struct sco_str raw, struct sco_buf *ret, bool *ret_quoted);

/* ---- building the tree ---- */
enum { DF_KINDS = DF_WORKDIR + 1 };

struct df_stage {
    struct sco_str name; /* lower case; empty: none */
    const char *label;   /* "stage(builder)"; "" before the first FROM */
    struct df_vars vars;
    struct iac_members members; /* what is known of it after FROM */
    struct sco_iac_node user, group, shell;
    bool has_user, has_group, has_shell, shell_posix, shell_windows;
    struct iac_items nodes; /* its instructions */
    struct df_words names;  /* resource names and types of them, in turn */
    uint32_t counts[DF_KINDS];
    uint32_t pos, end;
    struct sco_iac_node list; /* of the instructions, sealed */
};

struct df_build {
    struct sco_iac_set *s;
    struct sco_arena *a;
    struct sco_iac_text *text;
    uint32_t doc;
    const struct df_file *file;
    struct df_budget budget;
    struct df_vars globals, foreign; /* foreign: of a build that is not this one */
    const struct df_vars *scope;     /* what the current instruction sees */
    struct df_stage **stages;        /* in the arena */
    size_t n_stages, cap_stages;
    struct df_stage *stage; /* the current one: `outside` before the first FROM */
    struct df_stage outside;
    size_t env_copied;   /* variables that stages took over from others */
    bool limited;        /* something is UNKNOWN only because it is too much */
    bool too_many;       /* stages */
    const char *refused; /* why Docker would not build this: the first reason */
};

/* The node of one instruction. What it does to its stage (variables, user, shell; a new stage)
 * happens as well when it is `live`, which ONBUILD's children are not. */
int df_inst_node(struct df_build *b, const struct df_inst *i, bool live, struct sco_iac_node *ret);
/* Members by kind (dockerfile_kinds.c). */
int df_inst_kind(struct df_build *b, const struct df_inst *i, bool live, struct iac_members *m);
/* dockerfile_run.c: the members `commands`, `flags` and `mounts`. */
int df_commands(struct df_build *b, const struct df_inst *i, size_t first_arg,
                const struct sco_iac_node *args, struct iac_members *m);
int df_flags(struct df_build *b, const struct df_inst *i, struct iac_members *m);
int df_set_shell(struct df_build *b, const struct df_inst *i, struct sco_iac_node list);
/* FROM: opens a stage (dockerfile_from.c), and adds the members of the instruction. */
int df_from(struct df_build *b, const struct df_inst *i, bool live, struct iac_members *m);
int df_find_stage(const struct df_build *b, struct sco_str name); /* index or -1 */
int df_expose(struct df_build *b, const struct df_inst *i, const struct sco_iac_node *args,
              struct iac_members *m);

int df_refuse(struct df_build *b, const struct df_inst *i, const char *fmt, ...) SCO_PRINTF(3, 4);
struct iac_span df_at(const struct df_build *b, const struct df_inst *i, size_t a, size_t end);
/* A word, expanded: STR, or UNKNOWN. */
int df_value(struct df_build *b, const struct df_inst *i, struct df_word w,
             struct sco_iac_node *ret);
int df_expand_word(struct df_build *b, struct sco_str text, struct sco_buf *ret, bool *ret_unknown);
/* A text that was expanded before: UNKNOWN when it has a mark. */
int df_marked(struct df_build *b, struct sco_str text, struct iac_span at,
              struct sco_iac_node *ret);
int df_add(struct df_build *b, struct iac_members *m, const char *key, struct sco_iac_node v);
int df_add_marked(struct df_build *b, struct iac_members *m, const char *key, struct sco_str text,
                  struct iac_span at);
