/* SPDX-License-Identifier: MIT */
/* machine.c - the registration of a stopped thread, which ptrace shows in the same way on each architecture. */
#define _GNU_SOURCE
#include "machine.h"

#include <sys/ptrace.h>

#define GET_RSEQ_CONFIGURATION 0x420f /* PTRACE_GET_RSEQ_CONFIGURATION, Linux 5.13 */

struct configuration {
	uint64_t area;
	uint32_t size, signature, flags, padding;
};

bool machine_area(pid_t tid, uint64_t *area)
{
	struct configuration configuration = {0, 0, 0, 0, 0};

	if (ptrace((__typeof__(PTRACE_CONT))GET_RSEQ_CONFIGURATION, tid, sizeof(configuration), &configuration) <= 0 ||
	    configuration.area == 0 || configuration.size == 0)
		return false;
	*area = configuration.area;
	return true;
}
