/* Names of severities, types, states and targets, and the words that tools use for severity. */
#include <secureops/finding.h>

static const char *const severities[] = {
    [SCO_SEV_INFO] = "INFO", [SCO_SEV_LOW] = "LOW",           [SCO_SEV_MEDIUM] = "MEDIUM",
    [SCO_SEV_HIGH] = "HIGH", [SCO_SEV_CRITICAL] = "CRITICAL",
};

const char *sco_severity_name(uint32_t severity)
{
    if (severity < SCO_SEV_INFO || severity > SCO_SEV_CRITICAL)
        severity = SCO_SEV_INFO;
    return severities[severity];
}

uint32_t sco_severity_parse(struct sco_str s)
{
    for (uint32_t i = SCO_SEV_INFO; i <= SCO_SEV_CRITICAL; i++)
        if (sco_str_is_nocase(s, severities[i]))
            return i;
    return SCO_SEV_UNKNOWN;
}

static const char *const types[SCO_TYPE_MAX_] = {
    [SCO_TYPE_SAST] = "SAST",       [SCO_TYPE_SCA] = "SCA",       [SCO_TYPE_DAST] = "DAST",
    [SCO_TYPE_IAC] = "IAC",         [SCO_TYPE_SECRET] = "SECRET", [SCO_TYPE_LICENSE] = "LICENSE",
    [SCO_TYPE_QUALITY] = "QUALITY",
};

const char *sco_type_name(uint32_t type)
{
    return type < SCO_TYPE_MAX_ && types[type] ? types[type] : "";
}

uint32_t sco_type_parse(struct sco_str s)
{
    for (uint32_t i = 1; i < SCO_TYPE_MAX_; i++)
        if (sco_str_is_nocase(s, types[i]))
            return i;
    return 0;
}

const char *sco_status_name(enum sco_status s)
{
    static const char *const names[SCO_STATUS_MAX_] = {
        [SCO_STATUS_OPEN] = "OPEN",         [SCO_STATUS_IN_PROGRESS] = "IN_PROGRESS",
        [SCO_STATUS_RESOLVED] = "RESOLVED", [SCO_STATUS_FALSE_POSITIVE] = "FALSE_POSITIVE",
        [SCO_STATUS_ACCEPTED] = "ACCEPTED",
    };
    return (unsigned)s < SCO_STATUS_MAX_ ? names[s] : "OPEN";
}

/* In the order of SCO_TARGET_*. */
static const char *const targets[] = {"directory", "git", "image", "sbom", "url", "plan", "file"};

const char *sco_target_name(uint32_t kind)
{
    for (uint32_t i = 0; i < SCO_ARRAY_LEN(targets); i++)
        if (kind == 1u << i)
            return targets[i];
    return NULL;
}

uint32_t sco_target_bits(const struct sco_node *names)
{
    uint32_t bits = 0;
    SCO_EACH (c, names)
        for (uint32_t i = 0; i < SCO_ARRAY_LEN(targets); i++)
            if (sco_str_is(sco_text(c), targets[i]))
                bits |= 1u << i;
    return bits;
}

struct word {
    const char *text;
    uint32_t severity;
};

/* Only words whose meaning is the same wherever they occur. "unknown", "undefined" and
 * "unassigned" are left out on purpose: they say that the tool does not know. */
static const struct word words[] = {
    {"critical", SCO_SEV_CRITICAL},   {"blocker", SCO_SEV_CRITICAL},
    {"crit", SCO_SEV_CRITICAL},       {"very high", SCO_SEV_CRITICAL},
    {"fatal", SCO_SEV_CRITICAL},      {"high", SCO_SEV_HIGH},
    {"error", SCO_SEV_HIGH},          {"important", SCO_SEV_HIGH},
    {"severe", SCO_SEV_HIGH},         {"medium", SCO_SEV_MEDIUM},
    {"moderate", SCO_SEV_MEDIUM},     {"warning", SCO_SEV_MEDIUM},
    {"warn", SCO_SEV_MEDIUM},         {"major", SCO_SEV_MEDIUM},
    {"mid", SCO_SEV_MEDIUM},          {"low", SCO_SEV_LOW},
    {"minor", SCO_SEV_LOW},           {"note", SCO_SEV_INFO},
    {"notice", SCO_SEV_INFO},         {"info", SCO_SEV_INFO},
    {"information", SCO_SEV_INFO},    {"informational", SCO_SEV_INFO},
    {"negligible", SCO_SEV_INFO},     {"none", SCO_SEV_INFO},
    {"style", SCO_SEV_INFO},          {"trace", SCO_SEV_INFO},
    {"unimportant", SCO_SEV_INFO},    {"optional", SCO_SEV_INFO},
    {"recommendation", SCO_SEV_INFO}, {"hint", SCO_SEV_INFO},
    {"suggestion", SCO_SEV_INFO},
};

uint32_t sco_severity_from_word(struct sco_str word)
{
    word = sco_str_trim(word);
    for (size_t i = 0; i < SCO_ARRAY_LEN(words); i++)
        if (sco_str_is_nocase(word, words[i].text))
            return words[i].severity;
    return SCO_SEV_UNKNOWN;
}

uint32_t sco_severity_from_score(double cvss)
{
    return cvss >= 9   ? SCO_SEV_CRITICAL
           : cvss >= 7 ? SCO_SEV_HIGH
           : cvss >= 4 ? SCO_SEV_MEDIUM
           : cvss > 0  ? SCO_SEV_LOW
                       : SCO_SEV_INFO;
}
