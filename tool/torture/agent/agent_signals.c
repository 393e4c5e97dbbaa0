/* SPDX-License-Identifier: MIT */
/*
 * agent_signals.c - keeps the agent's handler of SIGTRAP in a program that changes handlers. The agent is the object that
 * `rseqkit torture --inside` preloads into the program.
 *
 * The kernel kills a process if a thread reaches a breakpoint while the process ignores SIGTRAP. So the functions of this file
 * replace those of the C library. When the program reads its action for SIGTRAP back, it gets the action that it has set. If a
 * SIGTRAP doesn't come from our breakpoints, the agent does what this action says. agent_masks.c is about blocked signals.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "agent.h"

DECLARE_NEXT(sigaction);
DECLARE_NEXT(signal);
DECLARE_NEXT(sigignore);
DECLARE_NEXT(sigset);
DECLARE_NEXT(sysv_signal);

/* The action for SIGTRAP that the program has set. */
static struct sigaction chosen;
static uint32_t lock;

/*
 * A thread blocks all signals while it holds the lock. So no signal handler waits for a lock that its own thread holds. While a
 * thread holds the lock, it is in no section.
 */
static void take_lock(sigset_t *old)
{
	sigset_t all;

	sigfillset(&all);
	(void)syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, old, NSIG / 8);
	while (__atomic_exchange_n(&lock, 1, __ATOMIC_ACQUIRE) != 0)
		(void)syscall(SYS_sched_yield);
}

static void drop_lock(const sigset_t *old)
{
	__atomic_store_n(&lock, 0, __ATOMIC_RELEASE);
	(void)syscall(SYS_rt_sigprocmask, SIG_SETMASK, old, NULL, NSIG / 8);
}

/* Ends the process as SIGTRAP does by default. */
static void die(void)
{
	struct sigaction action = {.sa_handler = SIG_DFL};

	(void)NEXT(sigaction)(SIGTRAP, &action, NULL);
	(void)syscall(SYS_tgkill, syscall(SYS_getpid), syscall(SYS_gettid), SIGTRAP);
}

/* Gives a SIGTRAP that doesn't come from our breakpoints to the program. */
static void pass_on(int number, siginfo_t *info, ucontext_t *context)
{
	struct sigaction action;
	sigset_t mask, old;

	take_lock(&old);
	action = chosen;
	if ((action.sa_flags & (int)SA_RESETHAND) != 0)
		chosen.sa_handler = SIG_DFL;
	drop_lock(&old);
	if (action.sa_handler == SIG_IGN && info->si_code <= 0)
		return;
	if (action.sa_handler == SIG_DFL || action.sa_handler == SIG_IGN) {
		die();
		return;
	}
	if ((action.sa_flags & (int)SA_NODEFER) == 0)
		sigaddset(&action.sa_mask, SIGTRAP);
	agent_hide(&action.sa_mask);
	sigorset(&mask, &context->uc_sigmask, &action.sa_mask);
	(void)syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, NSIG / 8);
	if ((action.sa_flags & SA_SIGINFO) != 0)
		action.sa_sigaction(number, info, context);
	else
		action.sa_handler(number);
	if (sigismember(&context->uc_sigmask, SIGTRAP) == 1)
		agent_hide(&context->uc_sigmask);
}

static void handle(int number, siginfo_t *info, void *context)
{
	int error = errno;
	bool ours = agent_strike(info, context);

	errno = error;
	if (!ours)
		pass_on(number, info, (ucontext_t *)context);
}

/* The handler blocks all other signals, so none of the program's handlers runs within it. */
static void install(struct sigaction *old)
{
	struct sigaction action = {.sa_sigaction = handle};

	action.sa_flags = (int)(SA_SIGINFO | SA_NODEFER | SA_ONSTACK | ((unsigned)chosen.sa_flags & SA_RESTART));
	if (chosen.sa_handler == SIG_IGN)
		action.sa_flags |= SA_RESTART;
	sigfillset(&action.sa_mask);
	sigdelset(&action.sa_mask, SIGTRAP);
	(void)NEXT(sigaction)(SIGTRAP, &action, old);
}

