/* The option tables of the configuration: what there is to configure. The reference, the checks and
 * the struct sco_config all follow from here. */
#include <secureops/config.h>
#include "config_priv.h"

#define SEVERITIES "none,info,low,medium,high,critical"
#define TYPES "any,sast,sca,dast,iac,secret,license,quality"

#define ROW(struct_name, field, kind, default_text, ...)                                           \
    {                                                                                              \
        .type = (kind), .offset = offsetof(struct struct_name, field), .def = (default_text),      \
        __VA_ARGS__                                                                                \
    }

static const struct sco_option top_table[] = {
    ROW(sco_config, output, SCO_OPT_LIST, "table", .name = "output",
        .doc = "Reports to write, each FORMAT or FORMAT=PATH, as for --format. Without a "
               "path, or with -, a report goes to standard output."),
    {0}};

static const struct sco_option scan_table[] = {
    ROW(sco_config_scan, jobs, SCO_OPT_INT, "0", .name = "jobs", .max = 256,
        .doc = "Scanners that run at once; 0 is one per processor core."),
    ROW(sco_config_scan, timeout, SCO_OPT_DURATION, "0", .name = "timeout", .max = 604800000,
        .doc = "Deadline of one scanner; 0 leaves it at the scanner's own default."),
    ROW(sco_config_scan, offline, SCO_OPT_BOOL, "false", .name = "offline",
        .doc = "Nothing may use the network. Scanners that cannot work without it are skipped, and "
               "shown so."),
    ROW(sco_config_scan, exclude, SCO_OPT_LIST, NULL, .name = "exclude",
        .doc = "Globs of paths to leave out. * stays within a folder, ** does not; a pattern "
               "without a slash matches names at any depth."),
    ROW(sco_config_scan, include_ignored, SCO_OPT_BOOL, "false", .name = "include_ignored",
        .doc = "Look also at what .gitignore leaves out and at folders of third-party code."),
    ROW(sco_config_scan, max_findings, SCO_OPT_INT, "0", .name = "max_findings", .max = 1000000000,
        .doc = "Findings taken from one scanner before it counts as incomplete; 0 is the built-in "
               "limit."),
    ROW(sco_config_scan, output_limit, SCO_OPT_SIZE, "0", .name = "output_limit", .max = 1LL << 40,
        .doc = "What a scanner's program may write before it is ended; 0 is the built-in limit."),
    ROW(sco_config_scan, memory_limit, SCO_OPT_SIZE, "0", .name = "memory_limit", .max = 1LL << 44,
        .doc = "Address space of a scanner's program; 0 is no limit."),
    ROW(sco_config_scan, sandbox, SCO_OPT_BOOL, "true", .name = "sandbox",
        .doc = "Confine workers with Landlock and seccomp where the kernel has them. Cannot be set "
               "in an untrusted file."),
    {0}};

static const struct sco_option gate_table[] = {
    ROW(sco_config_gate, fail_on_text, SCO_OPT_ENUM, "high", .name = "fail_on",
        .values = SEVERITIES,
        .doc = "The gate fails when there is a finding of this severity or a higher one."),
    ROW(sco_config_gate, policies, SCO_OPT_LIST, NULL, .name = "policies",
        .doc = "Gates that judge the result beside these rules: the presets strict, balanced and "
               "report-only, or ids of policies for \"scan\"."),
    ROW(sco_config_gate, on_incomplete, SCO_OPT_ENUM, "fail", .name = "on_incomplete",
        .values = "fail,warn",
        .doc = "What becomes of a scan in which something did not finish: fail ends with status 3, "
               "warn only shows it."),
    {0}};

static const char *const gate_others[] = {"thresholds", NULL};

const struct sco_option config_threshold_table[] = {
    ROW(threshold_text, type, SCO_OPT_ENUM, "any", .name = "type", .values = TYPES,
        .doc = "Findings of this type."),
    ROW(threshold_text, severity, SCO_OPT_ENUM, "info", .name = "severity",
        .values = "info,low,medium,high,critical", .doc = "Of this severity or a higher one."),
    ROW(threshold_text, max, SCO_OPT_INT, NULL, .name = "max", .max = INT64_MAX,
        .flags = SCO_OPT_REQUIRED, .doc = "The gate fails when there are more than this."),
    {0}};

