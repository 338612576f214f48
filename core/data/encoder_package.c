/* Packages: one name per ecosystem (the types of the package URL), and the package URL itself where
 * the tool gives none. Specification: package-url/purl-spec. */
#include "encoder_priv.h"

struct ecosystem {
    const char *word, *type, *vendor; /* vendor: namespace of system packages */
};

static const struct ecosystem ecosystems[] = {
    {"npm", "npm", NULL},
    {"node", "npm", NULL},
    {"nodejs", "npm", NULL},
    {"node-pkg", "npm", NULL},
    {"javascript", "npm", NULL},
    {"yarn", "npm", NULL},
    {"pnpm", "npm", NULL},
    {"bun", "npm", NULL},
    {"pypi", "pypi", NULL},
    {"pip", "pypi", NULL},
    {"python", "pypi", NULL},
    {"python-pkg", "pypi", NULL},
    {"poetry", "pypi", NULL},
    {"pipenv", "pypi", NULL},
    {"uv", "pypi", NULL},
    {"maven", "maven", NULL},
    {"gradle", "maven", NULL},
    {"java", "maven", NULL},
    {"java-archive", "maven", NULL},
    {"jar", "maven", NULL},
    {"pom", "maven", NULL},
    {"sbt", "maven", NULL},
    {"go", "golang", NULL},
    {"golang", "golang", NULL},
    {"gomod", "golang", NULL},
    {"gobinary", "golang", NULL},
    {"go-module", "golang", NULL},
    {"cargo", "cargo", NULL},
    {"rust", "cargo", NULL},
    {"crates.io", "cargo", NULL},
    {"rust-crate", "cargo", NULL},
    {"rustbinary", "cargo", NULL},
    {"gem", "gem", NULL},
    {"rubygems", "gem", NULL},
    {"ruby", "gem", NULL},
    {"bundler", "gem", NULL},
    {"gemspec", "gem", NULL},
    {"nuget", "nuget", NULL},
    {"dotnet", "nuget", NULL},
    {"dotnet-core", "nuget", NULL},
    {"composer", "composer", NULL},
    {"packagist", "composer", NULL},
    {"php", "composer", NULL},
    {"hex", "hex", NULL},
    {"elixir", "hex", NULL},
    {"erlang", "hex", NULL},
    {"mix", "hex", NULL},
    {"pub", "pub", NULL},
    {"dart", "pub", NULL},
    {"swift", "swift", NULL},
    {"swifturl", "swift", NULL},
    {"cocoapods", "cocoapods", NULL},
    {"conan", "conan", NULL},
    {"conda", "conda", NULL},
    {"conda-pkg", "conda", NULL},
    {"cran", "cran", NULL},
    {"r", "cran", NULL},
    {"hackage", "hackage", NULL},
    {"cabal", "hackage", NULL},
    {"github", "github", NULL},
    {"github actions", "github", NULL},
    {"actions", "github", NULL},
    {"docker", "docker", NULL},
    {"oci", "oci", NULL},
    {"bitnami", "bitnami", NULL},
    {"generic", "generic", NULL},
    {"deb", "deb", NULL},
    {"dpkg", "deb", NULL},
    {"debian", "deb", "debian"},
    {"ubuntu", "deb", "ubuntu"},
    {"rpm", "rpm", NULL},
    {"redhat", "rpm", "redhat"},
    {"red hat", "rpm", "redhat"},
    {"centos", "rpm", "centos"},
    {"fedora", "rpm", "fedora"},
    {"rocky", "rpm", "rocky"},
    {"rocky linux", "rpm", "rocky"},
    {"alma", "rpm", "alma"},
    {"almalinux", "rpm", "alma"},
    {"amazon", "rpm", "amazon"},
    {"oracle", "rpm", "oracle"},
    {"suse", "rpm", "suse"},
    {"opensuse", "rpm", "opensuse"},
    {"photon", "rpm", "photon"},
    {"apk", "apk", NULL},
    {"alpine", "apk", "alpine"},
    {"wolfi", "apk", "wolfi"},
    {"chainguard", "apk", "chainguard"},
};

static const struct ecosystem *find_ecosystem(struct sco_str word)
{
    const char *colon = word.n ? memchr(word.p, ':', word.n) : NULL;
    if (colon) /* "Debian:12", "Alpine:v3.18" */
        word.n = (size_t)(colon - word.p);
    for (size_t i = 0; i < SCO_ARRAY_LEN(ecosystems); i++)
        if (sco_str_is_nocase(word, ecosystems[i].word))
            return &ecosystems[i];
    return NULL;
}

/* Percent-encodes all but the unreserved characters and the colon. */
static void add_encoded(struct sco_buf *b, struct sco_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
            (c && strchr(".-_~:", c)))
            sco_buf_addc(b, (char)c);
        else
            sco_buf_addf(b, "%%%02X", c);
    }
}

