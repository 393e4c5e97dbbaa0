/* SPDX-License-Identifier: MIT */
/*
 * agent_masks.c - keeps SIGTRAP unblocked in a program that blocks signals, for the breakpoints of `rseqkit torture --inside`.
 *
 * The kernel kills a process if a thread reaches a breakpoint while it blocks SIGTRAP. So the functions of this file replace
 * those of the C library, and leave SIGTRAP out of each mask. When the program reads a mask back, it gets the mask that it has
 * set. agent_signals.c changes the masks of signal handlers.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <ucontext.h>

#include "agent.h"

/* Older C libraries don't declare these functions. */
int epoll_pwait2(int fd, struct epoll_event *events, int count, const struct timespec *limit, const sigset_t *set);
int pthread_attr_setsigmask_np(pthread_attr_t *attributes, const sigset_t *set);
int pthread_attr_getsigmask_np(const pthread_attr_t *attributes, sigset_t *set);

DECLARE_NEXT(pthread_sigmask);
DECLARE_NEXT(sigsuspend);
DECLARE_NEXT(ppoll);
DECLARE_NEXT(pselect);
DECLARE_NEXT(epoll_pwait);
DECLARE_NEXT(epoll_pwait2);
DECLARE_NEXT(pthread_attr_setsigmask_np);
DECLARE_NEXT(pthread_attr_getsigmask_np);
DECLARE_NEXT(setcontext);
DECLARE_NEXT(swapcontext);

/*
 * This signal is in a mask instead of SIGTRAP. It was meant for an overflow of a coprocessor's stack. Programs don't use it, but
 * masks of all signals have it.
 */
#define STAND_IN SIGSTKFLT

void agent_hide(sigset_t *set)
{
	if (sigismember(set, SIGTRAP) == 1)
		sigaddset(set, STAND_IN);
	else
		sigdelset(set, STAND_IN);
	sigdelset(set, SIGTRAP);
}

/*
 * Assumes that a mask with the rare signal SIGPWR has all signals. Only in such a mask does the program see STAND_IN.
 */
void agent_show(sigset_t *set)
{
	if (sigismember(set, STAND_IN) != 1)
		return;
	sigaddset(set, SIGTRAP);
	if (sigismember(set, SIGPWR) != 1)
		sigdelset(set, STAND_IN);
}

/* Returns the mask without SIGTRAP, made in `copy`. If the agent isn't active, returns `set`. */
static const sigset_t *without_trap(const sigset_t *set, sigset_t *copy)
{
	if (set == NULL || !agent_is_active())
		return set;
	*copy = *set;
	agent_hide(copy);
	return copy;
}

void agent_unblock(void)
{
	sigset_t set, old;

	/* Looks these functions up now, because later calls possibly come from handlers. */
	(void)NEXT(sigsuspend);
	(void)NEXT(ppoll);
	(void)NEXT(pselect);
	(void)NEXT(epoll_pwait);
	(void)NEXT(epoll_pwait2);
	(void)NEXT(setcontext);
	(void)NEXT(swapcontext);
	sigemptyset(&set);
	sigaddset(&set, SIGTRAP);
	if (NEXT(pthread_sigmask)(SIG_UNBLOCK, &set, &old) != 0 || sigismember(&old, SIGTRAP) != 1)
		return;
	agent_hide(&set);
	(void)NEXT(pthread_sigmask)(SIG_BLOCK, &set, NULL);
}

static int change_mask(int how, const sigset_t *set, sigset_t *old)
{
	sigset_t copy;
	int result = NEXT(pthread_sigmask)(how, without_trap(set, &copy), old);

	if (result == 0 && old != NULL && agent_is_active())
		agent_show(old);
	return result;
}

EXPORTED int pthread_sigmask(int how, const sigset_t *set, sigset_t *old)
{
	sigset_t given;

	if (set != NULL)
		given = *set; /* `set` and `old` can be the same memory */
	return change_mask(how, set != NULL ? &given : NULL, old);
}

EXPORTED int sigprocmask(int how, const sigset_t *set, sigset_t *old)
{
	int error = pthread_sigmask(how, set, old);

	if (error != 0)
		errno = error;
	return error != 0 ? -1 : 0;
}

EXPORTED int sighold(int number)
{
	sigset_t set;

	sigemptyset(&set);
	return sigaddset(&set, number) != 0 ? -1 : sigprocmask(SIG_BLOCK, &set, NULL);
}

