/* SPDX-License-Identifier: MIT */
/* ktls.h - can the kernel register threads by itself? */
#ifndef RK_TOOL_KTLS_H
#define RK_TOOL_KTLS_H

#include <rseqkit/ktls.h>

/*
 * Returns 0, with what the kernel says of its blob, or the errno: EINVAL and ENOSYS where it can't, ENODATA where it isn't
 * the kernel that answers.
 */
int ask_for_ktls(struct rk_ktls_layout *layout);

#endif /* RK_TOOL_KTLS_H */
