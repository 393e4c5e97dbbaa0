/* SPDX-License-Identifier: MIT */
/*
 * registrant.c - makes threads in rare states. Run it with the libc's own registration off, except for the states in which the
 * libc registers.
 *
 *	registrant signature   the initial thread is registered on the libc's area, with a signature that isn't ours
 *	registrant undone      the libc registers; one thread undoes its own registration
 *	registrant restored N  the initial thread isn't registered, even if the libc registers, but its area shows CPU N
 *	registrant orphaned    the libc registers; the initial thread has ended, and a second thread lives
 *	registrant renumbered  like `undone`; at SIGUSR1 the thread without a registration ends. A new thread gets its id, and
 *	                       prints "renumbered"
 *	registrant stuck       the libc registers; execve() waits for the end of a thread that a tracer stops
 *	registrant restless    the libc registers; the program executes itself again and again
 *	registrant partly      the initial thread is registered; a thread that was started before this registration isn't
 *	registrant section     the initial thread spins inside a critical section, in a function spin_in_section()
 *	registrant vfork       the initial thread waits for a vfork child; after the child's end it prints "resumed"
 *
 * The program prints "ready" when the state is there or about to begin. `renumbered`, `restless` and `section` last until the
 * process is killed. The other states end by themselves after 60 seconds. `vfork` also ends if the child is killed; then the
 * process lives for one more second. The program exits with 77 if it isn't allowed to choose the next thread's id, or to trace a
 * thread.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <rseqkit/arch/arch.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "../../src/os/thread_pointer.h"

#ifndef AT_RSEQ_FEATURE_SIZE
#define AT_RSEQ_FEATURE_SIZE 27 /* include/uapi/linux/auxvec.h */
#endif

#define OTHER_SIGNATURE 0x12345678

extern const ptrdiff_t __rseq_offset __attribute__((__weak__));

static char *libc_area(void)
{
	return rk_thread_pointer() + __rseq_offset;
}

static int register_with(uint32_t signature)
{
	return (int)syscall(SYS_rseq, libc_area(), 32, 0, signature);
}

static void *sleep_long(void *argument)
{
	sleep(60);
	return argument;
}

static void say(const char *word)
{
	puts(word);
	fflush(stdout);
}

/*
 * Unregisters the thread. The registered length is either the original length or the kernel's feature size, so the function
 * tries both.
 */
static void undo(void)
{
	const unsigned long lengths[] = {32, getauxval(AT_RSEQ_FEATURE_SIZE), 0};

	for (int i = 0; lengths[i] != 0 && syscall(SYS_rseq, libc_area(), lengths[i], 1, RK_SIGNATURE) != 0; i++)
		continue;
}

/* Makes the state of a thread that was restored from a checkpoint, but whose registration was not restored. */
static int restore(uint32_t cpu)
{
	uint32_t area[8] = {cpu, cpu};

	undo();
	memcpy(libc_area(), area, sizeof(area));
	say("ready");
	sleep(60);
	return 0;
}

static pid_t undone_tid;
static sem_t end_undone;

static void *undo_and_sleep(void *argument)
{
	undo();
	__atomic_store_n(&undone_tid, gettid(), __ATOMIC_RELEASE);
	while (sem_wait(&end_undone) != 0)
		continue;
	return argument;
}

static pthread_t start_undone(void)
{
	pthread_t thread;

	sem_init(&end_undone, 0, 0);
	pthread_create(&thread, NULL, undo_and_sleep, NULL);
	while (__atomic_load_n(&undone_tid, __ATOMIC_ACQUIRE) == 0)
		usleep(1000);
	say("ready");
	return thread;
}

static int wait_for_undone(void)
{
	(void)start_undone();
	sleep(60);
	return 0;
}

static bool choose_next_id(pid_t tid)
{
	FILE *file = fopen("/proc/sys/kernel/ns_last_pid", "w");

	return file != NULL && fprintf(file, "%d", (int)tid - 1) > 0 && fclose(file) == 0;
}

/* Runs in a new thread, which sleeps if it got the wanted id. */
static void *sleep_if_same(void *argument)
{
	if (gettid() != undone_tid)
		return argument;
	say("renumbered");
	return sleep_long(argument);
}

static int give_id_away(void)
{
	pthread_t thread;
	sigset_t set;
	int signal;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	thread = start_undone();
	sigwait(&set, &signal);
	sem_post(&end_undone);
	do {
		pthread_join(thread, NULL);
		if (!choose_next_id(undone_tid))
			return 77;
		pthread_create(&thread, NULL, sleep_if_same, NULL);
	} while (true);
}

