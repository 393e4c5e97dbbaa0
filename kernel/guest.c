// SPDX-License-Identifier: MIT
/*
 * guest.c - the first process of a guest in which the scripts run-mutants and run-steps run the selftest.
 *
 * A mutant is a deliberate bug in the kernel, which the selftest must find. The kernel's command line has the numbers of the
 * `first` and the `last` mutant. For each number from `first` to `last` the process switches this mutant on and runs /test.
 * Number 0 means no mutant. The process prints the status of each run, or -1 if it can't switch the mutant on. At the end it
 * powers the guest off.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SECONDS 120

/*
 * A guest's clock can be wrong by any factor, so the limit grows with the time that a loop takes by this clock. The selftest
 * has the same rule for its own limits.
 */
static unsigned int limit(void)
{
	struct timespec begin, end;
	long ms;

	clock_gettime(CLOCK_MONOTONIC, &begin);
	for (int i = 0; i < 50000000; i++)
		__asm__ volatile("" : : : "memory");
	clock_gettime(CLOCK_MONOTONIC, &end);
	ms = (end.tv_sec - begin.tv_sec) * 1000 + (end.tv_nsec - begin.tv_nsec) / 1000000;
	return ms > 100 ? (unsigned int)(SECONDS * ms / 100) : SECONDS;
}

static int number(const char *name)
{
	const char *text = getenv(name);

	return text ? atoi(text) : 0;
}

static int switch_on(int mutant)
{
	FILE *file = fopen("/sys/module/rseq_ktls/parameters/mutant", "w");

	if (file == NULL)
		return mutant == 0; /* this kernel has no mutants, or a mutant that is always on */
	fprintf(file, "%d\n", mutant);
	return fclose(file) == 0;
}

static void late(int signal)
{
	(void)signal;
	kill(-1, SIGKILL); /* all processes but this one */
}

static int run(const char *path)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		execl(path, path, NULL);
		_exit(127);
	}
	alarm(limit());
	waitpid(pid, &status, 0);
	alarm(0);
	kill(-1, SIGKILL);
	while (waitpid(-1, NULL, 0) > 0)
		;
	return status;
}

int main(void)
{
	const struct sigaction action = { .sa_handler = late, .sa_flags = SA_RESTART };
	struct utsname name;

	mkdir("/proc", 0755);
	mkdir("/sys", 0755);
	mount("proc", "/proc", "proc", 0, NULL);
	mount("sysfs", "/sys", "sysfs", 0, NULL);
	mount("debugfs", "/sys/kernel/debug", "debugfs", 0, NULL);
	sigaction(SIGALRM, &action, NULL);
	uname(&name);
	printf("guest: kernel %s %s\n", name.release, name.machine);
	for (int mutant = number("first"); mutant <= number("last"); mutant++) {
		int status;

		printf("guest: mutant %d\n", mutant);
		fflush(stdout);
		status = switch_on(mutant) ? run("/test") : -1;
		switch_on(0);
		printf("\nguest: ended %#x\n", status);
		fflush(stdout);
	}
	printf("guest: done\n");
	fflush(stdout);
	sync();
	reboot(RB_POWER_OFF);
	return 1;
}
