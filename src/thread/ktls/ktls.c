/* SPDX-License-Identifier: MIT */
/*
 * ktls.c - asks whether the kernel can register threads (KTLS, see ktls.h), and gives the kernel the commands that start
 * this. thread/process.c, which decides where the threads' areas (struct rseq) are, calls these functions. ktls_query.c has
 * the other functions of the public header.
 *
 * The commands are calls of rseq(2) with the flag RSEQ_FLAG_KTLS, which the patch series in kernel/ adds. A kernel without the
 * series answers EINVAL.
 *
 * The kernel keeps a block of data, the blob, in each thread's TLS. It reports the size of the blob, and where the area is in
 * the blob. For the blob, KTLS needs 256 bytes of room in static TLS, which is too much for copies in plugins. ktls_room.c has
 * the room, for the preloaded object and librseqkit-ktls.a. All bytes of the room are 0xff at first, so wherever the kernel
 * puts the area, a thread that isn't registered reads cpu_id -1.
 *
 * This library uses the automatic kind of KTLS (RK_KTLS_SET_OFFSET_AUTO), which needs no help from the libc. KTLS isn't used
 * on musl, where a detached thread unmaps its memory while the thread still runs.
 *
 * This library still registers some threads itself: threads that the kernel couldn't register, and threads that
 * rk_vfork_begin() unregistered. It uses the kernel's command for that, so that the kernel also maintains the thread id in
 * these threads (rk_register_at()). The answer EBUSY doesn't mean that the thread is registered, because a thread that was
 * cloned without CLONE_SETTLS always gets EBUSY. Only the area's cpu_id shows whether the thread is registered.
 *
 * On the rendezvous page (thread/rendezvous.h), the area looks like any other area. Older copies and users of embed.h don't
 * know the page's field `blob`. They use the same area, and report its owner as `self`.
 */
#define _GNU_SOURCE
#include <rseqkit/ktls.h>

#include "os/answer.h"
#include "os/kernel.h"
#include "ktls.h"
#include "thread/libc.h"
#include "thread/reason.h"
#include "thread/thread.h"
#include "os/vdso.h"

#define ACCESSOR(what) RK_VDSO_NAME("rseq_ktls_" what)

static uint32_t (*kernel_tid)(long offset);
static int (*kernel_cpu)(long offset);

/*
 * Asks the kernel for the layout of its blob.
 *
 * Returns 0; -ENXIO if the kernel has no KTLS, or none for this kind of program; or the errno that a filter answered. Two
 * answers of a seccomp filter become -ENODATA. The first is an errno that would be mistaken for an answer of this function or
 * its callers (ENXIO, E2BIG). The second is a success without a call, which leaves the size 0: no blob has this size.
 */
int rk_ktls_ask_kernel(struct rk_ktls_layout *layout)
{
	int r;

	*layout = (struct rk_ktls_layout){0};
	r = rk_kernel_ktls(RK_KTLS_GET_LAYOUT, layout, sizeof(*layout));
	if (r == -EINVAL || r == -ENOSYS || r == -EOPNOTSUPP)
		return -ENXIO;
	if (r == -ENXIO || r == -E2BIG)
		return -ENODATA;
	return r == 0 && layout->size == 0 ? -ENODATA : r;
}

/*
 * Returns whether the area fits into the blob, and the blob into the room. An area at the beginning of the blob is refused,
 * because on the rendezvous page a distance of 0 means that there is no KTLS.
 */
static bool fits_layout(const struct rk_ktls_layout *layout, uint32_t length, uint32_t size, uint32_t alignment)
{
	return layout->rseq_offset > 0 && layout->rseq_offset <= layout->size &&
	       length <= layout->size - layout->rseq_offset && layout->size <= size && layout->alignment <= alignment;
}

#ifdef __GLIBC__
#define LIBC_CAN true
/*
 * Gives the kernel the commands that make it register threads. The sequence is idempotent: if a signal handler gives the same
 * commands in between, it sets the same offset. At the end, this function checks where the calling thread is registered. If
 * the thread is registered at `area`, the offset is in use.
 *
 * Once the offset is set, the kernel registers every thread that is created. Once there is another thread or a vfork child, the
 * kernel doesn't let the offset be changed. The offset must therefore not be set if a filter refuses the last command, which
 * registers the calling thread. In this case the library uses the libc's spare area (plan.c) for the calling thread, and glibc
 * registers each new thread in the spare area, too. With an offset, the kernel would have registered the new thread already, so
 * glibc's registration would fail, and glibc would end the process. To find out, this function tries the last command first.
 * The answer -ENXIO shows that no offset is set. If a filter refuses the command, the answer is another errno.
 */
