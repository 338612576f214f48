/* Texts that a scanner under someone else's control could print. */
#pragma once

static const char *const hostile_texts[] = {
    "",
    "\x1b[31mred\x1b[0m \x1b]0;title\x07 \x9b 8 \xc2\x9b",
    "line one\nline two\r\n\tline three",
    "bidi \xe2\x80\xae reversed \xe2\x81\xa6 isolated \xe2\x81\xa9",
    "invalid \xff\xfe\xc3\x28 \xed\xa0\x80 \xf4\x90\x80\x80 \xe2\x80",
    "]]> <script>alert(1)</script> <!-- -- --> &amp; &#0; \" '",
    "{0} {{x}} [link](https://evil.example) \\[ $(id) `id` %s%n",
    "noncharacters \xef\xbf\xbe \xef\xbf\xbf \xf0\x9f\x92\xa9 \xe2\x80\xa8 \xe2\x80\xa9",
    "../../../../etc/passwd",
    "wide \xe6\xbc\xa2\xe5\xad\x97\xe6\xbc\xa2\xe5\xad\x97 combining e\xcc\x81\xcc\x81\xcc\x81",
};
enum { HOSTILE = sizeof hostile_texts / sizeof hostile_texts[0] };