static const struct sco_option log_table[] = {
    ROW(sco_config_log, level_text, SCO_OPT_ENUM, "warning", .name = "level",
        .values = "error,warning,info,debug", .doc = "The least severe messages to write."),
    ROW(sco_config_log, format_text, SCO_OPT_ENUM, "text", .name = "format", .values = "text,json",
        .doc = "For people, or one JSON object a line."),
    {0}};

static const struct sco_option tools_table[] = {
    ROW(sco_config_tools, path, SCO_OPT_LIST, NULL, .name = "path",
        .doc = "Folders in which scanners are looked for before PATH."),
    ROW(sco_config_tools, plugins, SCO_OPT_LIST, NULL, .name = "plugins",
        .doc = "Folders with plugins, beside the installed ones."),
    {0}};

static const struct sco_option policies_table[] = {
    ROW(sco_config_policies, dirs, SCO_OPT_LIST, NULL, .name = "dirs",
        .doc = "Folders or archives with Lua policies, beside the installed ones."),
    ROW(sco_config_policies, keys, SCO_OPT_LIST, NULL, .name = "keys",
        .doc = "A PEM file with Ed25519 public keys: archives must be signed by one of them."),
    ROW(sco_config_policies, waivers, SCO_OPT_LIST, NULL, .name = "waivers",
        .doc = "Files with waivers: findings and verdicts that are accepted, why, and until when."),
    {0}};

static const struct sco_option secrets_table[] = {
    ROW(sco_config_secrets, digest_key, SCO_OPT_STR, NULL, .name = "digest_key",
        .flags = SCO_OPT_SECRET,
        .doc = "Key for the digests that stand for found secrets. Without it a well-known one is "
               "used: equal secrets are still recognised, but a short one can be guessed from "
               "its digest."),
    {0}};

static const struct sco_option store_table[] = {
    ROW(sco_config_store, path, SCO_OPT_STR, NULL, .name = "path",
        .doc = "An SQLite file, absolute or from ~/: scans are stored in it as with --store. "
               "`default` is $XDG_STATE_HOME/secureops/store.db."),
    ROW(sco_config_store, url, SCO_OPT_STR, NULL, .name = "url",
        .doc = "postgresql://USER@HOST/DATABASE, in the place of `path`. Passwords belong into "
               "~/.pgpass or PGPASSWORD."),
    ROW(sco_config_store, wait, SCO_OPT_DURATION, "30s", .name = "wait", .min = 100, .max = 600000,
        .doc = "How long the daemon waits for others who write to the same; a request is then "
               "answered with 503."),
    {0}};

/* ---- the daemon ---- */
#define DAY 86400000LL
#define YEARS(n) ((n)*366 * DAY)

