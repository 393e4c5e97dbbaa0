/* SPDX-License-Identifier: MIT */
/*
 * neighbour.c - a component that registers threads in an area of its own. If it has registered a thread and can't register a
 * later one, it ends the process, as tcmalloc and librseq do. With -DEXPORTED its area is __rseq_abi.
 */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

struct area {
	volatile uint32_t cpu_id_start, cpu_id;
	uint64_t words[3];
} __attribute__((aligned(32)));

#ifdef EXPORTED
#define AREA __rseq_abi
__attribute__((weak))
#else
#define AREA hidden_area
static
#endif
__thread struct area AREA __attribute__((tls_model("initial-exec"))) = {.cpu_id = (uint32_t)-1};

/* Returns whether the calling thread is registered. */
__attribute__((visibility("default"))) int neighbour_enter(void)
{
	static int registered;

	if ((int32_t)AREA.cpu_id >= 0)
		return 1;
	if (syscall(SYS_rseq, &AREA, 32, 0, 0x53053053) == 0)
		registered = 1;
	else if (registered)
		abort();
	return (int32_t)AREA.cpu_id >= 0;
}
