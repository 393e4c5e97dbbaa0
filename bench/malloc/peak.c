/* SPDX-License-Identifier: MIT */
/*
 * peak.c - runs a program COUNT times, and writes to a file the median of its CPU times in seconds, and the largest resident set
 * of all runs in KiB.
 *
 *	peak FILE LIBRARY COUNT PROGRAM [ARGUMENT...]
 *
 * LIBRARY is preloaded; "" means none. The CPU time is that of the process from its fork to its end. The largest resident set
 * of a process also counts the time before its exec, so this program must be small.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define COUNT_MAX 1000

static int compare(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;

	return a < b ? -1 : a > b;
}

int main(int argc, char **argv)
{
	static double times[COUNT_MAX];
	int count = argc < 5 ? 0 : atoi(argv[3]);
	long peak = 0;
	FILE *file;

	if (count < 1 || count > COUNT_MAX)
		return 2;
	for (int i = 0; i < count; i++) {
		struct rusage usage;
		int status;
		pid_t pid = fork();

		if (pid == 0) {
			if (argv[2][0] != '\0')
				setenv("LD_PRELOAD", argv[2], 1);
			execvp(argv[4], argv + 4);
			_exit(127);
		}
		if (pid < 0 || wait4(pid, &status, 0, &usage) != pid)
			return 1;
		if (status != 0)
			return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
		times[i] = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
			(double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
		peak = usage.ru_maxrss > peak ? usage.ru_maxrss : peak;
	}
	qsort(times, (size_t)count, sizeof *times, compare);
	file = fopen(argv[1], "w");
	if (file == NULL)
		return 1;
	fprintf(file, "%.6f %ld\n", times[count / 2], peak);
	return fclose(file) == 0 ? 0 : 1;
}