static bool one_of(const char *type, const char *const *types, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(type, types[i]) == 0)
            return true;
    return false;
}

/* The name as the type's rules want it. */
static struct sco_str purl_name(struct sco_encoder *e, const char *type, struct sco_str name)
{
    static const char *const lower[] = {"pypi", "golang", "github",  "composer", "deb",
                                        "apk",  "hex",    "bitnami", "oci"};
    if (!one_of(type, lower, SCO_ARRAY_LEN(lower)))
        return name;
    name = enc_lower(e, name);
    for (size_t i = 0; strcmp(type, "pypi") == 0 && i < name.n; i++)
        if (name.p[i] == '_')
            ((char *)name.p)[i] = '-'; /* our own copy */
    return name;
}

static struct sco_str build_purl(struct sco_encoder *e, const struct ecosystem *eco, struct norm *n)
{
    struct sco_buf b = {0};
    struct sco_str part, rest = purl_name(e, eco->type, n->package_name);
    char sep =
        strcmp(eco->type, "maven") == 0 && memchr(rest.p ? rest.p : "", ':', rest.n) ? ':' : '/';
    sco_buf_addf(&b, "pkg:%s", eco->type);
    if (eco->vendor)
        sco_buf_addf(&b, "/%s", eco->vendor);
    while (sco_str_split(&rest, sep, &part)) {
        if (!part.n)
            continue;
        sco_buf_addc(&b, '/');
        add_encoded(&b, part);
    }
    if (n->package_version.n) {
        sco_buf_addc(&b, '@');
        add_encoded(&b, n->package_version);
    }
    return enc_take(e, &b);
}

static int hex(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

static struct sco_str decoded(struct sco_encoder *e, struct sco_str s)
{
    char *p = s.n ? enc_alloc(e, s.n + 1) : NULL;
    size_t n = 0;
    for (size_t i = 0; p && i < s.n; i++) {
        int high = s.p[i] == '%' && i + 2 < s.n ? hex(s.p[i + 1]) : -1;
        int low = high >= 0 ? hex(s.p[i + 2]) : -1;
        char c = s.p[i];
        if (low >= 0) {
            c = (char)(high << 4 | low);
            i += 2;
        }
        p[n++] = c;
    }
    return enc_text(e, sco_str_make(p, n), FINDING_TEXT_MAX, "package"); /* may be bad UTF-8 */
}

/* What the package URL says and the tool did not say otherwise. */
static void read_purl(struct sco_encoder *e, struct norm *n)
{
    struct sco_str s = n->purl;
    if (s.n < 5 || !sco_str_is_nocase(sco_str_make(s.p, 4), "pkg:"))
        return;
    s = sco_str_make(s.p + 4, s.n - 4);
    while (s.n && s.p[0] == '/')
        s = sco_str_make(s.p + 1, s.n - 1);
    size_t end = 0;
    while (end < s.n && s.p[end] != '?' && s.p[end] != '#')
        end++;
    s.n = end;
    const char *slash = s.n ? memchr(s.p, '/', s.n) : NULL;
    if (!slash)
        return;
    if (!n->ecosystem.n)
        n->ecosystem = enc_lower(e, sco_str_make(s.p, (size_t)(slash - s.p)));
    s = sco_str_make(slash + 1, s.n - (size_t)(slash + 1 - s.p));
    const char *last = s.n ? memrchr(s.p, '/', s.n) : NULL;
    size_t from = last ? (size_t)(last - s.p) + 1 : 0;
    const char *at = s.n > from ? memrchr(s.p + from, '@', s.n - from) : NULL;
    struct sco_str name = sco_str_make(s.p, at ? (size_t)(at - s.p) : s.n);
    if (!n->package_name.n)
        n->package_name = decoded(e, name);
    if (at && !n->package_version.n)
        n->package_version = decoded(e, sco_str_make(at + 1, s.n - (size_t)(at + 1 - s.p)));
}

void enc_package(struct sco_encoder *e, const struct sco_report_finding *f, struct norm *n)
{
    n->package_name = enc_line(e, f->package_name, FINDING_TEXT_MAX, "package");
    n->package_version = enc_line(e, f->package_version, FINDING_TEXT_MAX, "package");
    n->fixed_version = enc_line(e, f->fixed_version, FINDING_TEXT_MAX, "package");
    n->purl = enc_line(e, f->purl, FINDING_TEXT_MAX, "package");
    struct sco_str word = enc_line(e, f->ecosystem, 128, "package");
    const struct ecosystem *eco = word.n ? find_ecosystem(word) : NULL;
    n->ecosystem = eco ? sco_str_c(eco->type) : enc_lower(e, word);
    if (n->purl.n)
        read_purl(e, n);
    else if (eco && n->package_name.n)
        n->purl = build_purl(e, eco, n);
}
