// SPDX-License-Identifier: GPL-2.0
/*
 * costs.c - measures the start of threads and processes in ticks of the time-stamp counter. Under QEMU's -icount shift=0 a tick
 * is an instruction, of the kernel or of the program. Each line of the output has a name and the ticks, the page faults and
 * the allocated pages of one round.
 *
 * The program measures in five ways. In "none" no thread uses rseq. In "call" each new thread calls rseq(2) itself. In "ktls" the
 * kernel registers each thread (doc/ktls.md). There, the area is in the blob, the block of each thread's memory that the kernel
 * fills. In these three ways the area is on a page that a fork child of the C library writes anyway, because its thread
 * descriptor is there. In "call-page" and "ktls-page" the area or blob has a page of its own. In these two ways the program
 * measures only processes.
 *
 * Children that the program starts without the C library (bare) make only one system call, which ends them or executes a program.
 * They store nothing.
 */
#define _GNU_SOURCE
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define KTLS_FLAG	(1 << 2)
#define GET_LAYOUT	1
#define SET_OFFSET	2
#define SET_SIG		3
#define SET_THREAD	4
#define CLONE_KTLS	(1ULL << 48)
#define SIG		0x53053053
#define ROUNDS		2000
#define EXEC_ROUNDS	200

enum way { NONE, CALL, KTLS, CALL_PAGE, KTLS_PAGE };

static __thread char blob[512] __attribute__((aligned(128)));
static char stack[16384] __attribute__((aligned(64)));
static char tls[1024] __attribute__((aligned(128)));
static char own_page[4096] __attribute__((aligned(4096)));
static int running;
static long length;

/* The blob's layout. Without KTLS there is no blob, and the variable `blob` begins with struct rseq. */
static struct {
	uint32_t size, alignment;
	uint64_t rseq_offset;
} layout;

static uint64_t now(void)
{
	uint32_t low, high;

	__asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (uint64_t)high << 32 | low;
}

/* Starts a task. It makes the system call with this number and these arguments, if the number isn't 0, and ends. */
static long start(const struct clone_args *args, long number, const void *first, long second, const void *third, long fourth)
{
	register long call __asm__("r8") = number;
	register const void *arg1 __asm__("r9") = first;
	register long arg2 __asm__("r12") = second;
	register long arg4 __asm__("r10") = fourth;
	long ret;

	__asm__ volatile("syscall\n\t"
			 "test %%rax, %%rax\n\t"
			 "jnz 1f\n\t"
			 "test %%r8, %%r8\n\t"
			 "jz 2f\n\t"
			 "mov %%r8, %%rax\n\t"
			 "mov %%r9, %%rdi\n\t"
			 "mov %%r12, %%rsi\n\t"
			 "syscall\n\t"
			 "2: xor %%edi, %%edi\n\t"
			 "mov %[exit], %%eax\n\t"
			 "syscall\n\t"
			 "1:"
			 : "=a"(ret)
			 : "0"(__NR_clone3), "D"(args), "S"(sizeof(*args)), "d"(third), "r"(call), "r"(arg1), "r"(arg2), "r"(arg4),
			   [exit] "i"(__NR_exit)
			 : "rcx", "r11", "memory");
	return ret;
}

static void thread(enum way way)
{
	struct clone_args args = {
		.flags		= CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM |
				  CLONE_SETTLS | CLONE_CHILD_CLEARTID | (way == KTLS ? CLONE_KTLS : 0),
		.child_tid	= (uint64_t)&running,
		.stack		= (uint64_t)stack,
		.stack_size	= sizeof(stack),
		.tls		= (uint64_t)tls - (blob - (char *)__builtin_thread_pointer()),
	};
	int value;

	running = 1;
	if (start(&args, way == CALL ? 334 : 0, tls + layout.rseq_offset, length, 0, SIG) < 0)
		abort();
	while ((value = __atomic_load_n(&running, __ATOMIC_ACQUIRE)))
		syscall(__NR_futex, &running, 0, value, NULL, NULL, 0);
}

static void fork_and_exit(enum way way)
{
	pid_t pid = fork();

	(void)way;
	if (pid == 0)
		_exit(0);
	waitpid(pid, NULL, 0);
}

static char *const arguments[] = { "costs", "end", NULL };

static void fork_bare(const char *program)
{
	struct clone_args args = { .exit_signal = SIGCHLD };

	if (start(&args, program ? __NR_execve : 0, program, (long)arguments, arguments + 2, 0) < 0)
		abort();
	waitpid(-1, NULL, 0);
}

static void bare_fork_and_exit(enum way way)
{
	(void)way;
	fork_bare(NULL);
}

static void bare_fork_and_exec(enum way way)
{
	(void)way;
	fork_bare("/proc/self/exe");
}

static void fork_and_exec(enum way way)
{
	pid_t pid = fork();

	(void)way;
	if (pid == 0) {
		execve("/proc/self/exe", arguments, arguments + 2);
		_exit(9);
	}
	waitpid(pid, NULL, 0);
}

static void spawn(enum way way)
{
	pid_t pid;

	(void)way;
	if (posix_spawn(&pid, "/proc/self/exe", NULL, NULL, arguments, arguments + 2) != 0)
		abort();
	waitpid(pid, NULL, 0);
}