/* When this function prints "ready", the initial thread is a zombie. */
static void *wait_for_initial(void *argument)
{
	char line[256];
	bool has_ended = false;

	while (!has_ended) {
		FILE *status = fopen("/proc/self/status", "re");

		while (status != NULL && fgets(line, sizeof(line), status) != NULL)
			has_ended |= strncmp(line, "State:\tZ", 8) == 0;
		if (status != NULL)
			fclose(status);
		usleep(1000);
	}
	say("ready");
	return sleep_long(argument);
}

static void *tell_and_sleep(void *argument)
{
	__atomic_store_n((pid_t *)argument, gettid(), __ATOMIC_RELEASE);
	return sleep_long(NULL);
}

static int end_initial(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, wait_for_initial, NULL);
	pthread_exit(NULL);
}

/*
 * SPIN is the section's code for an architecture. The signature comes first. After it is the abort handler, at label 4. The
 * handler stores the descriptor's address in rseq_cs, so that the section at label 2 begins. The section is a jump to itself.
 */
#ifdef __x86_64__
#define SPIN                                                                                                           \
	"jmp 4f\n\t"                                                                                                   \
	".byte 0x0f, 0xb9, 0x3d\n\t" /* ud1, never executed: the signature is its operand */                           \
	".long 0x53053053\n"                                                                                           \
	"4: leaq 1b(%%rip), %%rax\n\t"                                                                                 \
	"movq %%rax, 8(%0)\n"                                                                                          \
	"2: jmp 2b\n"
#define USED "rax"
#else
#define SPIN                                                                                                           \
	"b 4f\n\t"                                                                                                     \
	".inst 0xd428bc00\n"                                                                                           \
	"4: adrp x16, 1b\n\t"                                                                                          \
	"add x16, x16, :lo12:1b\n\t"                                                                                   \
	"str x16, [%0, #8]\n"                                                                                          \
	"2: b 2b\n"
#define USED "x16"
#endif

/* An abort restarts the section. */
__attribute__((__noinline__)) static void spin_in_section(void)
{
	__asm__ volatile(
		".pushsection __rseq_cs, \"aw\"\n\t"
		".balign 32\n"
		"1: .long 0, 0\n\t"
		".quad 2f, 3f - 2f, 4f\n\t"
		".popsection\n\t"
		SPIN
		"3:\n\t"
		:
		: "r"(libc_area())
		: USED, "memory");
}

/*
 * A child process traces a second thread of this process, and doesn't let this thread end while the child lives. execve() in
 * this process waits for the thread's end.
 */
static int wait_for_thread_to_end(void)
{
	static pid_t tid;
	pthread_t thread;
	int ends[2];
	char byte;

	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
	pthread_create(&thread, NULL, tell_and_sleep, &tid);
	while (__atomic_load_n(&tid, __ATOMIC_ACQUIRE) == 0)
		usleep(1000);
	if (pipe(ends) != 0)
		return 2;
	if (fork() == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (ptrace(PTRACE_SEIZE, tid, NULL, PTRACE_O_TRACEEXIT) == 0)
			(void)!write(ends[1], "", 1);
		close(ends[1]);
		sleep(60);
		_exit(0);
	}
	close(ends[1]);
	if (read(ends[0], &byte, 1) != 1)
		return 77;
	say("ready");
	execlp("sleep", "sleep", "60", (char *)NULL);
	return 2;
}

static int execute_again(char **arguments)
{
	if (arguments[2] == NULL)
		say("ready");
	usleep(2000);
	execl("/proc/self/exe", arguments[0], arguments[1], "again", (char *)NULL);
	return 2;
}

static int wait_for_vfork_child(void)
{
	pid_t pid;

	say("ready");
	pid = vfork();
	if (pid == 0) {
		sleep(60);
		_exit(0);
	}
	say("resumed");
	sleep(1);
	return 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	pthread_t thread;

	if (strcmp(what, "vfork") == 0)
		return wait_for_vfork_child();
	if (strcmp(what, "undone") == 0)
		return wait_for_undone();
	if (strcmp(what, "restored") == 0 && argc > 2)
		return restore((uint32_t)strtoul(argv[2], NULL, 10));
	if (strcmp(what, "orphaned") == 0)
		return end_initial();
	if (strcmp(what, "stuck") == 0)
		return wait_for_thread_to_end();
	if (strcmp(what, "restless") == 0)
		return execute_again(argv);
	if (strcmp(what, "renumbered") == 0)
		return give_id_away();
	if (strcmp(what, "partly") == 0)
		pthread_create(&thread, NULL, sleep_long, NULL);
	if (register_with(strcmp(what, "signature") == 0 ? OTHER_SIGNATURE : RK_SIGNATURE) != 0)
		return 2;
	say("ready");
	if (strcmp(what, "section") == 0)
		spin_in_section();
	sleep(60);
	return 0;
}
