/* Shell texts as lists of simple commands. */
#include "show.h"

#include <setjmp.h>
#include <stdlib.h>
#include <cmocka.h>

struct fixture {
    struct sco_iac_set s;
    const struct sco_iac_node *list;
    struct sco_error err;
};

static int split(struct fixture *f, const char *text)
{
    sco_iac_set_done(&f->s);
    f->list = NULL;
    return sco_iac_shell(&f->s, 0, sco_str_c(text), NULL, &f->list, &f->err);
}

/* "name arg arg|name arg", environment as NAME=value before, the operator after a command. */
static void render(const struct sco_iac_node *list, struct sco_buf *b)
{
    for (uint32_t i = 0; i < list->n; i++) {
        const struct sco_iac_node *c = &list->item[i], *env = sco_iac_get(c, "env"),
                                  *args = sco_iac_get(c, "args");
        sco_buf_addz(b, i ? "\n" : "");
        for (uint32_t k = 0; k < env->n; k++)
            sco_buf_addf(b, "%s=%s ", env->member[k].key, env->member[k].value.text);
        const struct sco_iac_node *path = sco_iac_get(c, "path");
        sco_buf_add(b, sco_iac_text(path ? path : sco_iac_get(c, "name")));
        for (uint32_t k = 0; k < args->n; k++)
            sco_buf_addf(b, " <%s>", args->item[k].text);
        sco_buf_addc(b, ' ');
        sco_buf_add(b, sco_iac_text(sco_iac_get(c, "op")));
    }
}

static const char *shown(struct fixture *f, struct sco_buf *b, const char *text)
{
    sco_buf_clear(b);
    if (split(f, text) < 0)
        return f->err.text;
    render(f->list, b);
    return sco_buf_z(b);
}

struct row {
    const char *text, *want;
};

static void check_rows(const struct row *rows, size_t n)
{
    struct fixture f = {0};
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    for (size_t i = 0; i < n; i++) {
        const char *got = shown(&f, &b, rows[i].text);
        if (strcmp(got, rows[i].want) != 0)
            fail_msg("%s\ngot:\n%s\nwant:\n%s", rows[i].text, got, rows[i].want);
    }
    sco_iac_set_done(&f.s);
}

static void words(void **state)
{
    static const struct row rows[] = {
        {"", ""},
        {"  \t ", ""},
        {"ls", "ls "},
        {"ls -l 'a b' \"c d\" e\\ f", "ls <-l> <a b> <c d> <e f> "},
        {"echo a'b'\"c\"d", "echo <abcd> "},
        {"echo '' \"\"", "echo <> <> "},
        {"echo \"a\\\"b\\$c\\d\"", "echo <a\"b$c\\d> "},
        {"echo $'a\\tb\\'c'", "echo <a\tb'c> "},
        {"echo $X ${X:-a b} \"$Y\" $((1 + 2))", "echo <$X> <${X:-a b}> <$Y> <$((1 + 2))> "},
        {"a \\\n b", "a <b> "},
        {"a \\\r\n b", "a <b> "},
        {"ec\\\nho x", "echo <x> "},
        {"a#b #c d", "a#b "},
        {"# only a comment", ""},
        {"a # b\nc", "a ;\nc "},
        {"/usr/bin/apt-get update", "/usr/bin/apt-get <update> "},
        {"A=1 B=\"x y\" make C=3", "A=1 B=x y make <C=3> "},
        {"A=1", ""},
        {"A=(apt-get install) ls", "A= ls "},
        {"PATH+=:/x ls", "PATH=:/x ls "},
        {"'A=1' x", "A=1 <x> "},
    };
    (void)state;
    check_rows(rows, SCO_ARRAY_LEN(rows));
}

static void operators(void **state)
{
    static const struct row rows[] = {
        {"a && b || c; d & e | f |& g", "a &&\nb ||\nc ;\nd &\ne |\nf |\ng "},
        {"a&&b;c|d", "a &&\nb ;\nc |\nd "},
        {"a\nb\n\nc", "a ;\nb ;\nc "},
        {"(a; b) && c", "a ;\nb \nc "},
        {"{ a; b; }", "a ;\nb ;"},
        {"! a", "a "},
        {"a > /x 2>&1 < y >>z b", "a <b> "},
        {"a 2> e 3<> f >| g &> h i", "a <i> "},
        {"a <<< 'word' b", "a <b> "},
        {"echo 2 >x", "echo <2> "},
        {";;; && a", "a "},
        {"a )b", "a ;\nb "},
        {"(((", ""},
        {"a '", "a <> "},
        {"a \"b", "a <b> "},
        {"a $(b", "b \na <$(b> "},
        {"a ${b", "a <${b> "},
        {"a `b", "b \na <`b> "},
        {"a \\", "a <> "},
    };
    (void)state;
    check_rows(rows, SCO_ARRAY_LEN(rows));
}