static const struct sco_option server_table[] = {
    ROW(sco_config_server, listen, SCO_OPT_STR, "127.0.0.1:8080", .name = "listen",
        .doc = "Where the API listens: ADDRESS:PORT, [IPv6]:PORT, or unix:PATH. Beyond loopback it "
               "wants tls_cert, or a proxy in trusted_proxies."),
    ROW(sco_config_server, tls_cert, SCO_OPT_STR, NULL, .name = "tls_cert",
        .doc = "PEM file with the certificate and its chain."),
    ROW(sco_config_server, tls_key, SCO_OPT_STR, NULL, .name = "tls_key",
        .doc = "PEM file with its private key."),
    ROW(sco_config_server, public_url, SCO_OPT_STR, NULL, .name = "public_url",
        .doc = "How people reach it, https://scans.example.com: in links, and in tokens."),
    ROW(sco_config_server, data, SCO_OPT_STR, NULL, .name = "data",
        .doc = "Folder of the daemon: the store when it is SQLite, keys, uploads, mirrors. By "
               "default $STATE_DIRECTORY, or /var/lib/secureops for root, or "
               "$XDG_STATE_HOME/secureops."),
    ROW(sco_config_server, node, SCO_OPT_STR, NULL, .name = "node",
        .doc = "Name of this node, of one daemon only; by default the host's name."),
    ROW(sco_config_server, trusted_proxies, SCO_OPT_LIST, NULL, .name = "trusted_proxies",
        .doc = "Addresses or networks whose X-Forwarded-For and X-Forwarded-Proto are believed."),
    ROW(sco_config_server, cors_origins, SCO_OPT_LIST, NULL, .name = "cors_origins",
        .doc = "Origins of web pages that may use the API; by default none."),
    ROW(sco_config_server, metrics_token, SCO_OPT_STR, NULL, .name = "metrics_token",
        .flags = SCO_OPT_SECRET,
        .doc = "Bearer token for /metrics. Without it only loopback and administrators read them."),
    ROW(sco_config_server, threads, SCO_OPT_INT, "4", .name = "threads", .min = 1, .max = 64,
        .doc = "Threads that work with the store, each with a connection of its own."),
    ROW(sco_config_server, connections, SCO_OPT_INT, "10000", .name = "connections", .min = 1,
        .max = 1000000, .doc = "Connections at once; further ones are closed."),
    ROW(sco_config_server, rate, SCO_OPT_INT, "50", .name = "rate", .min = 1, .max = 1000000,
        .doc = "Requests a second that one user or token may make in the long run."),
    ROW(sco_config_server, burst, SCO_OPT_INT, "200", .name = "burst", .min = 1, .max = 1000000,
        .doc = "Requests that it may make at once."),
    ROW(sco_config_server, body_limit, SCO_OPT_SIZE, "1MiB", .name = "body_limit", .min = 1024,
        .max = 64 << 20, .doc = "Largest body of a request, but for uploads."),
    ROW(sco_config_server, upload_limit, SCO_OPT_SIZE, "1GiB", .name = "upload_limit", .min = 1024,
        .max = 1LL << 40, .doc = "Largest report that can be imported."),
    ROW(sco_config_server, idle, SCO_OPT_DURATION, "60s", .name = "idle", .min = 1000,
        .max = 3600000, .doc = "A connection without requests is closed after this."),
    ROW(sco_config_server, request, SCO_OPT_DURATION, "30s", .name = "request", .min = 1000,
        .max = 3600000,
        .doc = "A request must have arrived by then; uploads may take a minute a MiB longer."),
    ROW(sco_config_server, hsts, SCO_OPT_BOOL, "false", .name = "hsts",
        .doc = "Send Strict-Transport-Security."),
    {0}};

static const struct sco_option queue_table[] = {
    ROW(sco_config_queue, slots, SCO_OPT_INT, "2", .name = "slots", .max = 256,
        .doc = "Jobs that this node runs at once; 0: none, it only serves the API."),
    ROW(sco_config_queue, ci_slots, SCO_OPT_INT, "4", .name = "ci_slots", .min = 1, .max = 256,
        .doc = "Besides, short jobs, of the kinds ci, call and workflow, that never wait for a "
               "scan's slot."),
    ROW(sco_config_queue, target_max, SCO_OPT_INT, "1", .name = "target_max", .min = 1, .max = 1000,
        .doc = "Jobs of one target at once, all nodes together."),
    ROW(sco_config_queue, scanner_limits, SCO_OPT_LIST, NULL, .name = "scanner_limits",
        .doc = "NAME=N: jobs that may use a scanner at once, all nodes together."),
    ROW(sco_config_queue, lease, SCO_OPT_DURATION, "60s", .name = "lease", .min = 3000,
        .max = 3600000, .doc = "A job of a node that is not heard of for so long runs elsewhere."),
    ROW(sco_config_queue, poll, SCO_OPT_DURATION, "2s", .name = "poll", .min = 1000, .max = 600000,
        .doc = "How often jobs of other nodes' making are looked for."),
    ROW(sco_config_queue, ageing, SCO_OPT_DURATION, "10m", .name = "ageing", .max = 604800000,
        .doc = "Each such time of waiting raises a job's priority by one; 0: never."),
    ROW(sco_config_queue, attempts, SCO_OPT_INT, "3", .name = "attempts", .min = 1, .max = 100,
        .doc = "A job that has failed so often is given up: a dead letter."),
    ROW(sco_config_queue, backoff, SCO_OPT_DURATION, "30s", .name = "backoff", .min = 100,
        .max = 3600000, .doc = "Pause before the second attempt; doubles with each, and varies."),
    ROW(sco_config_queue, backoff_max, SCO_OPT_DURATION, "30m", .name = "backoff_max", .min = 100,
        .max = 86400000, .doc = "Its longest."),
    ROW(sco_config_queue, timeout, SCO_OPT_DURATION, "2h", .name = "timeout", .max = 604800000,
        .doc = "Deadline of a job; 0: none."),
    ROW(sco_config_queue, node_wait, SCO_OPT_DURATION, "1d", .name = "node_wait", .max = YEARS(1),
        .doc = "A job whose files one node alone has, an import, is given up when that node has "
               "not taken it for so long; 0: never."),
    ROW(sco_config_queue, grace, SCO_OPT_DURATION, "30s", .name = "grace", .max = 86400000,
        .doc = "When the daemon stops, jobs may end within this; then they are handed back."),
    {0}};