static bool leave_it_to_kernel(ptrdiff_t room, volatile struct rk_area *area, uint32_t length)
{
	uint32_t signature = RK_SIGNATURE;
	int64_t offset = room;
	int r;

	if (rk_kernel_has_registration() == 1)
		return rk_kernel_registered_at(area, length);
	r = rk_kernel_ktls_register();
	if (r == 0 || r == -EBUSY) /* a signal handler was faster */
		return rk_kernel_registered_at(area, length);
	if (r != -ENXIO || rk_kernel_ktls(RK_KTLS_SET_SIG, &signature, sizeof(signature)) != 0)
		return false;
	r = rk_kernel_ktls(RK_KTLS_SET_OFFSET_AUTO, &offset, sizeof(offset));
	if (r != 0 && r != -EBUSY)
		return false;
	(void)rk_kernel_ktls_register();
	return rk_kernel_registered_at(area, length);
}

bool rk_ktls_see_room(struct rk_ktls_room *room)
{
	*room = (struct rk_ktls_room){0};
	if (rk_ktls_room == NULL)
		return false;
	rk_ktls_room(room, sizeof(*room));
	return true;
}

bool rk_ktls_find_room(bool chosen, struct rk_ktls_room *room, struct rk_ktls_layout *layout)
{
	return rk_ktls_see_room(room) && (room->linked || chosen) && rk_ktls_ask_kernel(layout) == 0 &&
	       fits_layout(layout, rk_feature_size(), room->size, room->alignment);
}

bool rk_ktls_begin(const struct rk_ktls_room *room, const struct rk_ktls_layout *layout)
{
	ptrdiff_t area = (ptrdiff_t)room->offset + (ptrdiff_t)layout->rseq_offset;

	return leave_it_to_kernel((ptrdiff_t)room->offset, rk_area_at(area), rk_feature_size());
}
#else
#define LIBC_CAN false

/*
 * A detached thread of musl unmaps its own memory while the kernel still writes to it, so this library has no room for the
 * blob on musl.
 */
bool rk_ktls_see_room(struct rk_ktls_room *room)
{
	(void)room;
	return false;
}

bool rk_ktls_find_room(bool chosen, struct rk_ktls_room *room, struct rk_ktls_layout *layout)
{
	(void)chosen;
	(void)room;
	(void)layout;
	return false;
}

bool rk_ktls_begin(const struct rk_ktls_room *room, const struct rk_ktls_layout *layout)
{
	(void)room;
	(void)layout;
	return false;
}
#endif

int rk_ktls_query_kernel(struct rk_ktls_layout *layout, size_t size)
{
	struct rk_ktls_layout full;
	int r;

	if (layout == NULL || size == 0)
		return -EINVAL;
	r = rk_ktls_ask_kernel(&full);
	if (r != 0)
		return r;
	rk_answer(layout, size, &full, sizeof(full));
	if (!LIBC_CAN)
		return -ENOTSUP;
	return fits_layout(&full, rk_feature_size(), RK_KTLS_ROOM_SIZE, RK_KTLS_ROOM_ALIGNMENT) ? 0 : -E2BIG;
}

/*
 * Returns whether no thread of the process can have rseq, judged by the calling thread. The thread can't have rseq if the
 * system call is missing or refused, or if the thread is registered in an area that isn't ours. Other threads can still have
 * rseq, because filters and private registrations belong to single threads. A refusal therefore counts only while the process
 * has one thread, because later threads usually inherit its filters. A missing system call always counts.
 */
static bool is_refused(const struct rk_process *p)
{
	volatile struct rk_area *area = rk_area_at(p->offset);
	int registered;

	if (rk_area_is_registered(area))
		return false;
	registered = rk_kernel_has_registration();
	/*
	 * A signal handler may have registered the thread meanwhile, through another copy of this library that made its
	 * decision earlier.
	 */
	if (registered == 0 || rk_area_is_registered(area))
		return false;
	return registered == -ENOSYS || &__libc_single_threaded == NULL || __libc_single_threaded;
}

enum rk_ktls rk_ktls_find_provider(const struct rk_process *p)
{
	enum rk_ktls provider = (enum rk_ktls)rk_kind_of(p)->provider;

	if (provider == RK_KTLS_KERNEL || (provider == RK_KTLS_LIBC && p->reason == RK_REASON_NONE))
		return provider;
	return p->reason != RK_REASON_NONE || is_refused(p) ? RK_KTLS_NONE : provider;
}

void rk_ktls_find_accessors(void)
{
	void *tid = rk_vdso_find(ACCESSOR("tid")), *cpu = rk_vdso_find(ACCESSOR("cpu"));

	__atomic_store_n((void **)&kernel_tid, tid, __ATOMIC_RELAXED);
	__atomic_store_n((void **)&kernel_cpu, cpu, __ATOMIC_RELAXED);
}

/* The vDSO's function returns all ones in a thread that was never registered, and 0 in a thread whose registration was undone. */
int rk_ktls_tid_told(ptrdiff_t offset)
{
	uint32_t (*read_tid)(long) = __atomic_load_n(&kernel_tid, __ATOMIC_RELAXED);

	return read_tid != NULL && offset != 0 ? (int)read_tid(offset) : 0;
}

int rk_ktls_cpu_told(ptrdiff_t offset)
{
	int (*read_cpu)(long) = __atomic_load_n(&kernel_cpu, __ATOMIC_RELAXED);

	return read_cpu != NULL && offset != 0 ? read_cpu(offset) : -1;
}
