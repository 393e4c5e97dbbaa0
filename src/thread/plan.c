/* SPDX-License-Identifier: MIT */
/*
 * plan.c - checks in a fixed order (candidates[]) which memory the threads' rseq areas are to be in; see plan.h.
 *
 * The offset of an area may be published only if two conditions hold. First, every thread has memory at the offset. Second,
 * every thread reads cpu_id < 0 there until the thread is registered. A zero-initialised area of another component reads "CPU
 * 0" in threads that never registered, so such an area is never adopted.
 *
 * The length is the same for every thread. Nothing is derived from a kernel version or from __rseq_size, whose meaning
 * changed between releases. If a kernel refuses the length that it announced, threads have no rseq (RK_REASON_AREA). A
 * second attempt with 32 bytes would give threads of one process different lengths.
 *
 * The libc's area is called spare if the libc doesn't register threads in it. An area of our own, which is the thread block
 * of this copy of the library (area.h), can be better than the spare area (ask_better()). In the spare area, glibc registers
 * each thread that a registered thread creates, with 32 bytes. If we registered more bytes in the spare area, threads of one
 * process would have two lengths. The process would have two modes, and fields that are valid only in some threads. If we use
 * an area of our own, because the program was started with RSEQKIT_AREA=own or a preloaded object is used, the process can have
 * other users of rseq:
 *
 *   other user of rseq                              what happens
 *   a copy of this library, or a user of embed.h,   it looks at the rendezvous page first, and finds our block there
 *   that comes later
 *   a copy, or a user of 0.1's embed.h, that was    cpu_id >= 0 in the spare area shows that it is in use, so all copies
 *   first and took the spare area                   use it, with 32 bytes
 *   the same, but the thread that decides isn't     the process has two areas: in each thread the kernel refuses the second
 *   registered in the spare area                    one, which is treated as foreign; only speed is lost
 *   an early adopter that this copy finds           its area is used, because the adopter can't use another area
 *   any other user, if the page can't be made       copies can't agree, so no thread has rseq (RK_REASON_RENDEZVOUS); with
 *   (no memory file, or its address is in use)      a preloaded object and no RSEQKIT_AREA, the spare area is used instead
 *
 * On aarch64 with glibc, the thread blocks of copies can't be areas, because the blocks are aligned to only 16 bytes. On such
 * systems RSEQKIT_AREA=own uses the block of librseqkit-preload.so. That object is initialised first of all (-z initfirst),
 * so it offers its block on the rendezvous page before any other copy reads the page. The preloaded object is initialised
 * even before the libc, so it must not call functions that need an initialised libc (pin.c). Without the preloaded object,
 * RSEQKIT_AREA=own has no effect on such systems.
 */
#define _GNU_SOURCE
#include "plan.h"

#include "area.h"
#include "early.h"
#include "ktls/ktls.h"
#include "libc.h"
#include "os/choice.h"
#include "os/kernel.h"
#include "rendezvous.h"
#include "start.h"
#include "strangers.h"

/* The following two functions are used if start_here.c isn't linked in. */
#if !defined(RK_ONE_FILE) || defined(__GLIBC__)
__attribute__((__weak__)) bool rk_start_sees_all(void)
{
	return false;
}
#endif

__attribute__((__weak__)) bool rk_start_registers_all(void)
{
	return false;
}

uint32_t rk_plan_alignment(void)
{
	unsigned long announced = rk_auxiliary(AT_RSEQ_ALIGN);

	return announced != 0 ? (uint32_t)announced : RK_AREA_LENGTH_ORIGINAL;
}

#if RK_SIGNATURE == 0
union rk_plan rk_plan_make(const union rk_plan *failed)
{
	(void)failed;
	return (union rk_plan){.where = RK_WHERE_NOWHERE, .reason = RK_REASON_NO_PORT};
}
#else

/*
 * Facts about the process that are the same for all threads. Only `choice`, the value of RSEQKIT_AREA, can differ: it is read
 * from /proc, which can be mounted between two reads.
 */
struct situation {
	ptrdiff_t libc; /* the offset of the libc's area; 0 if it has none */
	bool libc_registers;
	enum rk_choice choice;
};

