/* SPDX-License-Identifier: MIT */
/*
 * mkdir_kills.c - preloaded, mkdirat() kills the process VICTIM, and waits until it doesn't exist any more. With REMOVES set to a
 * number, mkdirat() also removes the folder again, but only at that many calls.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

int mkdirat(int folder, const char *path, mode_t mode)
{
	static int calls;
	const char *victim = getenv("VICTIM"), *removes = getenv("REMOVES");
	int result = (int)syscall(SYS_mkdirat, folder, path, mode);

	for (int i = 0; victim != NULL && i < 10000 && kill(atoi(victim), SIGKILL) == 0; i++)
		usleep(1000);
	if (removes != NULL && calls++ < atoi(removes))
		(void)unlinkat(folder, path, AT_REMOVEDIR);
	return result;
}
