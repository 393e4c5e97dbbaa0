/* SPDX-License-Identifier: MIT */
/* reason.c - the errno and the text of each reason why a thread has no rseq, the names of owners, and this library's version. */
#include "reason.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <rseqkit/api.h>

static const struct {
	int error;
	const char *text;
} reasons[] = {
	[RK_REASON_NONE] = {0, "registered"},
	[RK_REASON_NOT_YET] = {EAGAIN, "not asked for yet; the thread's first operation registers it"},
	[RK_REASON_NO_KERNEL] = {ENOSYS,
				 "the rseq system call doesn't exist here (kernel, emulator, or a filter answering ENOSYS)"},
	[RK_REASON_BLOCKED] = {EPERM, "a system call filter refuses rseq"},
	[RK_REASON_FOREIGN] = {EBUSY, "another component of the process has registered a private area"},
	[RK_REASON_SIGNATURE] = {EACCES, "the area is registered with a signature that isn't the C library's"},
	[RK_REASON_VFORK] = {EAGAIN, "in a vfork child, or between rk_vfork_begin() and rk_vfork_end()"},
	[RK_REASON_AREA] = {EINVAL, "the kernel doesn't accept the area"},
	[RK_REASON_LIBC_GAVE_UP] = {ESRCH, "the C library registers threads, but this thread is not registered"},
	[RK_REASON_RENDEZVOUS] = {EADDRINUSE, "the copies of rseqkit in this process can't agree on an area"},
	[RK_REASON_EXITING] = {ESHUTDOWN, "the thread is ending, and its memory will be reused before it is gone"},
	[RK_REASON_LATE] = {ENOTSUP,
			    "rseqkit was loaded late, when this C library gives no static TLS; link or preload it"},
	[RK_REASON_UNWATCHED] = {ENOTSUP, "the thread's end can't be seen; link rseqkit to the program, or preload it"},
	[RK_REASON_STRANGER] = {EBUSY, "a component that registers threads itself is loaded, so rseqkit registers none"},
	[RK_REASON_TOLD] = {ECANCELED, "the program was started with RSEQKIT_AREA=others, so rseqkit registers no thread"},
	[RK_REASON_NO_PORT] = {ENOSYS, "no critical sections for this architecture"},
};

int rk_reason_errno(enum rk_reason reason)
{
	return (size_t)reason < sizeof(reasons) / sizeof(reasons[0]) ? reasons[reason].error : EINVAL;
}

const char *rk_reason_text(enum rk_reason reason)
{
	bool known = (size_t)reason < sizeof(reasons) / sizeof(reasons[0]) && reasons[reason].text != NULL;

	return known ? reasons[reason].text : "unknown";
}

const char *rk_owner_name(enum rk_owner owner)
{
	switch (owner) {
	case RK_OWNER_NONE:
		return "none";
	case RK_OWNER_LIBC:
		return "libc";
	case RK_OWNER_SELF:
		return "self";
	case RK_OWNER_EARLY:
		return "early";
	case RK_OWNER_FOREIGN:
		return "foreign";
	case RK_OWNER_LIBRSEQ:
		return "librseq";
	case RK_OWNER_KERNEL:
		return "kernel";
	}
	return "unknown";
}

#define STR_(x) #x
#define STR(x) STR_(x)

const char *rk_version(void)
{
	return STR(RK_VERSION_MAJOR) "." STR(RK_VERSION_MINOR) "." STR(RK_VERSION_PATCH);
}