static void compound(void **state)
{
    static const struct row rows[] = {
        {"if a; then b; elif c; then d; else e; fi", "a ;\nb ;\nc ;\nd ;\ne ;"},
        {"for x in a b $(c); do d $x; done", "c \nd <$x> ;"},
        {"for ((i=0;i<3;i++)); do a; done", "a ;"},
        {"while a; do b; done; until c; do d; done", "a ;\nb ;\nc ;\nd ;"},
        {"case $x in a|b) c;; (d) e ;; *) f; g;; esac; h", "c ;\ne ;\nf ;\ng ;\nh "},
        {"case x in a) b; esac && c", "b ;\nc "},
        {"$(case x in a) b;; esac) c", "b ;\n$(case x in a) b;; esac) <c> "},
        {"f() { a; }; f", "a ;\nf "},
        {"function f { a; }", "a ;"},
        {"[[ -f x && ( y < z ) ]] && a", "[[ <-f> <x> <y> <z> <]]> &&\na "},
        {"[ -f x ] && a", "[ <-f> <x> <]> &&\na "},
        {"echo if then", "echo <if> <then> "},
        {"((x = 1 + (2))); a", "a "},
    };
    (void)state;
    check_rows(rows, SCO_ARRAY_LEN(rows));
}

static void substitutions(void **state)
{
    static const struct row rows[] = {
        {"a $(b c) d", "b <c> \na <$(b c)> <d> "},
        {"a \"x $(b 'c)' \"d\") y\"", "b <c)> <d> \na <x $(b 'c)' \"d\") y> "},
        {"a `b \\`c\\``", "c \nb <`c`> \na <`b \\`c\\``> "},
        {"a ${x:-$(b)}", "b \na <${x:-$(b)}> "},
        {"diff <(a) >(b)", "a \nb \ndiff <<(a)> <>(b)> "},
        {"A=$(b) c", "b \nA=$(b) c "},
        {"x=$(b)", "b "},
        {"a '$(b)'", "a <$(b)> "},
    };
    (void)state;
    check_rows(rows, SCO_ARRAY_LEN(rows));
}

static void runners(void **state)
{
    static const struct row rows[] = {
        {"sh -c 'a && b'", "sh <-c> <a && b> \na &&\nb "},
        {"bash -lc \"a; b\"", "bash <-lc> <a; b> \na ;\nb "},
        {"/bin/bash -euo pipefail -c 'a | b'",
         "/bin/bash <-euo> <pipefail> <-c> <a | b> \na |\nb "},
        {"bash --login -c a", "bash <--login> <-c> <a> \na "},
        {"bash script -c a", "bash <script> <-c> <a> "},
        {"sh -c 'sh -c \"a b\"'", "sh <-c> <sh -c \"a b\"> \nsh <-c> <a b> \na <b> "},
        {"sudo apt-get install x", "sudo <apt-get> <install> <x> \napt-get <install> <x> "},
        {"sudo -u root -E A=1 sh -c 'a'",
         "sudo <-u> <root> <-E> <A=1> <sh> <-c> <a> \nsh <-c> <a> \na "},
        {"sudo -- a | b", "sudo <--> <a> |\na |\nb "},
        {"sudo -l", "sudo <-l> "},
        {"env A=1 B=2 a", "env <A=1> <B=2> <a> \na "}, /* env assigns too */
        {"env -i a", "env <-i> <a> \na "},
        {"exec a b", "exec <a> <b> \na <b> "},
        {"timeout -k 5 10 a", "timeout <-k> <5> <10> <a> \na "},
        {"time nice -n 5 a", "time <nice> <-n> <5> <a> \nnice <-n> <5> <a> \na "},
        {"a | xargs -n 1 rm -f", "a |\nxargs <-n> <1> <rm> <-f> \nrm <-f> "},
        {"su user -c 'a; b'", "su <user> <-c> <a; b> \na ;\nb "},
        {"gosu user a b", "gosu <user> <a> <b> \na <b> "},
        {"find . -exec rm {} \\; -print", "find <.> <-exec> <rm> <{}> <;> <-print> \nrm <{}> "},
        {"eval a 'b; c'", "eval <a> <b; c> \na <b> ;\nc "},
    };
    (void)state;
    check_rows(rows, SCO_ARRAY_LEN(rows));
}

