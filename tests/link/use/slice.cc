/* SPDX-License-Identifier: MIT */
/* Uses slice.h and mutex.h in C++17, without casts, and with no other header except for errors. */
#include <rseqkit/mutex.h>

#include <cerrno>

static rk_mutex mutex = RK_MUTEX_INIT;
static rk_mutex checked = RK_MUTEX_INIT_CHECKED;
static rk_condition condition = RK_CONDITION_INIT;

int main()
{
	const int requested = rk_slice_begin();

	rk_slice_end(requested);
	if (requested != (rk_slice_thread_reason() == RK_SLICE_NONE) || rk_slice_reason_text(RK_SLICE_NOT_YET) == nullptr)
		return 1;
	if ((rk_slice_enable() == 0) != (rk_slice_thread_reason() == RK_SLICE_NONE))
		return 2;
	if (rk_mutex_lock(&mutex) != 0 || rk_mutex_lock_try(&mutex) != -EBUSY || rk_mutex_lock_for(&mutex, 1) != -ETIMEDOUT)
		return 3;
	if (rk_condition_wait_for(&condition, &mutex, 1) != -ETIMEDOUT || rk_mutex_unlock(&mutex) != 0)
		return 4;
	rk_condition_signal(&condition);
	rk_condition_broadcast(&condition);
	if (rk_mutex_unlock(&checked) != -EPERM || rk_mutex_init(&checked, RK_MUTEX_CHECKED) != 0)
		return 5;
	return 0;
}
