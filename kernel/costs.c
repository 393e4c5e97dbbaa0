// SPDX-License-Identifier: GPL-2.0
/*
 * costs.c - measures the start of threads and processes in ticks of the time-stamp counter. Under QEMU's -icount shift=0 a tick
 * is an instruction, of the kernel or of the program. Each line of the output has a name and the ticks of one round.
 *
 * It measures in three ways. In "none" no thread uses rseq. In "call" each new thread calls rseq(2) itself. In "ktls" the kernel
 * registers each thread.
 */
#define _GNU_SOURCE
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
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

enum way { NONE, CALL, KTLS };

static __thread char blob[512] __attribute__((aligned(128)));
static char stack[16384] __attribute__((aligned(64)));
static char tls[1024] __attribute__((aligned(128)));
static int running;
static long length;

/* The blob's layout. Without KTLS there is no blob, and struct rseq is at its beginning. */
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

/* Starts a thread. If `area` isn't NULL, the thread registers it. Then the thread ends. */
static long start(const struct clone_args *args, void *area)
{
	register long len __asm__("r8") = length;
	register void *where __asm__("r9") = area;
	long ret;

	__asm__ volatile("syscall\n\t"
			 "test %%rax, %%rax\n\t"
			 "jnz 1f\n\t"
			 "test %%r9, %%r9\n\t"
			 "jz 2f\n\t"
			 "mov %%r9, %%rdi\n\t"
			 "mov %%r8, %%rsi\n\t"
			 "xor %%edx, %%edx\n\t"
			 "mov %[sig], %%r10d\n\t"
			 "mov %[rseq], %%eax\n\t"
			 "syscall\n\t"
			 "2: xor %%edi, %%edi\n\t"
			 "mov %[exit], %%eax\n\t"
			 "syscall\n\t"
			 "1:"
			 : "=a"(ret)
			 : "0"(__NR_clone3), "D"(args), "S"(sizeof(*args)), "r"(len), "r"(where), [sig] "i"(SIG),
			   [rseq] "i"(334), [exit] "i"(__NR_exit)
			 : "rcx", "rdx", "r10", "r11", "memory");
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
	if (start(&args, way == CALL ? tls + layout.rseq_offset : NULL) < 0)
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

static void measure(const char *name, void (*function)(enum way), enum way way)
{
	uint64_t begin;

	for (int i = 0; i < ROUNDS / 10; i++)
		function(way);
	begin = now();
	for (int i = 0; i < ROUNDS; i++)
		function(way);
	printf("%s %.1f\n", name, (double)(now() - begin) / ROUNDS);
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
	measure("switch there and back", ping, NONE);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void call(const void *arg, long len, int flags, uint32_t sig)
{
	if (syscall(334, arg, len, flags, sig) != 0)
		abort();
}

int main(void)
{
	int64_t offset = blob - (char *)__builtin_thread_pointer();
	const uint32_t signature = SIG;
	cpu_set_t set;

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
	for (enum way way = NONE; way <= KTLS; way++) {
		pid_t pid = fork();

		if (pid != 0) {
			waitpid(pid, NULL, 0);
			continue;
		}
		if (way == CALL)
			call(blob + layout.rseq_offset, length, 0, SIG);
		if (way == KTLS) {
			if (syscall(334, &offset, 8, KTLS_FLAG, SET_OFFSET) != 0)
				_exit(0); /* the kernel has no KTLS */
			call(&signature, 4, KTLS_FLAG, SET_SIG);
			call(NULL, 0, KTLS_FLAG, SET_THREAD);
		}
		printf("way %s\n", (const char *[]){ "none", "call", "ktls" }[way]);
		switches();
		measure("thread", thread, way);
		measure("fork", fork_and_exit, way);
		measure("vfork", vfork_and_exit, way);
		_exit(0);
	}
	return 0;
}
