/* SPDX-License-Identifier: MIT */
/*
 * process.c - decides once per process where the threads' rseq areas are.
 *
 * The invariant: at the published offset (rk_area_offset) every thread reads cpu_id < 0 until it is registered there. A libc
 * that doesn't register threads in its area writes -2 there when a thread starts. This library's own areas have a negative
 * cpu_id as initial content.
 *
 * There is only one decision, even if several threads race to make it and get different answers from the kernel. Results that
 * depend on the kernel's answers are therefore stored in words. The first thread stores a word, and all other threads use the
 * stored word. The words are made in this order:
 *
 *   plan        the chosen candidate (plan.c), stored before any thread carries the plan out: makes the rendezvous page, or makes
 *               the kernel register threads
 *   area        the outcome of the plan; it differs from the plan if another copy of this library made the rendezvous page
 *               (rendezvous.h), if the page can't be made, or if the kernel with KTLS registers no threads
 *   neighbours  where the thread state (area.h) and the kernel's blob (ktls/ktls.h) are, as follows from the area and the page
 *   facts       stored last, after rk_area_offset and rk_area_valid: a thread that sees this word sees all others
 *
 * No thread waits for another thread, except at the dynamic linker's lock. If a thread stops before it stores a word, the next
 * thread makes that word in the same way.
 *
 * KTLS (ktls/ktls.h) is an exception. Suppose that two threads race to decide, and a filter refuses the commands of KTLS to
 * only one of them. Then the other thread may have given the commands, although the decision is another area. In that case
 * threads have no rseq (RK_REASON_FOREIGN).
 */
#define _GNU_SOURCE
#include "process.h"

#include "area.h"
#include "ktls/ktls.h"
#include "libc.h"
#include "os/kernel.h"
#include "plan.h"
#include "rendezvous.h"

struct rk_process rk_process_decided;

_Static_assert(sizeof(union rk_plan) == sizeof(uint64_t) && offsetof(struct rk_process, neighbours_word) == sizeof(uint64_t) &&
		       offsetof(struct rk_process, facts_word) == 2 * sizeof(uint64_t),
	       "each is one word");

/*
 * Stores a word, if no other thread was faster. Returns the stored word. ThreadSanitizer is off here, because it treats an
 * exchange that fails as a store. ThreadSanitizer would report a race with threads that read a word by a plain load after
 * the last word is stored.
 */
__attribute__((__no_sanitize__("thread"))) static uint64_t settle(uint64_t *word, uint64_t mine)
{
	uint64_t first = 0;

	return __atomic_compare_exchange_n(word, &first, mine, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE) ? mine :
													    first;
}

/*
 * Returns how many bytes of an area are valid. A field is valid if both the feature size and the registered length cover it. A
 * length of 32 covers only the first 28 bytes.
 */
static uint32_t valid_bytes(uint32_t feature_size, uint32_t length)
{
	uint32_t covered = length == RK_AREA_LENGTH_ORIGINAL ? RK_FIELD_END_MM_CID : length;

	return feature_size < covered ? feature_size : covered;
}

/* Returns the content for the rendezvous page: the planned area, and the distance from the area to the thread state. */
static struct rk_rendezvous offer_of(const union rk_plan *plan)
{
	return (struct rk_rendezvous){
		.magic = RK_RENDEZVOUS_MAGIC,
		.version = RK_RENDEZVOUS_VERSION,
		.size = sizeof(struct rk_rendezvous),
		.kind = rk_kind_planned(plan)->page,
		.state = offsetof(struct rk_thread_block, state),
		.offset = plan->offset,
		.length = plan->length,
		.signature = RK_SIGNATURE,
		.state_version = RK_THREAD_STATE_VERSION,
		.state_size = sizeof(struct rk_thread_state),
		.passive = plan->reason == RK_REASON_TOLD ||
			   (plan->reason != RK_REASON_NONE && !rk_kind_planned(plan)->strangers_share),
	};
}

/*
 * Offers the planned area to other copies of this library, or adopts the area that another copy offered. If the rendezvous page
 * can't be made, plans the libc's spare area (plan.c) or no area.
 */
static void meet(union rk_plan *plan, struct rk_rendezvous *page)
{
	bool only_ours = rk_kind_planned(plan)->only_ours;
	ptrdiff_t spare;
	bool registers;

	if (!plan->meets)
		return;
	if (rk_rendezvous(page) == 0) {
		rk_plan_adopt(plan, page);
		if (rk_kind_planned(plan)->strangers_share && plan->reason == RK_REASON_STRANGER)
			plan->reason = RK_REASON_NONE;
	} else if (only_ours && plan->has_spare && rk_libc_area(&spare, &registers)) {
		plan->where = RK_WHERE_LIBC_SPARE;
		plan->offset = (int32_t)spare;
		plan->length = RK_AREA_LENGTH_ORIGINAL;
	} else if (only_ours) {
		plan->where = RK_WHERE_NOWHERE;
		plan->length = 0;
		plan->reason = RK_REASON_RENDEZVOUS;
	}
}

/*
 * Makes the kernel register every thread. Other copies learn from the rendezvous page where the area is. If the page can't be
 * made, this copy uses the area all the same.
 */
static bool leave_to_kernel(union rk_plan *plan, struct rk_rendezvous *page)
{
	struct rk_ktls_layout layout;
	struct rk_ktls_room room;

	if (!rk_ktls_find_room(true, &room, &layout) || !rk_ktls_begin(&room, &layout))
		return false;
	page->state = room.state - layout.rseq_offset;
	page->blob = layout.rseq_offset;
	page->state_version = room.state_version;
	page->state_size = room.state_size;
	meet(plan, page);
	return true;
}

