/* SPDX-License-Identifier: MIT */
/*
 * ring_wait.c - waits for records of a ring, and wakes or notifies the readers that wait. The invariant: a reader that found
 * nothing, and then sleeps or polls the file descriptor, is woken or notified by the next record.
 *
 * Writers have no barrier, so the reader fences: it sets a flag, the lowest bit of `waiting`, fences all CPUs, and looks for
 * records again. If a writer's section ended before the fence, the reader sees the record. Otherwise the writer loads the
 * flag after the fence, and finds it set.
 *
 * A child of fork must not write to its parent's descriptor (rki_ring_wake()), so the descriptor is on a page that the kernel
 * wipes in children (ring.h). A process's number (thread/number.h) beside the descriptor couldn't tell a child from its parent,
 * because each copy of the library has process numbers of its own.
 */
#define _GNU_SOURCE
#include "ring.h"

#include <errno.h>
#include <unistd.h>
#include "os/kernel.h"
#include "os/cpus.h"

/* Returns whether there are records to read. */
static bool has_records(const struct rk_ring *ring)
{
	bool overwriting = overwrites(ring_state_of(ring));

	for (int i = RK_INDEX_OVERFLOW; i <= rk_cpus_get()->highest; i++) {
		const struct ring_log *log = log_in_use(ring, i);

		if (overwriting && i >= 0 && !rk_cpus_has(rk_cpus_get(), i))
			continue;
		if (overwriting && rk_bank_is_out(&ring_slot_of(ring, i)->bank))
			return true;
		if (log == NULL)
			continue;
		if (head_of(log) != __atomic_load_n(overwriting ? &log->start : &log->tail, __ATOMIC_RELAXED))
			return true;
	}
	return false;
}

/*
 * Does the same as rk_ring_arm(), and also stores a value in *armed: `waiting` has this value until a write ends the waiting,
 * or rk_ring_notify() changes the descriptor.
 * `waiting` contains a count, so no wake-up is missed.
 */
static int arm(struct rk_ring *ring, uint32_t *armed)
{
	int r;

	*armed = 0;
	if (ring == NULL)
		return -EINVAL;
	if (has_records(ring))
		return 1;
	*armed = __atomic_fetch_or(&ring_state_of(ring)->shared.waiting, 1, __ATOMIC_SEQ_CST) | 1;
	r = rk_fence_all();
	return r < 0 ? r : has_records(ring);
}

int rk_ring_arm(struct rk_ring *ring)
{
	uint32_t armed;

	return arm(ring, &armed);
}

/*
 * Ends the waiting of readers: adds 1 to `waiting`, which clears the lowest bit. A vfork child adds 2, so the bit stays set.
 * A vfork child writes to its parent's ring, but leaves the notification to the parent's next write. If the child is killed
 * before it has woken the sleepers, the parent's next write also wakes them. A child of fork doesn't use its parent's
 * descriptor, because in the child the same descriptor can be another file.
 *
 * The writer that ends the waiting also notifies, and has to use the descriptor that is set at that moment. The writer
 * therefore loads `waiting` before the descriptor. If rk_ring_notify() sets another descriptor in between, it also changes
 * `waiting`. Then the writer can't end the waiting, and loads both again.
 */
void rki_ring_wake(struct rk_ring *ring)
{
	struct ring_state *state = ring_state_of(ring);
	struct ring_file *file = state->file;
	uint32_t waiting = __atomic_load_n(&state->shared.waiting, __ATOMIC_SEQ_CST);
	bool notifies, for_parent;
	const uint64_t one = 1;
	int fd;

	do {
		pid_t process = __atomic_load_n(&file->process, __ATOMIC_ACQUIRE);

		if ((waiting & 1) == 0)
			return; /* another writer has ended the waiting */
		fd = __atomic_load_n(&file->fd, __ATOMIC_ACQUIRE) - 1;
		notifies = fd >= 0 && (process == 0 || process == getpid());
		for_parent = rk_kernel_is_vfork_child() == 1;
	} while (!__atomic_compare_exchange_n(&state->shared.waiting, &waiting, waiting + (for_parent ? 2 : 1), 0,
					      __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
	rk_futex_wake(&state->shared.waiting, INT32_MAX);
	if (notifies && !for_parent)
		(void)RK_SYSCALL(SYS_write, fd, &one, sizeof(one));
}

int rk_ring_wait_for(struct rk_ring *ring, int64_t nanoseconds)
{
	uint32_t armed;
	int r = arm(ring, &armed);

	if (r != 0)
		return r < 0 ? r : 0;
	if (nanoseconds < 0)
		return -EINVAL;
	/* Always passes a time limit. Without it the kernel would continue the wait after a signal handler with SA_RESTART. */
	r = (int)rk_futex_wait(&ring_state_of(ring)->shared.waiting, armed, nanoseconds);
	return r == -EAGAIN ? 0 : r; /* `waiting` changed before the sleep */
}

int rk_ring_notify(struct rk_ring *ring, int fd)
{
	struct ring_file *file;

	if (ring == NULL || fd < -1 || fd == INT32_MAX)
		return -EINVAL;
	file = ring_state_of(ring)->file;
	if (file->process != 0) {
		__atomic_store_n(&file->fd, 0, __ATOMIC_RELAXED);
		__atomic_store_n(&file->process, getpid(), __ATOMIC_RELEASE);
	}
	__atomic_store_n(&file->fd, fd + 1, __ATOMIC_RELEASE);
	/* Because of this addition, a writer that loaded the previous descriptor can't end the waiting, and loads again. */
	(void)__atomic_fetch_add(&ring_state_of(ring)->shared.waiting, 2, __ATOMIC_SEQ_CST);
	return 0;
}