static const struct sco_option checkout_table[] = {
    ROW(sco_config_checkout, hosts, SCO_OPT_LIST, NULL, .name = "hosts",
        .doc = "Hosts, or globs of them, that repositories may be fetched from; none: every one."),
    ROW(sco_config_checkout, folders, SCO_OPT_LIST, NULL, .name = "folders",
        .doc = "Folders of this machine that jobs may scan, with all below them; none: no folder."),
    ROW(sco_config_checkout, token, SCO_OPT_STR, NULL, .name = "token", .flags = SCO_OPT_SECRET,
        .doc =
            "Token for https repositories; sent to the hosts of checkout.hosts, which it wants."),
    ROW(sco_config_checkout, ssh_key, SCO_OPT_STR, NULL, .name = "ssh_key",
        .doc = "File with the private key for ssh repositories."),
    ROW(sco_config_checkout, known_hosts, SCO_OPT_STR, NULL, .name = "known_hosts",
        .doc = "File with the keys of their hosts; unknown hosts are refused."),
    ROW(sco_config_checkout, depth, SCO_OPT_INT, "1", .name = "depth", .max = 1000000,
        .doc = "Commits of history that are fetched; 0: all."),
    ROW(sco_config_checkout, submodules, SCO_OPT_BOOL, "false", .name = "submodules",
        .doc = "Fetch submodules as well."),
    ROW(sco_config_checkout, timeout, SCO_OPT_DURATION, "10m", .name = "timeout", .min = 1000,
        .max = 86400000, .doc = "Deadline of a checkout."),
    ROW(sco_config_checkout, size_limit, SCO_OPT_SIZE, "10GiB", .name = "size_limit", .min = 4096,
        .max = 1LL << 44, .doc = "Largest repository, on disk."),
    ROW(sco_config_checkout, cache, SCO_OPT_STR, NULL, .name = "cache",
        .doc = "Folder of the mirrors; by default `mirrors` in server.data."),
    ROW(sco_config_checkout, cache_limit, SCO_OPT_SIZE, "20GiB", .name = "cache_limit",
        .max = 1LL << 44, .doc = "What the mirrors may take; the longest unused go first."),
    {0}};

static const struct sco_option pipelines_table[] = {
    ROW(sco_config_pipelines, enabled, SCO_OPT_BOOL, "false", .name = "enabled",
        .doc = "Run own pipelines: whoever may define one, or write to its repository, runs "
               "commands on this machine as the daemon's user. Pipelines of CI platforms do not "
               "need it."),
    ROW(sco_config_pipelines, repositories, SCO_OPT_LIST, NULL, .name = "repositories",
        .doc = "Repositories that may have own pipelines, globs of URLs; none: all that "
               "checkout.hosts and checkout.folders allow."),
    ROW(sco_config_pipelines, memory_limit, SCO_OPT_SIZE, "0", .name = "memory_limit",
        .max = 1LL << 44, .doc = "Address space of each process of a step; 0: no limit."),
    ROW(sco_config_pipelines, output_limit, SCO_OPT_SIZE, "16MiB", .name = "output_limit",
        .min = 4096, .max = 1LL << 32, .doc = "What a step may print; more ends it."),
    ROW(sco_config_pipelines, artifact_limit, SCO_OPT_SIZE, "256MiB", .name = "artifact_limit",
        .max = 1LL << 36,
        .doc = "Artifacts of a stage, all together, where more fails it; an artifact that is "
               "fetched from a "
               "platform."),
    ROW(sco_config_pipelines, rollback_approval, SCO_OPT_BOOL, "true", .name = "rollback_approval",
        .doc = "A rollback waits until somebody else than who asked for it approves."),
    {0}};