/* Stores an area in the plan. Returns false if the offset doesn't fit into 32 bits, which doesn't happen in static TLS. */
static bool propose(union rk_plan *plan, enum rk_where where, ptrdiff_t offset, uint32_t length)
{
	if (offset != (int32_t)offset)
		return false;
	plan->where = (uint8_t)where;
	plan->offset = (int32_t)offset;
	plan->length = (uint16_t)length;
	return true;
}

_Static_assert(RK_REASON_TOLD < 32, "the plan has five bits for a reason");

static bool do_without(union rk_plan *plan, enum rk_reason reason)
{
	plan->where = RK_WHERE_NOWHERE;
	plan->reason = (uint8_t)reason & 31;
	return true;
}

/*
 * Returns the length with which this copy's block is registered. It is the kernel's full feature size if the block is large
 * enough and aligned for it. Otherwise it is 32 bytes, which every kernel accepts.
 */
static uint32_t own_length(void)
{
	uint32_t feature_size = rk_feature_size();

	if (feature_size > RK_AREA_LENGTH_ORIGINAL && feature_size <= sizeof(rk_block.u.room) &&
	    rk_plan_alignment() <= __alignof__(struct rk_thread_block))
		return feature_size;
	return RK_AREA_LENGTH_ORIGINAL;
}

/*
 * Returns the length with which another owner registered the calling thread at this offset. Returns 0 if the thread isn't
 * registered there, or if the kernel doesn't say.
 */
static uint32_t length_here(ptrdiff_t offset)
{
	volatile struct rk_area *area = rk_area_at(offset);
	uint32_t feature_size = rk_feature_size();

	if (rk_kernel_registered_at(area, RK_AREA_LENGTH_ORIGINAL))
		return RK_AREA_LENGTH_ORIGINAL;
	if (feature_size > RK_AREA_LENGTH_ORIGINAL && rk_kernel_registered_at(area, feature_size))
		return feature_size;
	return 0;
}

/*
 * Returns whether the libc leaves this area alone. In such an area cpu_id is -2, or -1 if the kernel has unregistered the
 * thread, or the mark that rk_vfork_begin() stores. If cpu_id is 0 or more, another copy may have registered the thread there,
 * with 32 bytes. If a filter refuses the system call that shows whether the thread is registered, this function returns true,
 * because no other component uses this area.
 */
static bool is_spare(ptrdiff_t offset)
{
	int32_t cpu = (int32_t)rk_area_at(offset)->cpu_id;

	return cpu == RK_CPU_ID_UNINITIALIZED || cpu == RK_CPU_ID_REGISTRATION_FAILED || cpu == RK_CPU_ID_BRACKET ||
	       (cpu >= 0 && (rk_kernel_registered_at(rk_area_at(offset), RK_AREA_LENGTH_ORIGINAL) ||
			     rk_kernel_has_registration() < 0));
}

/*
 * Returns whether this copy's thread block can be an area in every thread: it is in static TLS, and its alignment is
 * sufficient.
 */
static bool block_can_serve(void)
{
	return rk_block_is_static() && __alignof__(struct rk_thread_block) >= RK_AREA_LENGTH_ORIGINAL;
}

/*
 * Returns why this copy has no area, if its block can't be an area. The possible reasons are: dlopen() loaded the copy, rseq
 * is missing or refused, or another component has registered the thread. If none of these applies, the alignment of the block
 * isn't sufficient.
 */
static enum rk_reason reason_without_block(void)
{
	int registered = rk_kernel_has_registration();

	if (!rk_block_is_static())
		return RK_REASON_LATE;
	if (registered < 0)
		return registered == -ENOSYS ? RK_REASON_NO_KERNEL : RK_REASON_BLOCKED;
	return registered == 1 ? RK_REASON_FOREIGN : RK_REASON_AREA;
}

static bool ask_libc(const struct situation *now, union rk_plan *plan)
{
	return now->libc_registers && propose(plan, RK_WHERE_LIBC, now->libc, length_here(now->libc));
}

/*
 * Looks on the rendezvous page whether other copies have agreed on an area. If the rseq system call doesn't exist (valgrind,
 * emulators), there is nothing to agree on. If a filter refuses the system call to the calling thread, the page is still used.
 */