static void vfork_and_exit(enum way way)
{
	pid_t pid = vfork();

	(void)way;
	if (pid == 0)
		_exit(0);
	waitpid(pid, NULL, 0);
}

static int there[2], back[2];

/* Makes two context switches: to the child of switches(), and back. */
static void ping(enum way way)
{
	char byte = 0;

	(void)way;
	if (write(there[1], &byte, 1) != 1 || read(back[0], &byte, 1) != 1)
		abort();
}

struct counts { uint64_t faults, pages; };

/* Returns the faults and the allocated pages of the whole system, which is a guest that does nothing else. */
static struct counts count(void)
{
	FILE *file = fopen("/proc/vmstat", "r");
	struct counts counts = { 0 };
	unsigned long long value;
	char name[64];

	while (file != NULL && fscanf(file, "%63s %llu", name, &value) == 2) {
		if (strcmp(name, "pgfault") == 0)
			counts.faults += value;
		if (strncmp(name, "pgalloc_", 8) == 0)
			counts.pages += value;
	}
	if (file == NULL || counts.faults == 0 || counts.pages == 0)
		abort();
	fclose(file);
	return counts;
}

static void measure(const char *name, void (*function)(enum way), enum way way, int rounds)
{
	struct counts before, after;
	uint64_t begin, end;

	for (int i = 0; i < rounds / 10; i++)
		function(way);
	before = count();
	begin = now();
	for (int i = 0; i < rounds; i++)
		function(way);
	end = now();
	after = count();
	printf("%s: %.1f %.1f %.1f\n", name, (double)(end - begin) / rounds, (double)(after.faults - before.faults) / rounds,
	       (double)(after.pages - before.pages) / rounds);
	fflush(stdout);
}

static void switches(void)
{
	pid_t pid;
	char byte;

	if (pipe(there) != 0 || pipe(back) != 0)
		abort();
	pid = fork();
	if (pid == 0)
		while (read(there[0], &byte, 1) == 1)
			(void)!write(back[1], &byte, 1);
	measure("switch there and back, by pipes", ping, NONE, ROUNDS);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void call(const void *arg, long len, int flags, uint32_t sig)
{
	if (syscall(334, arg, len, flags, sig) != 0)
		abort();
}

/*
 * The place of the area or blob. fork() stores the child's id in the thread descriptor, which begins at the thread pointer and
 * has some 2300 bytes. In glibc 2.36 that id is at 0x2d0.
 */
static char *place_of_blob(enum way way)
{
	const uintptr_t descriptor = (uintptr_t)__builtin_thread_pointer(), tid = descriptor + 0x2d0;

	if (way >= CALL_PAGE)
		return own_page;
	if ((tid ^ (uintptr_t)blob) / 4096 != 0 || (tid ^ (uintptr_t)(blob + layout.size - 1)) / 4096 != 0)
		printf("note: the blob isn't on the page of the thread descriptor\n");
	return blob;
}

int main(int argc, char **argv)
{
	int64_t offset;
	const uint32_t signature = SIG;
	cpu_set_t set;

	(void)argv;
	if (argc > 1)
		return 0;
	/* glibc must not register threads, because this program registers them. */
	if (!getenv("GLIBC_TUNABLES")) {
		setenv("GLIBC_TUNABLES", "glibc.pthread.rseq=0", 1);
		execl("/proc/self/exe", "costs", NULL);
	}
	CPU_ZERO(&set);
	CPU_SET(0, &set);
	sched_setaffinity(0, sizeof(set), &set);
	length = getauxval(AT_RSEQ_FEATURE_SIZE);
	if (syscall(334, &layout, sizeof(layout), KTLS_FLAG, GET_LAYOUT) == 0 &&
	    (layout.size > sizeof(blob) || layout.alignment > 128))
		abort();
	for (enum way way = NONE; way <= KTLS_PAGE; way++) {
		pid_t pid = fork();

		if (pid != 0) {
			waitpid(pid, NULL, 0);
			continue;
		}
		if (way == CALL || way == CALL_PAGE)
			call(place_of_blob(way) + layout.rseq_offset, length, 0, SIG);
		if (way == KTLS || way == KTLS_PAGE) {
			offset = place_of_blob(way) - (char *)__builtin_thread_pointer();
			if (syscall(334, &offset, 8, KTLS_FLAG, SET_OFFSET) != 0)
				_exit(0); /* the kernel has no KTLS */
			call(&signature, 4, KTLS_FLAG, SET_SIG);
			call(NULL, 0, KTLS_FLAG, SET_THREAD);
		}
		printf("way %s\n", (const char *[]){ "none", "call", "ktls", "call-page", "ktls-page" }[way]);
		if (way < CALL_PAGE) {
			switches();
			measure("thread, from clone3 to its end", thread, way, ROUNDS);
		}
		measure("fork, to the child's end", fork_and_exit, way, ROUNDS);
		measure("fork and exec, to the program's end", fork_and_exec, way, EXEC_ROUNDS);
		measure("bare fork, to the child's end", bare_fork_and_exit, way, ROUNDS);
		measure("bare fork and exec, to the program's end", bare_fork_and_exec, way, EXEC_ROUNDS);
		measure("vfork, to the child's end", vfork_and_exit, way, ROUNDS);
		measure("posix_spawn, to the program's end", spawn, way, EXEC_ROUNDS);
		_exit(0);
	}
	return 0;
}
