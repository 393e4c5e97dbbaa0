/* SPDX-License-Identifier: MIT */
/*
 * scarce.c - programs for tests of `rseqkit torture --inside`, which loads code (its agent) into each process. The programs use
 * up resources that the agent or the tool needs. Each program counts with a per-CPU counter, and ends with status 0 only if the
 * count is exact in all its processes.
 *
 * usage: scarce NAME [ARGUMENT...]
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <rseqkit/counter.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "named.h"

enum { ADDS = 2000, COPIES = 100, LOADS = 1500, FORKS = 300, AT_ONCE = 60, ORPHANS = 20 };

static struct rk_counter *counter;
static char **arguments;

static int counts(void)
{
	int64_t before = rk_counter_sum(counter);

	for (int i = 0; i < ADDS; i++)
		rk_counter_add(counter, 1);
	return rk_counter_sum(counter) - before == ADDS;
}

/* Loads a module and uses its section. Returns NULL if that fails. */
static void *load(const char *path)
{
	void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	int (*use)(void);

	if (module == NULL) {
		printf("%s\n", dlerror());
		return NULL;
	}
	*(void **)&use = dlsym(module, "use");
	return use != NULL && use() == 0 ? module : NULL;
}

static int all_end_well(void)
{
	int status, wrong = 0;

	while (wait(&status) > 0)
		wrong += status != 0;
	if (wrong != 0)
		printf("%d children failed\n", wrong);
	return wrong == 0;
}

/* Makes one child after the other. */
static int forks(void)
{
	for (int i = 0; i < FORKS; i++) {
		if (fork() == 0)
			_exit(!counts());
		if (!all_end_well())
			return 0;
	}
	return counts();
}

/* Loads a module again and again, often at another address. */
static int loads(void)
{
	void *pieces[8] = {NULL};
	size_t sizes[8] = {0};

	for (int i = 0; i < LOADS; i++) {
		void *module = load(arguments[0]);

		if (module == NULL)
			return 0;
		dlclose(module);
		if (pieces[i % 8] != NULL)
			munmap(pieces[i % 8], sizes[i % 8]);
		sizes[i % 8] = 4096 * (1 + (size_t)random() % 100);
		pieces[i % 8] = mmap(NULL, sizes[i % 8], PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	}
	return counts();
}

static int copy(const char *from, const char *to)
{
	char bytes[65536];
	FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
	size_t size;

	if (in == NULL || out == NULL)
		return 0;
	while ((size = fread(bytes, 1, sizeof(bytes), in)) > 0)
		fwrite(bytes, 1, size, out);
	fclose(in);
	return fclose(out) == 0;
}

/* Runs in a child. Uses all copies of the module after the parent has unloaded them, and loads another module. */
static int use_late(const int *go)
{
	char path[64], byte;

	close(go[1]);
	(void)!read(go[0], &byte, 1);
	for (int i = 0; i < COPIES; i++) {
		snprintf(path, sizeof(path), "./copy-%d.so", i);
		if (load(path) == NULL)
			return 0;
	}
	return counts() && load(arguments[0]) != NULL;
}

/* Loads many modules, which only children use. */
static int modules(void)
{
	void *copies[COPIES];
	char path[64];
	int go[2];

	for (int i = 0; i < COPIES; i++) {
		snprintf(path, sizeof(path), "./copy-%d.so", i);
		if (!copy(arguments[0], path))
			return 0;
		copies[i] = dlopen(path, RTLD_NOW | RTLD_LOCAL);
		if (copies[i] == NULL)
			return 0;
	}
	if (pipe(go) != 0)
		return 0;
	for (int i = 0; i < 10; i++)
		if (fork() == 0)
			_exit(!use_late(go));
	for (int i = 0; i < COPIES; i++)
		dlclose(copies[i]);
	close(go[0]);
	close(go[1]);
	return load(arguments[0]) != NULL && all_end_well() && counts();
}

/* Makes many processes at the same time, each of which loads a module. */
static int crowds(void)
{
	for (int i = 0; i < AT_ONCE; i++)
		if (fork() == 0) {
			int right = 1;

			for (int j = 0; j < 40; j++) {
				right = right && counts();
				usleep(10000);
			}
			_exit(!(right && load(arguments[0]) != NULL && counts()));
		}
	return all_end_well() && counts();
}

/* Installs a filter that refuses all ways to write to code. */
static int refuse(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pwrite64, 4, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_process_vm_writev, 3, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mprotect, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EACCES),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog filter = {sizeof(code) / sizeof(code[0]), code};

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

/* After refuse(), neither this process nor a program that it executes can write to its code. */
static int refused(void)
{
	if (!refuse() || !counts())
		return 0;
	if (fork() == 0) {
		execl("/proc/self/exe", "scarce", "forks", NULL);
		_exit(9);
	}
	return all_end_well() && counts();
}

/* Checks that the tool reaps orphans: after a while, no process has the id of an orphan any more. */
static int orphans(void)
{
	pid_t all[ORPHANS], pid;
	int pipes[2];

	if (pipe(pipes) != 0)
		return 0;
	for (int i = 0; i < ORPHANS; i++) {
		if (fork() == 0) {
			pid = fork();
			_exit(pid == 0 ? !counts() : write(pipes[1], &pid, sizeof(pid)) != (ssize_t)sizeof(pid));
		}
		if (!all_end_well() || read(pipes[0], &all[i], sizeof(all[i])) != (ssize_t)sizeof(all[i]))
			return 0;
	}
	for (int tries = 0, left = 1; left > 0 && tries < 100; tries++) {
		left = 0;
		usleep(50000);
		for (int i = 0; i < ORPHANS; i++)
			left += kill(all[i], 0) == 0;
		if (left == 0)
			return counts();
	}
	return 0;
}

/* Tells the test, by the file `begun`, that the program is in the state for which the test waits. */
static bool begins(void)
{
	FILE *file = fopen("begun", "w");

	return file != NULL && fclose(file) == 0;
}

/* A child outlives the tool, makes children itself, and then creates the file that the argument names. */
static int outlives(void)
{
	if (fork() != 0) {
		pause();
		return 1;
	}
	setsid();
	for (int i = 0; i < 20; i++) {
		if (fork() == 0)
			_exit(!counts());
		if (!all_end_well() || !begins())
			return 0;
		usleep(100000);
	}
	return fclose(fopen(arguments[0], "w")) == 0;
}

/*
 * The first process ends at once. A second process counts until the file of the first argument exists, and then creates another
 * file.
 */
static int daemon_until(void)
{
	if (fork() != 0)
		return 1;
	setsid();
	while (access(arguments[0], F_OK) != 0) {
		if (!counts() || getppid() == 0 || !begins())
			return 0;
		usleep(10000);
	}
	return fclose(fopen(arguments[1], "w")) == 0;
}

int main(int argc, char **argv)
{
	static const struct named programs[] = {
		{"refused", refused, 0}, {"orphans", orphans, 0}, {"outlives", outlives, 1}, {"daemon", daemon_until, 2},
		{"forks", forks, 0},     {"loads", loads, 1},     {"modules", modules, 1},   {"crowds", crowds, 1},
	};

	return run_named(programs, sizeof(programs) / sizeof(programs[0]), argc, argv, &counter, &arguments);
}
