/* What the daemon asks for references to secrets of other kinds than env: and file:. */
#pragma once

struct daemon;

/* vault:MOUNT/PATH#KEY with the configuration that holds at that time, store:NAME once the store
 * and its keys are there. Any thread. */
void secrets_provide(struct daemon *d);
void secrets_forget(void);
