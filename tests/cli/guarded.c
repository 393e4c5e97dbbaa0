/* SPDX-License-Identifier: MIT */
/*
 * guarded.c - a process that changes its ids or its flag "dumpable". Then most files in /proc/PID belong to root, and not to the
 * user with whose rights the process accesses files.
 *
 *	guarded user ID        changes the ids of all threads, as a server does that was started by root
 *	guarded user-thread ID changes only the ids of the initial thread; a second thread keeps the ids
 *	guarded thread ID      changes only the ids of a second thread
 *	guarded flag           sets the flag to 0
 *	guarded namespace ID   runs as ID in a user namespace of its own, whose ids begin at 100000
 *	guarded none           changes nothing
 *
 * The program prints "ready", with its flag, and sleeps for a minute. It exits with 77 if it can't change what it has to change.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static unsigned id;
static pthread_barrier_t barrier;

/* Changes the ids of the calling thread only. The functions of the C library change those of all threads. */
static void change_thread(void)
{
	if (syscall(SYS_setgroups, 0, NULL) != 0 || syscall(SYS_setresgid, id, id, id) != 0 ||
	    syscall(SYS_setresuid, id, id, id) != 0)
		exit(77);
}

static void *second(void *changes)
{
	if (changes != NULL)
		change_thread();
	pthread_barrier_wait(&barrier);
	sleep(60);
	return NULL;
}

static void start_second(void *changes)
{
	pthread_t thread;

	pthread_barrier_init(&barrier, NULL, 2);
	if (pthread_create(&thread, NULL, second, changes) != 0)
		exit(77);
	pthread_barrier_wait(&barrier);
}

static void write_map(pid_t pid, const char *name)
{
	static const char map[] = "0 100000 65536";
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	fd = open(path, O_WRONLY);
	if (fd < 0 || write(fd, map, sizeof(map) - 1) < 0)
		exit(77);
	close(fd);
}

/* Executes this program in a new user namespace. A process outside of it writes the maps of ids. */
static void enter_namespace(char *text)
{
	int ends[2], status;
	pid_t parent = getpid(), child;
	char byte;

	if (pipe(ends) != 0)
		exit(77);
	child = fork();
	if (child == 0) {
		close(ends[1]);
		if (read(ends[0], &byte, 1) != 1)
			_exit(77);
		write_map(parent, "uid_map");
		write_map(parent, "gid_map");
		_exit(0);
	}
	close(ends[0]);
	if (child < 0 || unshare(CLONE_NEWUSER) != 0 || write(ends[1], "", 1) != 1 || waitpid(child, &status, 0) != child ||
	    status != 0 || setresgid(0, 0, 0) != 0 || setresuid(0, 0, 0) != 0)
		exit(77);
	execl("/proc/self/exe", "guarded", "user", text, (char *)NULL);
	exit(77);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "none";

	id = argc > 2 ? (unsigned)atoi(argv[2]) : 0;
	if (strcmp(what, "namespace") == 0)
		enter_namespace(argv[2]);
	if (strcmp(what, "thread") == 0)
		start_second(argv);
	if (strcmp(what, "user-thread") == 0)
		start_second(NULL);
	if (strcmp(what, "user-thread") == 0)
		change_thread();
	if (strcmp(what, "user") == 0 && (setgroups(0, NULL) != 0 || setresgid(id, id, id) != 0 || setresuid(id, id, id) != 0))
		exit(77);
	if (strcmp(what, "flag") == 0)
		prctl(PR_SET_DUMPABLE, 0);
	printf("ready %d\n", prctl(PR_GET_DUMPABLE));
	fflush(stdout);
	sleep(60);
	return 0;
}