static bool ask_page(const struct situation *now, union rk_plan *plan)
{
	struct rk_rendezvous page;
	ptrdiff_t librseq;

	(void)now;
	plan->meets = plan->meets || rk_kernel_has_registration() != -ENOSYS;
	if (!plan->meets || rk_rendezvous_look(&page) != 0)
		return false;
	rk_plan_adopt(plan, &page);
	if (rk_kind_planned(plan)->strangers_share)
		(void)rk_strangers_librseq(&librseq); /* for rk_strangers_librseq_now(), if librseq registers a thread first */
	return true;
}

/*
 * Looks for the area of an early adopter (early.h). Some copies can't see this area, for example copies in other namespaces, so
 * the area is offered on the rendezvous page.
 */
static bool ask_early(const struct situation *now, union rk_plan *plan)
{
	ptrdiff_t offset, librseq;

	(void)now;
	plan->offers = rk_early_area(&offset) && propose(plan, RK_WHERE_EARLY, offset, RK_AREA_LENGTH_ORIGINAL);
	if (plan->offers)
		(void)rk_strangers_librseq(&librseq); /* as above */
	return plan->offers;
}

/*
 * Looks for librseq. If librseq tries to register a thread that is registered already, librseq ends the process. This library
 * therefore registers no thread, and uses rseq only in the threads that librseq registered.
 */
static bool ask_librseq(const struct situation *now, union rk_plan *plan)
{
	ptrdiff_t offset;
	enum rk_librseq librseq = rk_strangers_librseq(&offset);

	(void)now;
	if (librseq == RK_LIBRSEQ_ABSENT)
		return false;
	return (librseq == RK_LIBRSEQ_FOUND && propose(plan, RK_WHERE_LIBRSEQ, offset, 0)) ||
	       do_without(plan, RK_REASON_STRANGER);
}

static bool ask_kernel(const struct situation *now, union rk_plan *plan)
{
	struct rk_ktls_room room;
	struct rk_ktls_layout layout;

	plan->offers =
		now->choice != RK_CHOICE_OWN && now->choice != RK_CHOICE_OTHERS &&
		rk_ktls_find_room(now->choice == RK_CHOICE_KTLS, &room, &layout) &&
		propose(plan, RK_WHERE_KTLS, (ptrdiff_t)room.offset + (ptrdiff_t)layout.rseq_offset, rk_feature_size());
	return plan->offers;
}

/*
 * Plans areas of our own although the libc has a spare area, in two cases. First, the program was started with
 * RSEQKIT_AREA=own: areas of our own can be longer. Second, RSEQKIT_AREA isn't `others`, and this copy is in a preloaded object,
 * which registers every thread at its start. If it registered threads in the libc's area, glibc would also register each thread
 * that a registered thread creates. If a filter refused that registration, glibc would end the process. RSEQKIT_AREA=ktls
 * counts here as if the variable weren't set: this function runs only if KTLS wasn't possible.
 *
 * Returns false in all other cases, or if a copy without RSEQKIT_AREA=own uses the libc's area already.
 */
static bool ask_better(const struct situation *now, union rk_plan *plan)
{
	bool chosen = now->choice == RK_CHOICE_OWN;
	bool wanted = chosen || (now->choice != RK_CHOICE_OTHERS && rk_start_registers_all());
	int32_t cpu;

	if (!wanted || now->libc == 0 || !is_spare(now->libc) || !block_can_serve())
		return false;
	cpu = (int32_t)rk_area_at(now->libc)->cpu_id;
	if (cpu >= 0 || cpu == RK_CPU_ID_BRACKET)
		return false;
	plan->offers = 1;
	plan->has_spare = !chosen;
	return propose(plan, RK_WHERE_OWN, rk_block_offset(), own_length());
}

/* Uses the libc's spare area. All copies see it, so they need no page to agree on it. */
static bool ask_spare(const struct situation *now, union rk_plan *plan)
{
	return now->libc != 0 && is_spare(now->libc) &&
	       propose(plan, RK_WHERE_LIBC_SPARE, now->libc, RK_AREA_LENGTH_ORIGINAL);
}

/*
 * Uses this copy's block. If the block can't be an area, looks at the page again, because another copy may have made the page
 * meanwhile.
 */
