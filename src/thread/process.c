/* SPDX-License-Identifier: MIT */
/*
 * process.c - decides once per process where the areas are.
 *
 * The invariant: what is published is an offset at which every thread reads cpu_id < 0 until it is registered there.
 * The libc's area is so by construction (a libc that leaves it alone writes -2 at every thread's start), ours by its
 * initial content.
 */
#define _GNU_SOURCE
#include "process.h"

#include <string.h>
#include "area.h"
#include "os/choice.h"
#include "early.h"
#include "os/kernel.h"
#include "ktls.h"
#include "libc.h"
#include "rendezvous.h"
#include "start.h"
#include "strangers.h"
#include "os/thread_pointer.h"

struct rk_process rk_process_decided;

/* Where there is no start_here.c. */
__attribute__((__weak__)) bool rk_start_sees_all(void)
{
	return false;
}

__attribute__((__weak__)) bool rk_start_registers_all(void)
{
	return false;
}

/*
 * Fields are valid within the feature size and the registered length; a length of 32 never covers more than the first
 * 28 bytes.
 */
static uint32_t valid_bytes(uint32_t feature_size, uint32_t length)
{
	uint32_t covered = length == RK_AREA_LENGTH_ORIGINAL ? RK_FIELD_END_MM_CID : length;

	return feature_size < covered ? feature_size : covered;
}

/* The full feature size where our block has the room and the alignment for it, else what every kernel takes. */
static uint32_t own_length(const struct rk_process *p)
{
	if (p->feature_size > RK_AREA_LENGTH_ORIGINAL && p->feature_size <= sizeof(rk_block.u.room) &&
	    p->alignment <= __alignof__(struct rk_thread_block))
		return p->feature_size;
	return RK_AREA_LENGTH_ORIGINAL;
}

/* Which length did another owner register the calling thread with? 0 if it can't be told, as in a thread that isn't. */
static uint32_t length_here(const struct rk_process *p)
{
	volatile struct rk_area *area = rk_area_at(p->offset);

	if (rk_kernel_registered_at(area, RK_AREA_LENGTH_ORIGINAL))
		return RK_AREA_LENGTH_ORIGINAL;
	if (p->feature_size > RK_AREA_LENGTH_ORIGINAL && rk_kernel_registered_at(area, p->feature_size))
		return p->feature_size;
	return 0;
}

/*
 * Is the calling thread's registration there with our signature? Answers EBUSY, and changes nothing, if so. A filter's
 * EPERM says nothing of it.
 */
static bool signature_is_ours(ptrdiff_t offset, uint32_t length)
{
	return rk_sys_rseq(rk_area_at(offset), length, 0, RK_SIGNATURE) != -EPERM || rk_kernel_has_registration() != 1;
}

/*
 * Does the system call exist, refused to the calling thread or not? Where it doesn't (valgrind, emulators) there is
 * nothing to agree on; each thread will find that out for itself.
 */
static bool kernel_has_rseq(void)
{
	return rk_kernel_has_registration() != -ENOSYS;
}

/*
 * An area that its libc leaves alone reads -2 (-1, should the kernel have unregistered it), or is registered by now. A
 * filter may keep us from asking; but nobody else has any business in it.
 */
static bool is_spare(ptrdiff_t offset)
{
	int32_t cpu = (int32_t)rk_area_at(offset)->cpu_id;

	return cpu == RK_CPU_ID_UNINITIALIZED || cpu == RK_CPU_ID_REGISTRATION_FAILED || cpu == RK_CPU_ID_BRACKET ||
	       (cpu >= 0 && (rk_kernel_registered_at(rk_area_at(offset), RK_AREA_LENGTH_ORIGINAL) ||
			     rk_kernel_has_registration() < 0));
}

