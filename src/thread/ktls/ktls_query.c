/* SPDX-License-Identifier: MIT */
/* ktls_query.c - the public functions of rseqkit/ktls.h that report facts. They also work if the kernel registers no threads. */
#define _GNU_SOURCE
#include <rseqkit/ktls.h>

#include "ktls.h"
#include "os/answer.h"
#include "os/kernel.h"
#include "thread/process.h"

enum rk_ktls rk_ktls_provider(void)
{
	return (enum rk_ktls)(rk_process_get()->provider - 1);
}

const char *rk_ktls_name(enum rk_ktls provider)
{
	static const char *const names[] = {[RK_KTLS_NONE] = "none",
					    [RK_KTLS_KERNEL] = "kernel",
					    [RK_KTLS_LIBC] = "libc",
					    [RK_KTLS_LIBRARY] = "library",
					    [RK_KTLS_OTHERS] = "others"};

	return (size_t)provider < sizeof(names) / sizeof(names[0]) ? names[provider] : "unknown";
}

int rk_ktls_query(struct rk_ktls_layout *layout, size_t size)
{
	const struct rk_process *p = rk_process_get();
	struct rk_ktls_layout full = {.rseq_offset = p->blob};

	if (layout == NULL || size == 0)
		return -EINVAL;
	if (rk_ktls_provider() == RK_KTLS_NONE)
		return -ENXIO;
	full.size = p->blob_size != 0 ? p->blob_size : p->blob + (p->length != 0 ? p->length : RK_AREA_LENGTH_ORIGINAL);
	/* The kernel demands the announced alignment only for registrations longer than the original length. */
	full.alignment = p->blob_alignment != 0		       ? p->blob_alignment :
			 p->length > RK_AREA_LENGTH_ORIGINAL ? p->alignment :
							       RK_AREA_LENGTH_ORIGINAL;
	rk_answer(layout, size, &full, sizeof(full));
	return 0;
}

ptrdiff_t rk_ktls_offset(void)
{
	const struct rk_process *p = rk_process_get();

	return rk_ktls_provider() == RK_KTLS_NONE ? 0 : p->offset - (ptrdiff_t)p->blob;
}

int rk_ktls_tid(ptrdiff_t offset)
{
	int tid = rk_ktls_tid_told(offset);

	return tid > 0 ? tid : (int)RK_SYSCALL(SYS_gettid);
}

int rk_ktls_cpu(ptrdiff_t offset)
{
	int cpu = rk_ktls_cpu_told(offset);

	return cpu >= 0 ? cpu : rk_cpu();
}