/*
 * Carries out the plan, and stores the outcome in the plan. Returns false if the plan was KTLS and the kernel doesn't
 * register threads.
 */
static bool carry_out(union rk_plan *plan)
{
	struct rk_rendezvous page = offer_of(plan);
	bool done = true;

	if (plan->offers && rk_kernel_registers(rk_kind_planned(plan)))
		done = leave_to_kernel(plan, &page);
	else if (plan->offers)
		meet(plan, &page);
	return done;
}

static uint64_t decide_on_area(void)
{
	static uint64_t words[2] __attribute__((__aligned__(8)));
	union rk_plan plan = {.word = __atomic_load_n(&words[0], __ATOMIC_ACQUIRE)};
	struct rk_process p = {0};

	if (plan.word == 0)
		plan.word = settle(&words[0], rk_plan_make(NULL).word);
	if (!carry_out(&plan)) {
		plan.word = settle(&words[1], rk_plan_make(&plan).word);
		(void)carry_out(&plan);
	}
	p.where = plan.where;
	p.reason = plan.reason;
	p.offset = plan.offset;
	p.length = plan.length;
	if (rk_kind_of(&p)->provider == RK_KTLS_NONE)
		p.offset = rk_block_is_static() ? (int32_t)rk_block_offset() : 0;
	return p.area_word;
}

/*
 * Finds where the thread state and the blob are. If the area is this copy's block, the state is at its usual place. Otherwise
 * the page says where the state is. With KTLS there may be no page. In that case the state and the blob are in the room, a
 * module's memory for the blob. rk_ktls_see_room() (ktls/ktls.h) says whether this copy of the library has found the room.
 */
static void find_state(struct rk_process *p)
{
	struct rk_rendezvous page = {.state = offsetof(struct rk_thread_block, state)};
	struct rk_ktls_room room;

	if (!rk_kind_of(p)->in_blob && p->offset != rk_block_offset()) {
		(void)rk_rendezvous_read(&page);
	} else if (rk_kind_of(p)->in_blob && (rk_rendezvous_look(&page) != 0 || page.offset != p->offset)) {
		/*
		 * A filter can refuse the check whether the page is mapped. A copy that has found no room took the area from
		 * the page, so the page is certainly mapped.
		 */
		if (rk_ktls_see_room(&room)) {
			page.blob = (uint32_t)(p->offset - room.offset);
			page.state = room.state - page.blob;
		} else {
			(void)rk_rendezvous_read(&page);
		}
	}
	p->state = (uint16_t)page.state;
	p->blob = (uint16_t)page.blob;
}

static uint64_t find_neighbours(const struct rk_process *decided)
{
	struct rk_ktls_layout layout;
	struct rk_process p = *decided;

	if (rk_kind_of(&p)->shared)
		find_state(&p);
	if (rk_kind_of(&p)->in_blob && rk_ktls_ask_kernel(&layout) == 0) {
		p.blob_size = (uint16_t)layout.size;
		p.blob_alignment = (uint16_t)layout.alignment;
	}
	return p.neighbours_word;
}

static uint64_t find_facts(const struct rk_process *decided)
{
	struct rk_process p = *decided;
	ptrdiff_t area;
	bool registers;

	p.libc_area = rk_libc_area(&area, &registers);
	p.libc_registers = registers;
	p.feature_size = (uint16_t)rk_feature_size();
	p.alignment = (uint16_t)rk_plan_alignment();
	if (rk_kind_of(&p)->provider != RK_KTLS_NONE)
		p.valid = (uint16_t)valid_bytes(p.feature_size, p.length != 0 ? p.length : RK_AREA_LENGTH_ORIGINAL);
	p.provider = (uint8_t)(rk_ktls_find_provider(&p) + 1);
	return p.facts_word;
}

/*
 * Blocks signals while this thread may hold the dynamic linker's lock. Otherwise a handler could wait for that lock for ever.
 * The decision doesn't need the dynamic linker if the libc's symbols are bound and the libc registers threads.
 */
const struct rk_process *rk_process_decide(void)
{
	struct rk_process *process = &rk_process_decided, p = {0};
	unsigned char before[RK_SIGSET_SIZE];
	bool blocked = !rk_libc_is_bound_and_registers() && rk_kernel_block_signals(before) == 0;
	int saved = errno;

	p.area_word = __atomic_load_n(&process->area_word, __ATOMIC_ACQUIRE);
	if (p.area_word == 0)
		p.area_word = settle(&process->area_word, decide_on_area());
	p.neighbours_word = settle(&process->neighbours_word, find_neighbours(&p));
	p.facts_word = find_facts(&p);
	if (rk_kind_of(&p)->in_blob)
		rk_ktls_find_accessors();
	rk_area_publish(p.offset, p.valid);
	(void)settle(&process->facts_word, p.facts_word);
	if (blocked)
		(void)rk_kernel_set_signals(before, NULL);
	errno = saved;
	return process;
}

void rk_process_give_up(enum rk_reason reason)
{
	__atomic_store_n(&rk_process_decided.given_up, (uint8_t)reason, __ATOMIC_RELAXED);
}

void rk_process_note(enum rk_reason reason)
{
	uint8_t *word = reason == RK_REASON_NONE ? &rk_process_decided.served : &rk_process_decided.refused;
	uint8_t value = reason == RK_REASON_NONE ? 1 : (uint8_t)reason;

	/* All threads read this cache line, so a store is made only if it changes the value. */
	if (__atomic_load_n(word, __ATOMIC_RELAXED) != value)
		__atomic_store_n(word, value, __ATOMIC_RELAXED);
}
