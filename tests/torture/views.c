/* SPDX-License-Identifier: MIT */
/*
 * views.c - a program for tests of `rseqkit torture --inside`. It blocks SIGTRAP in many ways, and compares the masks that it
 * reads with those that it has set. Each time it also executes a critical section. Ends with status 0 if all masks are right.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <rseqkit/counter.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

static struct rk_counter *counter;
static int wrong;
static sigset_t trap, all;
static sigjmp_buf place;

/* Checks whether SIGTRAP and another signal are blocked as the program has set them. */
static void expect(const char *where, int trap_blocked, int other_blocked)
{
	sigset_t now;

	for (int i = 0; i < 100; i++)
		rk_counter_add(counter, 1);
	sigprocmask(SIG_BLOCK, NULL, &now);
	if (sigismember(&now, SIGTRAP) == trap_blocked && sigismember(&now, SIGSTKFLT) == other_blocked &&
	    sigismember(&now, SIGUSR2) == other_blocked)
		return;
	printf("%s: SIGTRAP %d, SIGSTKFLT %d, SIGUSR2 %d\n", where, sigismember(&now, SIGTRAP), sigismember(&now, SIGSTKFLT),
	       sigismember(&now, SIGUSR2));
	wrong = 1;
}

static void *begin(void *argument)
{
	expect((const char *)argument, 1, strcmp((const char *)argument, "thread") != 0);
	return NULL;
}

static void new_threads(void)
{
	static char first[] = "thread", second[] = "thread with attributes";
	pthread_attr_t attributes;
	pthread_t thread;

	sigprocmask(SIG_BLOCK, &trap, NULL);
	if (pthread_create(&thread, NULL, begin, first) == 0)
		pthread_join(thread, NULL);
	sigprocmask(SIG_UNBLOCK, &trap, NULL);
#if __GLIBC_PREREQ(2, 32)
	sigset_t read;

	pthread_attr_init(&attributes);
	pthread_attr_setsigmask_np(&attributes, &all);
	if (pthread_attr_getsigmask_np(&attributes, &read) != 0 || sigismember(&read, SIGTRAP) != 1)
		wrong = 1;
	if (pthread_create(&thread, &attributes, begin, second) == 0)
		pthread_join(thread, NULL);
	pthread_attr_destroy(&attributes);
#else
	(void)attributes;
	(void)second;
#endif
}

static void in_handler(int number)
{
	if (number == SIGUSR1)
		expect("handler", 1, 1);
	else
		expect("handler of SIGTRAP", 1, 0);
}

static void handlers(void)
{
	struct sigaction action, old;

	memset(&action, 0, sizeof(action));
	action.sa_handler = in_handler;
	action.sa_mask = all;
	sigaction(SIGUSR1, &action, NULL);
	raise(SIGUSR1);
	sigaction(SIGUSR1, NULL, &old);
	wrong |= sigismember(&old.sa_mask, SIGTRAP) != 1;
	sigemptyset(&action.sa_mask);
	sigaction(SIGTRAP, &action, NULL);
	raise(SIGTRAP);
	expect("after handlers", 0, 0);
}

static void jumps(void)
{
	sigprocmask(SIG_BLOCK, &trap, NULL);
	if (sigsetjmp(place, 1) == 0) {
		sigprocmask(SIG_UNBLOCK, &trap, NULL);
		siglongjmp(place, 1);
	}
	expect("jump to blocked", 1, 0);
	sigprocmask(SIG_UNBLOCK, &trap, NULL);
	if (sigsetjmp(place, 1) == 0) {
		sigprocmask(SIG_SETMASK, &all, NULL);
		siglongjmp(place, 1);
	}
	expect("jump to unblocked", 0, 0);
}

static void contexts(void)
{
	static volatile int again;
	ucontext_t context;

	again = 0;
	sigprocmask(SIG_BLOCK, &trap, NULL);
	getcontext(&context);
	expect("context", 1, 0);
	if (!again) {
		again = 1;
		sigprocmask(SIG_UNBLOCK, &trap, NULL);
		setcontext(&context);
	}
	sigprocmask(SIG_UNBLOCK, &trap, NULL);
	expect("after the context", 0, 0);
}

/*
 * Checks that an executed program inherits the mask of its caller, with and without LD_PRELOAD. Through LD_PRELOAD the tool's
 * library gets into a program.
 */
static void executed(const char *self)
{
	int status = 0;

	sigprocmask(SIG_BLOCK, &trap, NULL);
	for (int i = 0; i < 2; i++) {
		pid_t pid = fork();

		if (pid == 0 && i == 0)
			execl(self, self, "executed", (char *)NULL);
		if (pid == 0)
			execlp("env", "env", "-u", "LD_PRELOAD", "grep", "-q", "^SigBlk:.0*10$", "/proc/self/status",
			       (char *)NULL);
		if (pid == 0)
			_exit(9);
		if (waitpid(pid, &status, 0) != pid || status != 0) {
			printf("executed %d: status %x\n", i, (unsigned)status);
			wrong = 1;
		}
	}
	expect("after a child", 1, 0);
	sigprocmask(SIG_UNBLOCK, &trap, NULL);
}

int main(int argc, char **argv)
{
	sigemptyset(&trap);
	sigaddset(&trap, SIGTRAP);
	sigfillset(&all);
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (rk_counter_create(&counter) != 0)
		return 2;
	if (argc > 1) {
		expect("executed", 1, 0);
		return wrong;
	}
	expect("start", 0, 0);
	new_threads();
	handlers();
	jumps();
	contexts();
	executed(argv[0]);
	sigprocmask(SIG_BLOCK, &all, NULL);
	expect("all", 1, 1);
	return wrong;
}
