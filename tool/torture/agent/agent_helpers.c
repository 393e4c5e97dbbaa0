/* SPDX-License-Identifier: MIT */
/*
 * agent_helpers.c - ends the torture of a process before the C library starts threads that block all signals and allocate memory.
 * The agent is the object that `rseqkit torture --inside` (the tool) preloads into the process.
 *
 * glibc starts such threads for timers and message queues with SIGEV_THREAD, for getaddrinfo_a(), and for aio. The agent can't
 * unblock SIGTRAP in these threads. They reach critical sections only if the program's malloc has such sections. In this case the
 * tool removes all breakpoints before the first such thread starts.
 */
#define _GNU_SOURCE
#undef _FILE_OFFSET_BITS /* otherwise functions whose names end in 64 replace the others */
#include <aio.h>
#include <mqueue.h>
#include <netdb.h>
#include <stdlib.h>
#include <time.h>

#include "agent.h"

DECLARE_NEXT(timer_create);
DECLARE_NEXT(mq_notify);
DECLARE_NEXT(getaddrinfo_a);
DECLARE_NEXT(aio_read);
DECLARE_NEXT(aio_write);
DECLARE_NEXT(aio_fsync);
DECLARE_NEXT(lio_listio);
DECLARE_NEXT(aio_read64);
DECLARE_NEXT(aio_write64);
DECLARE_NEXT(aio_fsync64);
DECLARE_NEXT(lio_listio64);

/* Is the program's malloc in a module that has critical sections? If this can't be found out, it is assumed. */
static bool has_sections(void)
{
	const void *allocate = dlsym(RTLD_DEFAULT, "malloc");
	struct agent_entry entry;
	Dl_info info;

	if (allocate == NULL || dladdr(allocate, &info) == 0)
		return true;
	for (uint64_t i = 0; agent_entry(i, &entry); i++)
		if (entry.bias == (uint64_t)(uintptr_t)info.dli_fbase || entry.bias == 0)
			return true;
	return false;
}

static void spare(void)
{
	if (agent_is_active() && !__atomic_load_n(&agent_cell->let_go, __ATOMIC_ACQUIRE) && has_sections())
		(void)agent_ask(AGENT_SPARE, 0);
}

EXPORTED int timer_create(clockid_t clock, struct sigevent *event, timer_t *timer)
{
	if (event != NULL && event->sigev_notify == SIGEV_THREAD)
		spare();
	return NEXT(timer_create)(clock, event, timer);
}

EXPORTED int mq_notify(mqd_t queue, const struct sigevent *event)
{
	if (event != NULL && event->sigev_notify == SIGEV_THREAD)
		spare();
	return NEXT(mq_notify)(queue, event);
}

EXPORTED int getaddrinfo_a(int mode, struct gaicb *list[], int count, struct sigevent *event)
{
	spare();
	return NEXT(getaddrinfo_a)(mode, list, count, event);
}

EXPORTED int aio_read(struct aiocb *block)
{
	spare();
	return NEXT(aio_read)(block);
}

EXPORTED int aio_write(struct aiocb *block)
{
	spare();
	return NEXT(aio_write)(block);
}

EXPORTED int aio_fsync(int operation, struct aiocb *block)
{
	spare();
	return NEXT(aio_fsync)(operation, block);
}

EXPORTED int lio_listio(int mode, struct aiocb *const list[], int count, struct sigevent *event)
{
	spare();
	return NEXT(lio_listio)(mode, list, count, event);
}

EXPORTED int aio_read64(struct aiocb64 *block)
{
	spare();
	return NEXT(aio_read64)(block);
}

EXPORTED int aio_write64(struct aiocb64 *block)
{
	spare();
	return NEXT(aio_write64)(block);
}

EXPORTED int aio_fsync64(int operation, struct aiocb64 *block)
{
	spare();
	return NEXT(aio_fsync64)(operation, block);
}

EXPORTED int lio_listio64(int mode, struct aiocb64 *const list[], int count, struct sigevent *event)
{
	spare();
	return NEXT(lio_listio64)(mode, list, count, event);
}
