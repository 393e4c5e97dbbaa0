/* SPDX-License-Identifier: MIT */
/*
 * foreign.c - a component that follows no protocol: preloaded, it registers the initial thread on a private area before
 * any other library is initialised, the C library included. With FOREIGN_ONCE in the environment, programs that this
 * one starts are spared.
 */
#define _GNU_SOURCE
#include <rseqkit/arch/arch.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static __thread struct {
	uint32_t words[8];
} area __attribute__((__aligned__(32), __tls_model__("initial-exec")));

static char *find(char **environment, const char *start)
{
	while (*environment != NULL && strncmp(*environment, start, strlen(start)) != 0)
		environment++;
	return *environment;
}

/* glibc passes what main() gets; getenv() isn't ready yet. */
__attribute__((__constructor__)) static void register_privately(int argc, char **argv, char **environment)
{
	char *preload = find(environment, "LD_PRELOAD=");

	(void)argc;
	(void)argv;
	if (find(environment, "FOREIGN_ONCE=") != NULL && preload != NULL)
		preload[0] = 'x';
	area.words[1] = (uint32_t)-1;
	(void)syscall(SYS_rseq, &area, sizeof(area), 0, RK_SIGNATURE);
}
