/* SPDX-License-Identifier: MIT */
/*
 * agent_ask.c - makes a request to `rseqkit torture --inside` (the tool), and waits for the answer. The caller is the agent, the
 * object that the tool preloads. The request is in a slot of the memory that both share (shared.h).
 *
 * The invariant: a slot belongs to one thread until the slot's state is AGENT_FREE again. When the tool has ended, agents make no
 * requests.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "agent.h"

uint64_t agent_proof = 0x9e3779b97f4a7c15ull;

static long futex(uint32_t *word, int operation, uint32_t value, const struct timespec *limit)
{
	return syscall(SYS_futex, word, operation, value, limit, NULL, 0);
}

/* Has the tool ended? kill(2) alone doesn't show this, because another process can have the tool's number by now. */
static bool is_tool_gone(void)
{
	return __atomic_load_n(&agent_shared->closed, __ATOMIC_ACQUIRE) != 0 ||
	       (__atomic_load_n(&agent_shared->life, __ATOMIC_ACQUIRE) & FUTEX_OWNER_DIED) != 0 ||
	       (syscall(SYS_kill, agent_shared->tool, 0) != 0 && errno == ESRCH);
}

static struct agent_slot *claim_slot(void)
{
	for (int tries = 0; tries < 1000 && !is_tool_gone(); tries++) {
		const struct timespec pause = {0, 1000000};

		for (int i = 0; i < AGENT_SLOTS; i++) {
			struct agent_slot *slot = &agent_shared->slots[i];
			uint32_t free = AGENT_FREE;

			if (__atomic_compare_exchange_n(&slot->state, &free, AGENT_CLAIMED, false, __ATOMIC_ACQUIRE,
							__ATOMIC_RELAXED))
				return slot;
		}
		(void)syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &pause, NULL);
	}
	return NULL;
}

static uint64_t ask(enum agent_request request, pid_t other)
{
	const struct timespec limit = {1, 0};
	struct agent_slot *slot = claim_slot();
	uint64_t cell = 0;
	uint32_t state;

	if (slot == NULL)
		return 0;
	slot->request = request;
	slot->pid = (int32_t)syscall(SYS_getpid);
	slot->other = other;
	slot->proof_address = (uint64_t)(uintptr_t)&agent_proof;
	slot->proof = agent_proof;
	slot->cell = agent_cell != NULL ? (uint64_t)((char *)agent_cell - (char *)agent_shared) : 0;
	__atomic_store_n(&slot->state, AGENT_ASKED, __ATOMIC_RELEASE);
	__atomic_add_fetch(&agent_shared->bell, 1, __ATOMIC_RELEASE);
	(void)futex(&agent_shared->bell, FUTEX_WAKE, INT_MAX, NULL);
	while ((state = __atomic_load_n(&slot->state, __ATOMIC_ACQUIRE)) == AGENT_ASKED)
		if (futex(&slot->state, FUTEX_WAIT, state, &limit) != 0 && errno == ETIMEDOUT && is_tool_gone())
			return 0; /* the slot stays in use, because no agent needs it any more */
	cell = slot->cell;
	__atomic_store_n(&slot->state, AGENT_FREE, __ATOMIC_RELEASE);
	return cell;
}

uint64_t agent_ask(enum agent_request request, pid_t other)
{
	int error = errno;
	uint64_t cell = ask(request, other);

	if (cell != 0 && request != AGENT_HELLO && request != AGENT_FORKED)
		agent_obey();
	errno = error;
	return cell;
}