/* Takes over what copies of this library have agreed on. */
static void adopt(struct rk_process *p, const struct rk_rendezvous *meeting)
{
	p->where = meeting->kind == RK_RENDEZVOUS_EARLY ? RK_WHERE_EARLY : RK_WHERE_OWN;
	p->offset = (ptrdiff_t)meeting->offset;
	p->state = (ptrdiff_t)(meeting->offset + meeting->state);
	p->length = meeting->length;
	p->blob = meeting->blob;
}

/*
 * Threads that race to decide may find descriptors or memory short, each by itself, and a decision must not change: the
 * first one's answer to a question is this copy's.
 */
static bool first_word(uint8_t *word, bool answer)
{
	uint8_t first = 0, mine = answer ? 1 : 2;

	if (__atomic_compare_exchange_n(word, &first, mine, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		return answer;
	return first == 1;
}

/* Can this copy's block be an area, in every thread? Not one that isn't in static TLS, or isn't aligned for it. */
static bool block_can_serve(void)
{
	return rk_block_is_static() && __alignof__(struct rk_thread_block) >= RK_AREA_LENGTH_ORIGINAL;
}

/*
 * Why a copy whose block can't be one has no area: it came late, or it stands beside a libc's area in which somebody
 * else is at work.
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

/* What is written on the page: an area, and the state at so many bytes from it. */
static struct rk_rendezvous offer(uint32_t kind, ptrdiff_t offset, uint32_t state, uint32_t length)
{
	return (struct rk_rendezvous){
		.magic = RK_RENDEZVOUS_MAGIC,
		.version = RK_RENDEZVOUS_VERSION,
		.size = sizeof(struct rk_rendezvous),
		.kind = kind,
		.state = state,
		.offset = offset,
		.length = length,
		.signature = RK_SIGNATURE,
		.state_version = RK_THREAD_STATE_VERSION,
		.state_size = sizeof(struct rk_thread_state),
	};
}

/*
 * The kernel registers every thread, where it can and is wanted to. Other copies see that on the page; one that can't be
 * made is missed by them alone.
 */
static bool leave_to_kernel(struct rk_process *p, enum rk_choice choice)
{
	struct rk_rendezvous meeting;
	struct rk_ktls_room room;

	if (choice == RK_CHOICE_OWN || choice == RK_CHOICE_OTHERS || !rk_ktls_begin(p, choice == RK_CHOICE_KTLS, &room))
		return false;
	meeting = offer(RK_RENDEZVOUS_BLOCK, p->offset, (uint32_t)(p->state - p->offset), p->length);
	meeting.blob = p->blob;
	meeting.state_version = room.state_version;
	meeting.state_size = room.state_size;
	(void)rk_rendezvous(&meeting);
	adopt(p, &meeting);
	return true;
}

/* Where not all copies can see what this one sees: offers it, or takes what another one offered. */
static void decide_together(struct rk_process *p, uint32_t kind, ptrdiff_t offset, uint32_t length)
{
	struct rk_rendezvous meeting = offer(kind, offset, offsetof(struct rk_thread_block, state), length);
	bool nothing_to_offer = kind == RK_RENDEZVOUS_BLOCK && !block_can_serve();
	static uint8_t agreed;
	int r = nothing_to_offer ? rk_rendezvous_look(&meeting) : kernel_has_rseq() ? rk_rendezvous(&meeting) : 0;

	/* Copies without the libc's area depend on the page; an adopter's area is right for whoever sees it. */
	if (kind == RK_RENDEZVOUS_BLOCK && !first_word(&agreed, r == 0)) {
		p->where = RK_WHERE_NOWHERE;
		p->reason = nothing_to_offer ? reason_without_block() : RK_REASON_RENDEZVOUS;
		return;
	}
	/* Whoever was first has agreed, so the page is there. */
	if (kind == RK_RENDEZVOUS_BLOCK && r < 0)
		(void)rk_rendezvous_look(&meeting);
	adopt(p, &meeting);
}

/*
 * Areas of our own, where the libc has one that it leaves alone? Where the program chose them, for they may be larger. And
 * in the preloaded objects, which register every thread at its start: in the libc's area glibc would register whoever a
 * registered thread creates, and end the process where a filter refuses that. Too late if somebody uses the libc's already:
 * a copy that wasn't told, or whoever embeds embed.h.
 */
static bool own_is_better(ptrdiff_t spare, enum rk_choice choice)
{
	static uint8_t better;
	int32_t cpu = (int32_t)rk_area_at(spare)->cpu_id;
	bool in_use = cpu >= 0 || cpu == RK_CPU_ID_BRACKET;
	bool wanted = choice == RK_CHOICE_OWN || (choice == RK_CHOICE_NONE && rk_start_registers_all());

	return first_word(&better, wanted && !in_use && block_can_serve());
}

/* All copies see the libc's area: they agree on it without a word. */
static void use_spare(struct rk_process *p, ptrdiff_t spare)
{
	p->where = RK_WHERE_LIBC_SPARE;
	p->reason = RK_REASON_NONE;
	p->offset = spare;
	p->length = RK_AREA_LENGTH_ORIGINAL;
}

/*
 * librseq registers threads when it is asked to, and ends the process if one of them is registered already. So we
 * register none, and use those that it registered.
 */
static bool use_librseq(struct rk_process *p)
{
	static uint8_t present, found;
	enum rk_librseq librseq = rk_strangers_librseq(&p->offset);

	if (!first_word(&present, librseq != RK_LIBRSEQ_ABSENT))
		return false;
	if (first_word(&found, librseq == RK_LIBRSEQ_FOUND)) {
		p->where = RK_WHERE_LIBRSEQ;
	} else {
		p->where = RK_WHERE_NOWHERE;
		p->reason = RK_REASON_STRANGER;
	}
	return true;
}

/*
 * Are all threads to come registered at their start? Then a stranger's first attempt fails, and it does without rseq.
 * glibc registers, in its own area, whoever a registered thread creates.
 */
static bool starts_are_ours(const struct rk_process *p)
{
	return !rk_strangers_may_run() && (p->where == RK_WHERE_LIBC_SPARE || rk_start_sees_all());
}

/* Where this library would register threads: may it? Without rseq there is nothing to meet. */
static void hesitate(struct rk_process *p, enum rk_choice choice)
{
	static uint8_t yes;

	if (choice == RK_CHOICE_OTHERS)
		p->reason = RK_REASON_TOLD;
	else if (p->where != RK_WHERE_EARLY && kernel_has_rseq() &&
		 first_word(&yes, rk_strangers_are_loaded() && !starts_are_ours(p)))
		p->reason = RK_REASON_STRANGER;
}

/* The libc registers nobody. Whose area: an early adopter's, librseq's, the kernel's, the libc's spare one, our block. */
static void decide_without_libc(struct rk_process *p, ptrdiff_t spare)
{
	enum rk_choice choice = rk_choice();
	struct rk_rendezvous meeting;
	ptrdiff_t early;
	bool met = kernel_has_rseq() && rk_rendezvous_look(&meeting) == 0;

	if (rk_early_area(&early)) {
		decide_together(p, RK_RENDEZVOUS_EARLY, early, RK_AREA_LENGTH_ORIGINAL);
	} else if (!met && use_librseq(p)) {
		return;
	} else if (!met && leave_to_kernel(p, choice)) {
		return;
	} else if (p->libc_area && is_spare(spare)) {
		/* All copies see this one, but one may have agreed on another, that is hidden from us or was chosen. */
		if (met) {
			adopt(p, &meeting);
		} else if (own_is_better(spare, choice)) {
			decide_together(p, RK_RENDEZVOUS_BLOCK, rk_block_offset(), own_length(p));
			if (p->where == RK_WHERE_NOWHERE && choice == RK_CHOICE_NONE)
				use_spare(p, spare);
		} else {
			use_spare(p, spare);
		}
	} else {
		decide_together(p, RK_RENDEZVOUS_BLOCK, rk_block_offset(), own_length(p));
	}
	if (p->reason == RK_REASON_NONE)
		hesitate(p, choice);
}

static struct rk_process decide(void)
{
	struct rk_process p = {0};
	uint32_t length = 0;
	bool registers;

	p.feature_size = rk_feature_size();
	p.alignment = (uint32_t)rk_auxiliary(AT_RSEQ_ALIGN);
	if (p.alignment == 0)
		p.alignment = RK_AREA_LENGTH_ORIGINAL;

	p.libc_area = rk_libc_area(&p.offset, &registers);
	p.libc_registers = registers;
#if RK_SIGNATURE == 0
	(void)length;
	p.where = RK_WHERE_NOWHERE;
	p.reason = RK_REASON_NO_PORT;
#else
	if (p.libc_area && p.libc_registers) {
		p.where = RK_WHERE_LIBC;
		length = p.length = length_here(&p);
	} else {
		decide_without_libc(&p, p.offset);
		length = p.where == RK_WHERE_LIBRSEQ ? length_here(&p) : p.length;
	}
	/* Registered already, and with another signature: our first abort would be fatal. */
	if (p.where != RK_WHERE_NOWHERE && (int32_t)rk_area_at(p.offset)->cpu_id >= 0 && length != 0 &&
	    !signature_is_ours(p.offset, length)) {
		p.where = RK_WHERE_NOWHERE;
		p.reason = RK_REASON_SIGNATURE;
	}
#endif
	if (p.where == RK_WHERE_NOWHERE)
		p.offset = rk_block_is_static() ? rk_block_offset() : 0;
	if (p.where != RK_WHERE_NOWHERE)
		p.valid = valid_bytes(p.feature_size, p.length ? p.length : RK_AREA_LENGTH_ORIGINAL);
	return p;
}

/*
 * ThreadSanitizer looks away: it takes a compare and exchange that fails for a store, and so for a race with whoever
 * reads the word by then.
 */
__attribute__((__no_sanitize__("thread"))) const struct rk_process *rk_process_decide(void)
{
	struct rk_process *process = &rk_process_decided;
	int saved = errno;
	struct rk_process p = decide();

	if (p.blob != 0)
		rk_ktls_learn_layout(&p);
	p.provider = (uint8_t)(rk_ktls_find_provider(&p) + 1);
	errno = saved;
	if (__atomic_load_n(&process->where, __ATOMIC_ACQUIRE) != RK_WHERE_UNDECIDED)
		return process; /* somebody was faster, with the same decision */
	SET_ONCE(process->offset, p.offset);
	SET_ONCE(process->state, p.state);
	SET_ONCE(process->length, p.length);
	SET_ONCE(process->valid, p.valid);
	SET_ONCE(process->feature_size, p.feature_size);
	SET_ONCE(process->alignment, p.alignment);
	SET_ONCE(process->blob, p.blob);
	SET_ONCE(process->blob_size, p.blob_size);
	SET_ONCE(process->blob_alignment, p.blob_alignment);
	if (p.blob != 0)
		rk_ktls_find_accessors();
	SET_ONCE(process->libc_area, p.libc_area);
	SET_ONCE(process->libc_registers, p.libc_registers);
	SET_ONCE(process->provider, p.provider);
	SET_ONCE(process->reason, p.reason);
	rk_area_publish(p.offset, p.valid);
	SET_ONCE(process->where, p.where);
	return process;
}

void rk_process_give_up(enum rk_reason reason)
{
	__atomic_store_n(&rk_process_decided.reason, (uint8_t)reason, __ATOMIC_RELAXED);
}

void rk_process_note(enum rk_reason reason)
{
	uint8_t *word = reason == RK_REASON_NONE ? &rk_process_decided.served : &rk_process_decided.refused;
	uint8_t value = reason == RK_REASON_NONE ? 1 : (uint8_t)reason;

	/* The line is read by all threads: it is written only where it changes. */
	if (__atomic_load_n(word, __ATOMIC_RELAXED) != value)
		__atomic_store_n(word, value, __ATOMIC_RELAXED);
}
