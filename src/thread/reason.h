/* SPDX-License-Identifier: MIT */
/* reason.h - the reasons why a thread has no rseq, in one table: number, errno, text. */
#ifndef RK_SRC_REASON_H
#define RK_SRC_REASON_H

#include <rseqkit/thread.h>

/* Returns the positive errno that functions report for a reason; 0 for RK_REASON_NONE. */
int rk_reason_errno(enum rk_reason reason);

#endif /* RK_SRC_REASON_H */
