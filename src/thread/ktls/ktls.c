/* SPDX-License-Identifier: MIT */
/*
 * ktls.c - threads that the kernel registers: the part of the decision that asks the kernel and gives it commands. The
 * functions of the public header are in ktls_query.c.
 *
 * The commands are those of the series in kernel/. A kernel without the series answers EINVAL to flags that it doesn't
 * know.
 *
 * The kernel reports the size of its blob, and where the area is in the blob. So KTLS needs room in static TLS, 256 bytes,
 * which copies in plugins can't afford. The room is in ktls_room.c, for the preloaded object and librseqkit-ktls.a. All its
 * bytes are 0xff at first. So wherever the kernel puts the area, a thread that isn't registered reads cpu_id -1.
 *
 * This is the automatic kind of KTLS, because the libc knows nothing of it. It isn't used on musl, where detached threads
 * unmap their memory while they run.
 *
 * This library still registers some threads: those in which the kernel couldn't do it, and those after a bracket. For them
 * it uses the kernel's command, so that the kernel keeps the thread id there too (rk_register_at()). The answer EBUSY
 * doesn't mean that the thread is registered: a thread that was cloned without a thread pointer always gets EBUSY. Only the
 * area's cpu_id counts.
 *
 * On the rendezvous page the area looks like any other. An older copy, and a user of embed.h, don't know the page's `blob`.
 * They work in the same area, and call its owner `self`.
 */
#define _GNU_SOURCE
#include <rseqkit/ktls.h>

#include "os/answer.h"
#include "os/kernel.h"
#include "ktls.h"
#include "thread/reason.h"
#include "thread/thread.h"
#include "os/vdso.h"

#ifdef __aarch64__
#define ACCESSOR(what) "__kernel_rseq_ktls_" what
#else
#define ACCESSOR(what) "__vdso_rseq_ktls_" what
#endif

/* glibc 2.32 and later. */
extern char __libc_single_threaded __attribute__((__weak__));

static uint32_t (*kernel_tid)(long offset);
static int (*kernel_cpu)(long offset);

/*
 * Asks the kernel for the layout of its blob.
 *
 * Returns 0; -ENXIO if the kernel has no KTLS, or none for this kind of program; or a filter's answer. A filter's answer
 * becomes -ENODATA if it has another meaning here, or if it is success and nothing was filled. A filter can let a call
 * succeed that isn't made, but no blob is empty.
 */
int rk_ktls_ask_kernel(struct rk_ktls_layout *layout)
{
	int r;

	*layout = (struct rk_ktls_layout){0};
	r = rk_sys_rseq(layout, sizeof(*layout), RK_RSEQ_GET_KTLS_LAYOUT, 0);
	if (r == -EINVAL || r == -ENOSYS || r == -EOPNOTSUPP)
		return -ENXIO;
	if (r == -ENXIO || r == -E2BIG)
		return -ENODATA;
	return r == 0 && layout->size == 0 ? -ENODATA : r;
}

/*
 * Returns whether the area fits into the blob, and the blob into the room. The area is never at the beginning of the blob,
 * because on the page a distance of 0 says that there is no KTLS.
 */
static bool fits_layout(const struct rk_ktls_layout *layout, uint32_t length, uint32_t size, uint32_t alignment)
{
	return layout->rseq_offset > 0 && layout->rseq_offset <= layout->size &&
	       length <= layout->size - layout->rseq_offset && layout->size <= size && layout->alignment <= alignment;
}

#ifdef __GLIBC__
#define LIBC_CAN true
/*
 * Gives the kernel its commands. The sequence is idempotent: a handler between two of these calls may give the same
 * commands, and sets the same offset. At the end, the place where the calling thread is registered shows whether this
 * offset is in use.
 *
 * The offset can't be taken back once there is another thread or a vfork child. From then on the kernel registers every
 * thread that is created. Suppose the libc was told to leave its area alone, but finds its thread registered there by us.
 * Then the libc would register each new thread there too, fail because the kernel had registered it, and end the process.
 * So this function tries the last command first. Only -ENXIO says that no offset is set. A filter that refuses the command
 * answers something else.
 */
static bool leave_it_to_kernel(ptrdiff_t room, volatile struct rk_area *area, uint32_t length)
{
	int64_t offset = room;
	int r;

	if (rk_kernel_has_registration() == 1)
		return rk_kernel_registered_at(area, length);
	r = rk_kernel_ktls_register();
	if (r == 0 || r == -EBUSY) /* a handler was faster */
		return rk_kernel_registered_at(area, length);
	if (r != -ENXIO || rk_sys_rseq(NULL, 0, RK_RSEQ_SET_KTLS_SIG, RK_SIGNATURE) != 0)
		return false;
	r = rk_sys_rseq(&offset, sizeof(offset), RK_RSEQ_SET_KTLS_OFFSET | RK_RSEQ_KTLS_AUTO, 0);
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

/* A detached thread of musl unmaps its own memory while the kernel still writes to it, so there is no room on musl. */
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
 * Returns whether rseq is refused to the process, as far as this thread shows. The thread has no rseq of ours if the system
 * call is missing or refused, or if it is registered at an unknown place. Filters and private registrations are each
 * thread's own, and other threads may still have rseq. So a refusal counts only while there is one thread: as a rule, later
 * threads have its filters. A missing system call always counts.
 */
static bool is_refused(const struct rk_process *p)
{
	volatile struct rk_area *area = rk_area_at(p->offset);
	int registered;

	if (rk_area_is_registered(area))
		return false;
	registered = rk_kernel_has_registration();
	/* Meanwhile a handler may have registered the thread, by a copy that was there before. */
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

/* The accessor returns all ones in a thread that was never registered, and 0 in a thread that is registered no more. */
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