static const struct sco_option events_table[] = {
    ROW(sco_config_events, brokers, SCO_OPT_STR, NULL, .name = "brokers",
        .doc = "Kafka: HOST:PORT, by commas. Without it events stay in the store."),
    ROW(sco_config_events, kafka, SCO_OPT_LIST, NULL, .name = "kafka",
        .doc = "Further settings of librdkafka, NAME=VALUE: security.protocol=SASL_SSL."),
    ROW(sco_config_events, kafka_password, SCO_OPT_STR, NULL, .name = "kafka_password",
        .flags = SCO_OPT_SECRET, .doc = "sasl.password."),
    ROW(sco_config_events, prefix, SCO_OPT_STR, "dcc.", .name = "prefix",
        .doc = "What topics begin with."),
    ROW(sco_config_events, environment, SCO_OPT_STR, "production", .name = "environment",
        .doc = "In the metadata of each event."),
    ROW(sco_config_events, jsonl, SCO_OPT_STR, NULL, .name = "jsonl",
        .doc = "File that each event is appended to, a line of JSON each."),
    ROW(sco_config_events, group, SCO_OPT_STR, NULL, .name = "group",
        .doc =
            "Consumer group that takes scan requests from PREFIXsecurity.scan.requested; without "
            "it none are taken."),
    {0}};

static const struct sco_option retention_table[] = {
    ROW(sco_config_retention, audit, SCO_OPT_DURATION, "2562d", .name = "audit", .max = YEARS(100),
        .doc = "How long the audit log is kept; 0: for ever."),
    ROW(sco_config_retention, executions, SCO_OPT_DURATION, "366d", .name = "executions",
        .max = YEARS(100), .doc = "Jobs that have ended, and executions of pipelines."),
    ROW(sco_config_retention, scans, SCO_OPT_DURATION, "732d", .name = "scans", .max = YEARS(100),
        .doc = "Scans."),
    ROW(sco_config_retention, artifacts, SCO_OPT_DURATION, "90d", .name = "artifacts",
        .max = YEARS(100), .doc = "Their reports and logs."),
    ROW(sco_config_retention, resolved, SCO_OPT_DURATION, "0", .name = "resolved",
        .max = YEARS(100), .doc = "Findings, once resolved."),
    ROW(sco_config_retention, alerts, SCO_OPT_DURATION, "1098d", .name = "alerts",
        .max = YEARS(100), .doc = "Alerts."),
    ROW(sco_config_retention, activity, SCO_OPT_DURATION, "732d", .name = "activity",
        .max = YEARS(100), .doc = "Expired tokens and other traces of users."),
    ROW(sco_config_retention, events, SCO_OPT_DURATION, "30d", .name = "events", .max = YEARS(100),
        .doc = "Events that everybody has read."),
    ROW(sco_config_retention, deliveries, SCO_OPT_DURATION, "30d", .name = "deliveries",
        .min = 3 * 86400000LL, .max = YEARS(100),
        .doc =
            "Webhooks that were acted upon or given up. Within this time a platform may send one "
            "again and it is known."),
    {0}};

static const struct sco_option sla_table[] = {
    ROW(sco_config_sla, critical, SCO_OPT_DURATION, "7d", .name = "critical", .max = YEARS(100),
        .doc = "From its first day on; 0: no end."),
    ROW(sco_config_sla, high, SCO_OPT_DURATION, "30d", .name = "high", .max = YEARS(100)),
    ROW(sco_config_sla, medium, SCO_OPT_DURATION, "90d", .name = "medium", .max = YEARS(100)),
    ROW(sco_config_sla, low, SCO_OPT_DURATION, "180d", .name = "low", .max = YEARS(100)),
    {0}};

static const struct sco_option auth_table[] = {
    ROW(sco_config_auth, key, SCO_OPT_STR, NULL, .name = "key", .flags = SCO_OPT_SECRET,
        .doc = "Key that seals secrets at rest and signs tokens: 32 bytes as 64 hex digits or in "
               "base64. By default the systemd credential secureops-key, or a file in server.data "
               "that the first start makes; nodes of one store need the same."),
    ROW(sco_config_auth, old_key, SCO_OPT_STR, NULL, .name = "old_key", .flags = SCO_OPT_SECRET,
        .doc = "The key before, while it is being replaced."),
    ROW(sco_config_auth, access, SCO_OPT_DURATION, "15m", .name = "access", .min = 60000,
        .max = 86400000, .doc = "How long an access token holds."),
    ROW(sco_config_auth, refresh, SCO_OPT_DURATION, "30d", .name = "refresh", .min = 60000,
        .max = YEARS(1), .doc = "How long a login holds."),
    ROW(sco_config_auth, oidc_issuer, SCO_OPT_STR, NULL, .name = "oidc_issuer",
        .doc = "An OpenID Connect issuer whose bearer tokens are taken."),
    ROW(sco_config_auth, oidc_audience, SCO_OPT_STR, NULL, .name = "oidc_audience",
        .doc = "The audience that they must have."),
    ROW(sco_config_auth, oidc_roles_claim, SCO_OPT_STR, "roles", .name = "oidc_roles_claim",
        .doc = "The claim with the names of roles, a list or words with spaces between."),
    ROW(sco_config_auth, oidc_repositories_claim, SCO_OPT_STR, NULL,
        .name = "oidc_repositories_claim",
        .doc = "The claim with the repositories that a token is bound to: globs, a list or words. "
               "A token without it sees none. Unset: tokens are bound by their roles alone."),
    ROW(sco_config_auth, oidc_teams_claim, SCO_OPT_STR, NULL, .name = "oidc_teams_claim",
        .doc = "The claim with its teams, in the same way; with both, both bind."),
    ROW(sco_config_auth, oidc_jwks, SCO_OPT_STR, NULL, .name = "oidc_jwks",
        .doc = "A file with its keys, in the place of asking the issuer."),
    {0}};

