/* Messages between engine and worker: frames over a SOCK_STREAM socketpair.
 *
 * A frame is a little-endian u32 length of the payload, one byte of type, and the payload: JSON,
 * or one item per line: a finding as JSON (SCO_MSG_FINDINGS), a record (SCO_MSG_RECORDS). A length
 * above SCO_FRAME_MAX ends the talk.
 *
 * The worker finds the socket as descriptor SCO_WORKER_FD, receives one JOB, sends HELLO at once
 * and DONE as its last word. A worker that ends without DONE has crashed.
 *
 * JOB: {"kind":"scan"|"import"|"describe"|"version",
 *   "plugins":["/abs/a.so",...]   scan, version: one; import: candidates; describe: all
 *   "descriptors":[text|null,...] one for each plugin, absent when all are null: the JSON form of
 *                                 a described scanner, said in the place of the plugin's own words
 *   "options":{name:typed value}  checked by the engine; secrets resolved
 *   "target":{"kind":"directory","path":"/abs"}   scan; kind: directory git image sbom url plan,
 *                                 or file
 *   "input":"/abs/report.json","root":"/abs"|null,"format":"name"|null   import; its options are
 *                                 those of the one plugin or of `format`, or {plugin: options}
 *   "work_dir","cache_dir","program","version":text or null
 *   "excludes":[],"files":[],"offline":bool,"cpus":n,"timeout_ms":n
 *   "limits":{"findings":n,"output":bytes,"memory":bytes}
 *   "sandbox":{"landlock":bool,"seccomp":bool,"write":["/abs",...]}
 *   "request":text                JSON for this plugin: sco_job.request
 *   "env":{"NAME":"value"}        the clean environment of the scanner's program
 *   "digest_key":"hex"}
 * HELLO: {"version":"0.1.0","sandbox":"landlock 3, seccomp"|"none: reason"}
 * DESCRIBE (one per plugin): {"path","name","kind":"scanner"|"ci","version","license","summary",
 *   "abi":"1.0","options":[{"name","type","required","secret","deprecated","default","min","max",
 *   "values","doc"}] (as option.h writes them),"scanner":{"title","homepage",
 *   "targets":["directory",...],"finds":["SAST",...],"network","locks_cache","explicit","all_files"
 * (booleans), "programs":[],"version_args":[],"detect":[],"install","timeout_s","max_parallel",
 *   "can_run","can_parse","can_sniff","can_inspect"}}; what the plugin left NULL is absent.
 *   Or {"path","error":text,"code":SCO_E_*}. Before loading a plugin the worker sends LOADING
 *   {"path"}, so that a crash has a name.
 * TOOL: {"name","version"}  LOG: {"level":1..4,"text"}  PROGRESS: {"done","total","what"}
 * INCOMPLETE: {"reason"}    PLUGIN: {"name","score"} (import: which one was chosen)
 * RECORDS: lines of KIND, a space, and JSON without line breaks
 * A job of kind "ci" ({"kind":"ci","plugins":[one],"options":{},"cache_dir","work_dir","offline",
 * "sandbox","http":{"break_after","break_ms"},...}) serves calls until the engine closes the
 * socket: HELLO, PLUGIN {"name"} once the plugin is open, then for each CALL, in order, LOG and
 * RECORDS ("event", "result") and one ANSWER. A CALL is one line of JSON and, after the line break,
 * the bytes of the delivery's body:
 *   {"id":n,"op":"verify"|"translate","headers":[[name,value],...],"path","query","received_ms"}
 *   {"id":n,"op":"trigger"|...|"publish"|"poll","request":{...},"timeout_ms":n}
 * Calls of the first form may be sent ahead; after one of the second form nothing but CANCEL until
 * its answer. The records of a verify or translate that failed count for nothing.
 * ANSWER: {"id":n,"code":0|SCO_CI_LATER|SCO_CI_DEGRADED|SCO_E_*,"reason":text|null,"retry_ms":n,
 *   "receipt":{"id":text|null,"native_event","ignored":bool}}   receipt: of verify alone
 * DONE: {"status":"completed"|"incomplete"|"failed"|"timeout"|"skipped"|"cancelled",
 *   "reason":text|null,"code":SCO_E_*,"findings":n,"records":n,"exit_code":n|null,"version":text|null}
 */
#pragma once

#include <secureops/base.h>

enum { SCO_WORKER_FD = 3, SCO_FRAME_MAX = 64 << 20, SCO_FRAME_BATCH = 128 << 10 };

enum sco_msg {
    SCO_MSG_JOB = 'J',    /* engine to worker */
    SCO_MSG_CANCEL = 'C', /* engine to worker: stop soon */
    SCO_MSG_CALL = 'K',   /* engine to worker: of a "ci" job */
    SCO_MSG_ANSWER = 'A',
    SCO_MSG_HELLO = 'H',
    SCO_MSG_LOADING = 'O',
    SCO_MSG_DESCRIBE = 'M',
    SCO_MSG_PLUGIN = 'U',
    SCO_MSG_TOOL = 'T',
    SCO_MSG_FINDINGS = 'F',
    SCO_MSG_RECORDS = 'R',
    SCO_MSG_LOG = 'L',
    SCO_MSG_PROGRESS = 'P',
    SCO_MSG_INCOMPLETE = 'I',
    SCO_MSG_DONE = 'D',
};

/* Blocking write of one frame: 0, SCO_E_LIMIT, SCO_E_IO (also when the other side is gone), or, on
 * a socket with SO_SNDTIMEO, SCO_E_TIMEOUT; after an error nothing more may be sent. */
int sco_frame_send(int fd, enum sco_msg type, struct sco_str payload,
                   struct sco_error *err) SCO_NODISCARD;

/* Cuts frames out of a stream. Feed what was read; take frames until 0. */
struct sco_frames {
    struct sco_buf in;
    size_t at; /* consumed bytes of `in` */
};
int sco_frames_feed(struct sco_frames *f, struct sco_str bytes,
                    struct sco_error *err) SCO_NODISCARD;
/* 1: a frame, its payload borrowed until the next feed; 0: more bytes are needed; SCO_E_LIMIT,
 * SCO_E_FORMAT (unknown type): the stream is broken. */
int sco_frames_next(struct sco_frames *f, enum sco_msg *ret_type, struct sco_str *ret_payload,
                    struct sco_error *err) SCO_NODISCARD;
void sco_frames_done(struct sco_frames *f);
/* Blocking read of the next frame from fd. 1, 0 at the end of the stream, or an error. */
int sco_frames_read(struct sco_frames *f, int fd, enum sco_msg *ret_type,
                    struct sco_str *ret_payload, struct sco_error *err) SCO_NODISCARD;
