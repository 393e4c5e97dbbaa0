/* SPDX-License-Identifier: MIT */
/* reason.h - the errno for each reason why a thread has no rseq. */
#ifndef RK_SRC_REASON_H
#define RK_SRC_REASON_H

#include <rseqkit/thread.h>

/* Returns the positive errno that functions report for a reason; 0 for RK_REASON_NONE. */
int rk_reason_errno(enum rk_reason reason);

#endif /* RK_SRC_REASON_H */
