/* Starts the real secureops-worker with one job and collects what it says and how it ends. The test
 * is made a subreaper, so that whatever a worker leaves behind is found. */
#pragma once

#include <secureops/ipc.h>

struct drive_job {
    const char *kind;    /* "scan" when NULL */
    const char *plugin;  /* absolute path */
    const char *plugin2; /* a second candidate, or NULL */
    const char *options; /* JSON, or NULL */
    const char *program, *input, *format, *version;
    int64_t timeout_ms; /* of the job; 0: 20 s */
    int64_t kill_ms;    /* when the driver kills the group; 0: timeout_ms + 4 s */
    int64_t cancel_ms;  /* when CANCEL is sent; 0: never */
    int64_t max_findings, max_output;
    bool no_sandbox;
};

struct drive_result {
    char status[32];   /* of DONE; "died" without one */
    char reason[4200]; /* of DONE, else how it died */
    char hello[256];
    char loading[1024];  /* the last path */
    char chosen[64];     /* PLUGIN */
    char version[64];    /* of DONE */
    char describe[8192]; /* the last DESCRIBE */
    int64_t claimed;     /* findings, as DONE says */
    int64_t findings;    /* lines received */
    int64_t records, records_claimed;
    int64_t logs, progress, incomplete;
    char log[4200];   /* the last one */
    char text[65536]; /* of all findings, as far as it fits */
    bool broken;      /* not our frames: the driver killed it */
    bool killed;      /* by the driver's deadline */
    int exit_code, signal;
    int left;          /* processes that were there after its end */
    size_t files_left; /* in the work folder that could not be removed */
    int64_t duration_ms;
};

/* False when the worker could not be started. */
bool drive(const struct drive_job *j, struct drive_result *ret);

const char *drive_build(void); /* the build folder */
/* BUILD/tests/FOLDER/NAME.so */
const char *drive_plugin(const char *folder, const char *name);
/* A folder of the test, with work/ and cache/ below while a job runs. */
const char *drive_dir(void);