static void heredocs(void **state)
{
    static const struct row rows[] = {
        {"cat <<EOF > x\na\nb\nEOF\nc", "cat ;\nc "},
        {"cat <<EOF\n$(a) `b`\nEOF\nc", "cat ;\na \nb \nc "},
        {"cat <<'EOF'\n$(a)\nEOF\nc", "cat ;\nc "},
        {"cat <<-EOF\n\t\ta\n\tEOF\nc", "cat ;\nc "},
        {"cat <<A <<B && c\nx\nA\ny\nB\nd", "cat &&\nc ;\nd "},
        {"sh <<EOF\na && b\nEOF\nc", "sh ;\na &&\nb ;\nc "},
        {"bash -s -- x <<'EOF'\na\nEOF", "bash <-s> <--> <x> ;\na ;"},
        {"sudo bash <<EOF\na\nEOF", "sudo <bash> ;\nbash ;\na ;"},
        {"bash script <<EOF\na\nEOF", "bash <script> ;"},
        {"cat <<EOF\nno end", "cat ;"},
        {"cat <<", "cat "},
        {"<<EOF\na\nEOF\nb", "b "},
    };
    (void)state;
    check_rows(rows, SCO_ARRAY_LEN(rows));
}

/* Without a base the text is that of the document, and every node has its bytes there. */
static void places(void **state)
{
    static const char text[] = "A='1' sudo sh -c 'ls  -l' \"$(id -u)\"";
    struct fixture f = {0};
    (void)state;
    assert_int_equal(split(&f, text), 0);
    assert_int_equal(f.list->n, 4);
    const struct sco_iac_node *id = &f.list->item[0], *sudo = &f.list->item[1],
                              *ls = &f.list->item[3];
    assert_memory_equal(text + id->pos, "id -u", id->end - id->pos);
    assert_int_equal(sudo->pos, 0);
    assert_int_equal(sudo->end, strlen(text));
    assert_memory_equal(text + ls->pos, "ls  -l", 6);
    assert_int_equal(ls->end - ls->pos, 6);
    const struct sco_iac_node *value = sco_iac_path(sudo, "env.A");
    assert_memory_equal(text + value->pos, "'1'", 3);
    sco_iac_set_done(&f.s);
}

static void base(void **state)
{
    struct sco_iac_set s = {0};
    const struct sco_iac_node *list;
    const struct sco_iac_node node = {.type = SCO_IAC_STR, .doc = 7, .pos = 10, .end = 20};
    (void)state;
    assert_int_equal(sco_iac_shell(&s, 7, SCO_STR("a b $(c)"), &node, &list, NULL), 0);
    for (uint32_t i = 0; i < list->n; i++) {
        const struct sco_iac_node *name = sco_iac_get(&list->item[i], "name");
        assert_int_equal(name->doc, 7);
        assert_int_equal(name->pos, 10);
        assert_int_equal(name->end, 20);
        assert_true(name->flags & SCO_IAC_MADE);
    }
    sco_iac_set_done(&s);
}

static void limits(void **state)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct fixture f = {0};
    (void)state;
    for (int i = 0; i < 100; i++)
        sco_buf_addz(&b, "$(");
    assert_int_equal(split(&f, sco_buf_z(&b)), SCO_E_LIMIT);
    assert_string_equal(f.err.text,
                        "a shell text of more than 20000 commands, or nested too deeply");
    sco_buf_clear(&b);
    for (int i = 0; i < 20001; i++)
        sco_buf_addz(&b, "a\n");
    assert_int_equal(split(&f, sco_buf_z(&b)), SCO_E_LIMIT);
    sco_buf_clear(&b);
    for (int i = 0; i < 100; i++)
        sco_buf_addz(&b, "sudo ");
    assert_int_equal(split(&f, sco_buf_z(&b)), SCO_E_LIMIT);
    sco_iac_set_done(&f.s);
}

static void out_of_memory(void **state)
{
    static const char text[] = "A=1 sudo sh -c 'a && b' `c \\`d\\`` <<X | eval e f\n$(g)\nX\n";
    (void)state;
    for (long n = 0;; n++) {
        struct sco_iac_set s = {0};
        const struct sco_iac_node *list = NULL;
        sco_alloc_fail_at(n);
        int r = sco_iac_shell(&s, 0, sco_str_c(text), NULL, &list, NULL);
        bool over = sco_alloc_fail_at(-1) <= n;
        assert_true(r == 0 ? over && list : r == SCO_E_NOMEM && !list);
        sco_iac_set_done(&s);
        if (over)
            break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words),         cmocka_unit_test(operators), cmocka_unit_test(compound),
        cmocka_unit_test(substitutions), cmocka_unit_test(runners),   cmocka_unit_test(heredocs),
        cmocka_unit_test(places),        cmocka_unit_test(base),      cmocka_unit_test(limits),
        cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