EXPORTED int sigrelse(int number)
{
	sigset_t set;

	sigemptyset(&set);
	return sigaddset(&set, number) != 0 ? -1 : sigprocmask(SIG_UNBLOCK, &set, NULL);
}

/* Makes a sigset_t of the 32 bits that the older functions have as a mask. */
static void widen(int bits, sigset_t *set)
{
	sigemptyset(set);
	for (int number = 1; number <= 32; number++)
		if (((unsigned)bits >> (number - 1) & 1) != 0)
			sigaddset(set, number);
}

static int change_bits(int how, int bits)
{
	sigset_t set, old;
	unsigned result = 0;

	widen(bits, &set);
	if (sigprocmask(how, &set, &old) != 0)
		return -1;
	for (int number = 1; number <= 32; number++)
		if (sigismember(&old, number) == 1)
			result |= 1u << (number - 1);
	return (int)result;
}

EXPORTED int sigblock(int bits)
{
	return change_bits(SIG_BLOCK, bits);
}

EXPORTED int sigsetmask(int bits)
{
	return change_bits(SIG_SETMASK, bits);
}

EXPORTED int sigsuspend(const sigset_t *set)
{
	sigset_t copy;

	return NEXT(sigsuspend)(without_trap(set, &copy));
}

/* Replaces the C library's function with the symbol `sigpause`. In most programs, sigpause() of <signal.h> has another symbol. */
EXPORTED int pause_by_bits(int bits) __asm__("sigpause");

int pause_by_bits(int bits)
{
	sigset_t set;

	widen(bits, &set);
	return sigsuspend(&set);
}

EXPORTED int ppoll(struct pollfd *files, nfds_t count, const struct timespec *limit, const sigset_t *set)
{
	sigset_t copy;

	return NEXT(ppoll)(files, count, limit, without_trap(set, &copy));
}

/* Programs with _FORTIFY_SOURCE call this function instead of ppoll(). */
EXPORTED int checked_ppoll(struct pollfd *files, nfds_t count, const struct timespec *limit, const sigset_t *set,
			   size_t room) __asm__("__ppoll_chk");

int checked_ppoll(struct pollfd *files, nfds_t count, const struct timespec *limit, const sigset_t *set, size_t room)
{
	if (room / sizeof(*files) < count)
		abort();
	return ppoll(files, count, limit, set);
}

EXPORTED int pselect(int count, fd_set *in, fd_set *out, fd_set *other, const struct timespec *limit, const sigset_t *set)
{
	sigset_t copy;

	return NEXT(pselect)(count, in, out, other, limit, without_trap(set, &copy));
}

EXPORTED int epoll_pwait(int fd, struct epoll_event *events, int count, int limit, const sigset_t *set)
{
	sigset_t copy;

	return NEXT(epoll_pwait)(fd, events, count, limit, without_trap(set, &copy));
}

EXPORTED int epoll_pwait2(int fd, struct epoll_event *events, int count, const struct timespec *limit, const sigset_t *set)
{
	sigset_t copy;

	return NEXT(epoll_pwait2)(fd, events, count, limit, without_trap(set, &copy));
}

EXPORTED int pthread_attr_setsigmask_np(pthread_attr_t *attributes, const sigset_t *set)
{
	sigset_t copy;

	return NEXT(pthread_attr_setsigmask_np)(attributes, without_trap(set, &copy));
}

EXPORTED int pthread_attr_getsigmask_np(const pthread_attr_t *attributes, sigset_t *set)
{
	int result = NEXT(pthread_attr_getsigmask_np)(attributes, set);

	if (result == 0 && agent_is_active())
		agent_show(set);
	return result;
}

/* Takes SIGTRAP out of a context's mask. Doesn't change a context whose mask doesn't have SIGTRAP. */
static void free_context(const ucontext_t *context)
{
	if (agent_is_active() && context != NULL && sigismember(&context->uc_sigmask, SIGTRAP) == 1)
		agent_hide((sigset_t *)(uintptr_t)&context->uc_sigmask);
}

EXPORTED int setcontext(const ucontext_t *context)
{
	free_context(context);
	return NEXT(setcontext)(context);
}

EXPORTED int swapcontext(ucontext_t *old, const ucontext_t *context)
{
	free_context(context);
	return NEXT(swapcontext)(old, context);
}