void agent_take_signal(void)
{
	(void)NEXT(signal); /* looks the function up now, because later calls possibly come from handlers */
	install(&chosen);
	agent_unblock();
}

void agent_renew_signal(void)
{
	__atomic_store_n(&lock, 0, __ATOMIC_RELEASE);
}

/*
 * Notes the action that the program sets for SIGTRAP. A child of vfork has actions of its own, but its parent's memory. So the
 * child's action isn't noted; the child soon executes another program.
 */
static void choose(const struct sigaction *action, struct sigaction *old)
{
	sigset_t mask;

	take_lock(&mask);
	if (old != NULL)
		*old = chosen;
	if (action != NULL && syscall(SYS_getpid) == agent_process) {
		chosen = *action;
		install(NULL);
	}
	drop_lock(&mask);
}

EXPORTED int sigaction(int number, const struct sigaction *action, struct sigaction *old)
{
	struct sigaction copy;
	int result;

	if (!agent_is_active() || number <= 0 || number >= NSIG)
		return NEXT(sigaction)(number, action, old);
	if (number == SIGTRAP) {
		struct sigaction given; /* `action` and `old` can be the same memory */

		if (action != NULL)
			given = *action;
		choose(action != NULL ? &given : NULL, old);
		return 0;
	}
	if (action != NULL) {
		copy = *action;
		agent_hide(&copy.sa_mask);
	}
	result = NEXT(sigaction)(number, action != NULL ? &copy : NULL, old);
	if (result == 0 && old != NULL)
		agent_show(&old->sa_mask);
	return result;
}

static sighandler_t choose_handler(sighandler_t handler, int flags)
{
	struct sigaction action = {.sa_handler = handler}, old;

	action.sa_flags = flags;
	choose(&action, &old);
	return old.sa_handler;
}

EXPORTED sighandler_t signal(int number, sighandler_t handler)
{
	if (agent_is_active() && number == SIGTRAP)
		return choose_handler(handler, SA_RESTART);
	return NEXT(signal)(number, handler);
}

EXPORTED sighandler_t bsd_signal(int number, sighandler_t handler)
{
	return signal(number, handler);
}

EXPORTED sighandler_t ssignal(int number, sighandler_t handler)
{
	return signal(number, handler);
}

EXPORTED sighandler_t sysv_signal(int number, sighandler_t handler)
{
	if (agent_is_active() && number == SIGTRAP)
		return choose_handler(handler, (int)(SA_RESETHAND | SA_NODEFER));
	return NEXT(sysv_signal)(number, handler);
}

/* Programs that are compiled without _DEFAULT_SOURCE call this function instead of signal(). */
EXPORTED sighandler_t old_signal(int number, sighandler_t handler) __asm__("__sysv_signal");

sighandler_t old_signal(int number, sighandler_t handler)
{
	return sysv_signal(number, handler);
}

EXPORTED int sigignore(int number)
{
	if (!agent_is_active() || number != SIGTRAP)
		return NEXT(sigignore)(number);
	(void)choose_handler(SIG_IGN, 0);
	return 0;
}

EXPORTED sighandler_t sigset(int number, sighandler_t handler)
{
	sighandler_t before;
	sigset_t set, old;

	if (!agent_is_active() || number != SIGTRAP)
		return NEXT(sigset)(number, handler);
	sigemptyset(&set);
	sigaddset(&set, SIGTRAP);
	before = handler == SIG_HOLD ? chosen.sa_handler : choose_handler(handler, 0);
	(void)sigprocmask(handler == SIG_HOLD ? SIG_BLOCK : SIG_UNBLOCK, &set, &old);
	return sigismember(&old, SIGTRAP) == 1 ? SIG_HOLD : before;
}