static const struct sco_option smtp_table[] = {
    ROW(sco_config_smtp, url, SCO_OPT_STR, NULL, .name = "url",
        .doc = "smtps://HOST:465 or smtp://HOST:587 (with STARTTLS). Without it no mail is sent."),
    ROW(sco_config_smtp, user, SCO_OPT_STR, NULL, .name = "user", .doc = "Its user."),
    ROW(sco_config_smtp, password, SCO_OPT_STR, NULL, .name = "password", .flags = SCO_OPT_SECRET,
        .doc = "And password."),
    ROW(sco_config_smtp, from, SCO_OPT_STR, NULL, .name = "from", .doc = "Sender of the mails."),
    {0}};

static const struct sco_option telemetry_table[] = {
    ROW(sco_config_telemetry, otlp_endpoint, SCO_OPT_STR, NULL, .name = "otlp_endpoint",
        .doc =
            "OpenTelemetry collector, http://HOST:4318/v1/traces. Without it nothing is traced."),
    ROW(sco_config_telemetry, ratio, SCO_OPT_REAL, "1", .name = "ratio",
        .doc = "Part of the traces that begin here that is kept."),
    {0}};

static const struct sco_option vault_table[] = {
    ROW(sco_config_vault, address, SCO_OPT_STR, NULL, .name = "address",
        .doc = "HashiCorp Vault: secrets written as vault:MOUNT/PATH#KEY are asked there."),
    ROW(sco_config_vault, token, SCO_OPT_STR, NULL, .name = "token", .flags = SCO_OPT_SECRET,
        .doc = "Its token."),
    ROW(sco_config_vault, namespace_, SCO_OPT_STR, NULL, .name = "namespace",
        .doc = "Its namespace."),
    {0}};

static const struct sco_option workflows_table[] = {
    ROW(sco_config_workflows, after_scan, SCO_OPT_LIST, NULL, .name = "after_scan",
        .doc = "Workflows that run after every scan that the daemon stored, in this order; those "
               "on events of platforms are named by `rules`."),
    ROW(sco_config_workflows, on_finding, SCO_OPT_LIST, NULL, .name = "on_finding",
        .doc = "Workflows that run when findings are detected, come back or are resolved."),
    ROW(sco_config_workflows, on_alert, SCO_OPT_LIST, NULL, .name = "on_alert",
        .doc = "Workflows that run on alerts, such as sla_breached; not on those that workflows "
               "and notifications raise."),
    ROW(sco_config_workflows, schedule, SCO_OPT_LIST, NULL, .name = "schedule",
        .doc = "NAME=CRON: workflows that run at times of the clock, once among all nodes."),
    ROW(sco_config_workflows, time_zone, SCO_OPT_STR, "UTC", .name = "time_zone",
        .doc = "Whose clock that is, such as Europe/Berlin."),
    ROW(sco_config_workflows, hosts, SCO_OPT_LIST, NULL, .name = "hosts",
        .doc = "Where call() may go: HOST, HOST:PORT, or a glob of either. Empty: nowhere. "
               "Addresses that are not public are reached only when an item without "
               "wildcards names them."),
    ROW(sco_config_workflows, secrets, SCO_OPT_LIST, NULL, .name = "secrets",
        .doc = "What secret() stands for in headers of calls: NAME=REFERENCE, a reference as of "
               "other secrets (env:X, file:PATH, vault:...)."),
    ROW(sco_config_workflows, recipients, SCO_OPT_LIST, NULL, .name = "recipients",
        .doc = "Globs of the addresses that notify() may send mail to. Empty: none."),
    ROW(sco_config_workflows, targets, SCO_OPT_LIST, NULL, .name = "targets",
        .doc = "Globs of the repositories that scan() may name beside the event's own. Empty: "
               "none."),
    ROW(sco_config_workflows, rate, SCO_OPT_INT, "120", .name = "rate", .max = 1000000,
        .doc = "Workflows of one repository within an hour; more fail with an alert, so that what "
               "starts itself comes to an end. 0 is no limit."),
    ROW(sco_config_workflows, timeout, SCO_OPT_DURATION, "30s", .name = "timeout", .min = 1000,
        .max = 300000, .doc = "Deadline of one call."),
    {0}};

