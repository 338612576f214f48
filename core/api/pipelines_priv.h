/* Pipelines and executions over the API. All of it runs on the thread of the call. */
#pragma once

#include "content_priv.h"

#include <secureops/store_pipelines.h>

/* ---- pipelines.c ---- */
/* One that the caller may see, by id or name, else SCO_E_NOT_FOUND. */
int api_pipeline_find(struct api_call *c, const char *id, struct sco_pipeline_page *ret,
                      struct sco_error *err) SCO_NODISCARD;
/* Own ones are switched on, and may be of this repository. */
int api_pipeline_allowed(struct api_call *c, const struct sco_stored_pipeline *p,
                         struct sco_error *err) SCO_NODISCARD;
int api_pipeline_list(struct api_call *c, struct sco_error *err);
int api_pipeline_get(struct api_call *c, struct sco_error *err);
int api_pipeline_post(struct api_call *c, struct sco_error *err);
int api_pipeline_put(struct api_call *c, struct sco_error *err);
int api_pipeline_delete(struct api_call *c, struct sco_error *err);

/* ---- executions.c ---- */
int api_execution_find(struct api_call *c, const char *id, struct sco_execution_page *ret,
                       struct sco_error *err) SCO_NODISCARD;
/* 202 or 200 with the execution. */
int api_execution_reply(struct api_call *c, const char *id, int status,
                        struct sco_error *err) SCO_NODISCARD;
/* Nothing more is to come: it has ended, and so has looking at its platform. */
int api_execution_log_ended(struct sco_store *s, const struct sco_stored_execution *x, bool *ret,
                            struct sco_error *err) SCO_NODISCARD;
int api_execution_history(struct api_call *c, struct sco_error *err);
int api_execution_get(struct api_call *c, struct sco_error *err);
int api_execution_stages(struct api_call *c, struct sco_error *err);
int api_execution_logs(struct api_call *c, struct sco_error *err);
int api_execution_artifacts(struct api_call *c, struct sco_error *err);
int api_execution_download(struct api_call *c, struct sco_error *err);
int api_pipeline_statistics(struct api_call *c, struct sco_error *err);

/* ---- execution_artifact.c ---- */
int api_execution_platform_artifact(struct api_call *c, const struct sco_stored_execution *x,
                                    const char *id, struct sco_error *err);

/* ---- executions_change.c ---- */
/* Who asks, as approvals compare it. */
const char *api_requester(const struct api_call *c);
int api_pipeline_execute(struct api_call *c, struct sco_error *err);
int api_execution_approve(struct api_call *c, struct sco_error *err);
int api_execution_reject(struct api_call *c, struct sco_error *err);
int api_execution_cancel(struct api_call *c, struct sco_error *err);
int api_execution_rerun(struct api_call *c, struct sco_error *err);
int api_execution_refresh(struct api_call *c, struct sco_error *err);

/* ---- rollback.c ---- */
int api_pipeline_rollback(struct api_call *c, struct sco_error *err);
