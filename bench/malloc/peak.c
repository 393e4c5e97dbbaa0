/* SPDX-License-Identifier: MIT */
/*
 * peak.c - runs a program, and writes its CPU time in seconds and its largest resident set in KiB to a file.
 *
 *	peak FILE LIBRARY PROGRAM [ARGUMENT...]
 *
 * LIBRARY is preloaded; "" means none. The largest resident set of a process also counts the time before its exec. So this
 * program must be small.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct rusage usage;
	int status;
	FILE *file;
	pid_t pid;

	if (argc < 4)
		return 2;
	pid = fork();
	if (pid == 0) {
		if (argv[2][0] != '\0')
			setenv("LD_PRELOAD", argv[2], 1);
		execvp(argv[3], argv + 3);
		_exit(127);
	}
	file = fopen(argv[1], "w");
	if (pid < 0 || file == NULL || wait4(pid, &status, 0, &usage) != pid)
		return 1;
	fprintf(file, "%.6f %ld\n", (double)usage.ru_utime.tv_sec + (double)usage.ru_stime.tv_sec +
		(double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6, usage.ru_maxrss);
	return fclose(file) == 0 && WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