static bool ask_own(const struct situation *now, union rk_plan *plan)
{
	struct rk_rendezvous page;

	(void)now;
	plan->offers = block_can_serve() && propose(plan, RK_WHERE_OWN, rk_block_offset(), own_length());
	if (!plan->offers && rk_rendezvous_look(&page) == 0)
		rk_plan_adopt(plan, &page);
	else if (!plan->offers)
		do_without(plan, reason_without_block());
	return true;
}

/*
 * The candidates, in the order in which they are asked. A function `ask` returns whether its candidate applies. If so, it has
 * stored the candidate's area, or the reason why no thread has rseq, in the plan.
 */
static const struct candidate {
	bool (*ask)(const struct situation *now, union rk_plan *plan);
	bool is_ours; /* this library would register the threads */
} candidates[] = {
	{ask_libc, false},   {ask_page, true},   {ask_early, true}, {ask_librseq, false},
	{ask_kernel, false}, {ask_better, true}, {ask_spare, true}, {ask_own, true},
};

/*
 * Returns whether all later threads will be registered when they start, and no other thread has started before. If so, the first
 * attempt of a stranger (a component that registers threads itself, strangers.h) fails, and the stranger works without rseq.
 */
static bool starts_are_ours(const union rk_plan *plan)
{
	return !rk_strangers_may_have_run() && (rk_kind_planned(plan)->libc_follows || rk_start_sees_all());
}

/*
 * Returns whether this library leaves registration to a stranger. A preloaded object is added to programs that know nothing of
 * it, so it leaves rseq to a stranger that has come with the program. The search for a stranger's code takes long, so it is made
 * only if its result matters.
 */
static bool defers(const union rk_plan *plan)
{
	if (rk_kind_planned(plan)->strangers_share || !plan->meets)
		return false;
	if (starts_are_ours(plan))
		return rk_start_registers_all() && rk_strangers_have_code();
	return rk_strangers_are_loaded();
}

/*
 * Returns why this library must not register threads in the planned area, or RK_REASON_NONE. If the rseq system call doesn't
 * exist, strangers don't matter, because they can't register threads either.
 */
static enum rk_reason hesitate(const struct situation *now, const union rk_plan *plan)
{
	if (now->choice == RK_CHOICE_OTHERS)
		return RK_REASON_TOLD;
	return defers(plan) ? RK_REASON_STRANGER : RK_REASON_NONE;
}

/*
 * Returns whether the calling thread is registered in the planned area with a signature that isn't ours. If so, the first
 * abort of one of our sections would kill the process.
 */
static bool is_fatal(const union rk_plan *plan)
{
	uint32_t length = plan->length;

	if (rk_kind_planned(plan)->provider == RK_KTLS_NONE || (int32_t)rk_area_at(plan->offset)->cpu_id < 0)
		return false;
	if (length == 0)
		length = length_here(plan->offset);
	return length != 0 && !rk_kernel_signature_is_ours(rk_area_at(plan->offset), length);
}

static void choose(const struct situation *now, union rk_plan *plan, bool without_kernel)
{
	const struct candidate *candidate = candidates;

	while ((without_kernel && candidate->ask == ask_kernel) || !candidate->ask(now, plan))
		candidate++;
	if (candidate->is_ours && plan->reason == RK_REASON_NONE)
		plan->reason = (uint8_t)hesitate(now, plan) & 31;
	if (is_fatal(plan)) {
		plan->offers = 0;
		do_without(plan, RK_REASON_SIGNATURE);
	}
}

union rk_plan rk_plan_make(const union rk_plan *failed)
{
	union rk_plan plan = {.meets = failed != NULL && failed->meets};
	struct situation now = {0};

	(void)rk_libc_area(&now.libc, &now.libc_registers);
	if (!now.libc_registers)
		now.choice = rk_choice();
	choose(&now, &plan, failed != NULL);
	return plan;
}
#endif

void rk_plan_adopt(union rk_plan *plan, const struct rk_rendezvous *page)
{
	plan->where = page->kind == RK_RENDEZVOUS_EARLY ? RK_WHERE_EARLY :
		      page->blob != 0                   ? RK_WHERE_KTLS :
							  RK_WHERE_OWN;
	plan->offset = (int32_t)page->offset;
	plan->length = (uint16_t)page->length;
}