static const struct sco_option notifications_table[] = {
    ROW(sco_config_notifications, severity_text, SCO_OPT_ENUM, "high", .name = "severity",
        .values = "info,low,medium,high,critical",
        .doc = "Alerts of this severity and above are sent."),
    ROW(sco_config_notifications, kinds, SCO_OPT_LIST, NULL, .name = "kinds",
        .doc = "Globs of the kinds of alerts that are sent (sla_breached, critical_findings, "
               "job_dead, ...). Empty: all."),
    ROW(sco_config_notifications, mail, SCO_OPT_LIST, NULL, .name = "mail",
        .doc = "Addresses that get a mail for each; needs smtp.url."),
    ROW(sco_config_notifications, webhooks, SCO_OPT_LIST, NULL, .name = "webhooks",
        .doc = "URLs that get each as JSON. One that is itself secret is written as a reference "
               "(env:X, file:PATH, vault:...)."),
    ROW(sco_config_notifications, secret, SCO_OPT_STR, NULL, .name = "secret",
        .flags = SCO_OPT_SECRET,
        .doc = "Key of the signature of what webhooks get: X-SecureOps-Signature-256 is "
               "sha256=HMAC of the body."),
    {0}};

const struct sco_option config_scanner_table[] = {
    ROW(scanner_common, enabled, SCO_OPT_ENUM, "auto", .name = "enabled",
        .values = "auto,true,false",
        .doc = "auto runs it when it applies and is installed; true says that it must run, false "
               "that it never does."),
    ROW(scanner_common, required, SCO_OPT_BOOL, "false", .name = "required",
        .doc = "The scan is incomplete when this scanner is missing or does not finish."),
    ROW(scanner_common, timeout, SCO_OPT_DURATION, "0", .name = "timeout", .max = 604800000,
        .doc = "Deadline of this scanner; 0 takes that of the section scan, then its own default."),
    {0}};

static const char *const top_others[] = {
    "scanners",     "scan",  "gate",      "log",           "tools",     "secrets",
    "policies",     "store", "server",    "queue",         "checkout",  "events",
    "retention",    "auth",  "smtp",      "telemetry",     "vault",     "sla",
    "integrations", "rules", "workflows", "notifications", "pipelines", NULL};

