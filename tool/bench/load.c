/* SPDX-License-Identifier: MIT */
/*
 * load.c - measures the load of other programs, and the time that a host takes from a virtual machine (load.h).
 *
 * CPUs that this process isn't allowed to use aren't counted, because their load disturbs nothing.
 */
#define _GNU_SOURCE
#include "load.h"

#include <ctype.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TICKS_MIN 50 /* with fewer ticks the share is unknown, because the kernel counts only whole ticks */

/*
 * The kinds of ticks in /proc/stat: user, nice, system, idle, iowait, irq, softirq, steal. After them /proc/stat also has the
 * ticks of guests, but user and nice already contain these.
 */
enum { IDLE = 3, IOWAIT = 4, KINDS = 8 };

static void read_cpus(struct bench_load *load)
{
	FILE *file = fopen("/proc/stat", "re");
	char line[512];
	cpu_set_t set;
	int cpu;

	if (file == NULL)
		return;
	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		while (fgets(line, sizeof(line), file) != NULL) {
			double t[KINDS] = {0};

			/* The first line is for all CPUs together, so it is skipped. */
			if (!isdigit((unsigned char)line[3]) ||
			    sscanf(line, "cpu%d %lf %lf %lf %lf %lf %lf %lf %lf", &cpu, &t[0], &t[1], &t[2], &t[3], &t[4], &t[5],
				   &t[6], &t[7]) < IOWAIT + 2 ||
			    cpu < 0 || cpu >= CPU_SETSIZE || !CPU_ISSET((size_t)cpu, &set))
				continue;
			for (int kind = 0; kind < KINDS; kind++) {
				load->all += t[kind];
				load->busy += kind == IDLE || kind == IOWAIT ? 0 : t[kind];
			}
		}
	(void)fclose(file);
}

/* Returns the ticks that a process has used, including the ticks of its ended threads, and of the children it waited for. */
static double read_process(pid_t pid)
{
	char path[48], line[1024], *end;
	double t[4] = {0}; /* user and system; the same of the children, which some benches start all the time */
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	file = fopen(path, "re");
	if (file == NULL)
		return 0;
	/* The process's name, which is in brackets, can contain any character. */
	if (fgets(line, sizeof(line), file) != NULL && (end = strrchr(line, ')')) != NULL)
		(void)sscanf(end + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lf %lf %lf %lf", &t[0], &t[1], &t[2], &t[3]);
	(void)fclose(file);
	return t[0] + t[1] + t[2] + t[3];
}

void bench_load_read(struct bench_load *load, const pid_t *pids, size_t count)
{
	*load = (struct bench_load){0};
	read_cpus(load);
	load->own = read_process(getpid());
	for (size_t i = 0; i < count; i++)
		load->own += pids[i] != 0 ? read_process(pids[i]) : 0;
}

double bench_load_of_others(const struct bench_load *from, const struct bench_load *to)
{
	double all = to->all - from->all, others = to->busy - from->busy - (to->own - from->own);

	if (all < TICKS_MIN)
		return -1;
	return others <= 0 ? 0 : others >= all ? 1 : others / all;
}