const struct section config_sections[SECTION_MAX_] = {
    [SECTION_TOP] = {.name = "", .doc = "", .table = top_table, .others = top_others},
    [SECTION_SCAN] = {.name = "scan",
                      .doc = "How a scan is run.",
                      .table = scan_table,
                      .offset = offsetof(struct sco_config, scan)},
    [SECTION_GATE] = {.name = "gate",
                      .doc = "When a scan fails.",
                      .table = gate_table,
                      .offset = offsetof(struct sco_config, gate),
                      .others = gate_others},
    [SECTION_LOG] = {.name = "log",
                     .doc = "Messages about the program itself, on standard error.",
                     .table = log_table,
                     .offset = offsetof(struct sco_config, log)},
    [SECTION_TOOLS] = {.name = "tools",
                       .doc = "Where scanners and plugins are. Relative folders in a file start at "
                              "the folder of the file. Refused in an untrusted file.",
                       .table = tools_table,
                       .offset = offsetof(struct sco_config, tools),
                       .trusted_only = true},
    [SECTION_SECRETS] = {.name = "secrets",
                         .doc = "Refused in an untrusted file.",
                         .table = secrets_table,
                         .offset = offsetof(struct sco_config, secrets),
                         .trusted_only = true},
    [SECTION_POLICIES] = {.name = "policies",
                          .doc = "Where policies and waivers are. Which policies a scan evaluates "
                                 "is said in `scanners.policies`. Relative paths in a file start "
                                 "at the folder of the file. Refused in an untrusted file.",
                          .table = policies_table,
                          .offset = offsetof(struct sco_config, policies),
                          .trusted_only = true},
    [SECTION_STORE] = {.name = "store",
                       .doc = "Where scans and the life of their findings are kept. Without "
                              "either value, and without --store, nothing is. Refused in an "
                              "untrusted file.",
                       .table = store_table,
                       .offset = offsetof(struct sco_config, store),
                       .trusted_only = true},
    [SECTION_SERVER] = {.name = "server",
                        .doc = "The daemon and its API. Refused in an untrusted file.",
                        .table = server_table,
                        .offset = offsetof(struct sco_config, server),
                        .trusted_only = true},
    [SECTION_QUEUE] = {.name = "queue",
                       .doc = "How the daemon runs jobs. Refused in an untrusted file.",
                       .table = queue_table,
                       .offset = offsetof(struct sco_config, queue),
                       .trusted_only = true},
    [SECTION_CHECKOUT] =
        {.name = "checkout",
         .doc = "How the daemon gets at what a job scans. Refused in an untrusted file.",
         .table = checkout_table,
         .offset = offsetof(struct sco_config, checkout),
         .trusted_only = true},
    [SECTION_EVENTS] = {.name = "events",
                        .doc = "Where the daemon publishes events. Refused in an untrusted file.",
                        .table = events_table,
                        .offset = offsetof(struct sco_config, events),
                        .trusted_only = true},
    [SECTION_RETENTION] =
        {.name = "retention",
         .doc = "How long the daemon keeps things; 0 is for ever. Refused in an untrusted file.",
         .table = retention_table,
         .offset = offsetof(struct sco_config, retention),
         .trusted_only = true},
    [SECTION_SLA] = {.name = "sla",
                     .doc = "How long a finding of a severity may be open before it is overdue.",
                     .table = sla_table,
                     .offset = offsetof(struct sco_config, sla)},
    [SECTION_PIPELINES] = {.name = "pipelines",
                           .doc = "Own pipelines: docs/pipelines.md. Refused in an untrusted file.",
                           .table = pipelines_table,
                           .offset = offsetof(struct sco_config, pipelines),
                           .trusted_only = true},
    [SECTION_AUTH] = {.name = "auth",
                      .doc = "Keys and tokens of the API. Refused in an untrusted file.",
                      .table = auth_table,
                      .offset = offsetof(struct sco_config, auth),
                      .trusted_only = true},
    [SECTION_SMTP] = {.name = "smtp",
                      .doc = "How the daemon sends mail. Refused in an untrusted file.",
                      .table = smtp_table,
                      .offset = offsetof(struct sco_config, smtp),
                      .trusted_only = true},
    [SECTION_TELEMETRY] = {.name = "telemetry",
                           .doc = "Traces of the daemon's work. Refused in an untrusted file.",
                           .table = telemetry_table,
                           .offset = offsetof(struct sco_config, telemetry),
                           .trusted_only = true},
    [SECTION_VAULT] = {.name = "vault",
                       .doc =
                           "HashiCorp Vault as a place of secrets. Refused in an untrusted file.",
                       .table = vault_table,
                       .offset = offsetof(struct sco_config, vault),
                       .trusted_only = true},
    [SECTION_WORKFLOWS] = {.name = "workflows",
                           .doc = "Lua workflows of the daemon, and what they may reach: "
                                  "docs/workflows.md. Refused in an untrusted file.",
                           .table = workflows_table,
                           .offset = offsetof(struct sco_config, workflows),
                           .trusted_only = true},
    [SECTION_NOTIFICATIONS] = {.name = "notifications",
                               .doc = "Where the daemon sends alerts. Refused in an untrusted "
                                      "file.",
                               .table = notifications_table,
                               .offset = offsetof(struct sco_config, notifications),
                               .trusted_only = true},
};

uint32_t config_word_index(const char *words, struct sco_str word)
{
    struct sco_str rest = sco_str_c(words), item;
    char name[32];
    for (uint32_t i = 0; sco_str_split(&rest, ',', &item); i++) {
        snprintf(name, sizeof name, "%.*s", SCO_STR_ARG(item));
        if (sco_str_is_nocase(word, name))
            return i;
    }
    return 0;
}
