/* SPDX-License-Identifier: MIT */
/*
 * findings.c - evaluates a look of `rseqkit inspect`, which is one examination of all threads of a process: owners of the
 * registrations, valid fields of areas, findings, and the exit status.
 */
#include "inspect.h"

#include "tool.h"

bool inspect_is_among(const struct inspect_offsets *offsets, int64_t offset)
{
	for (size_t i = 0; i < offsets->count; i++)
		if (offsets->list[i] == offset)
			return true;
	return false;
}

static int64_t offset_of(const struct inspect_answer *answer)
{
	return (int64_t)(answer->address - answer->thread_pointer);
}

/*
 * Does a copy of librseqkit in the process use the area at this offset? If there is no copy, returns true. An area that no copy
 * uses is foreign for rk_thread_owner(), too.
 */
static bool is_shared(const struct inspect_places *places, int64_t offset)
{
	return places->self.count == 0 || inspect_is_among(&places->self, offset);
}

static enum inspect_owner owner_of(const struct inspect_places *places, const struct inspect_answer *answer)
{
	int64_t offset = offset_of(answer);

	if (answer->address == 0)
		return OWNER_NONE;
	/*
	 * The area on which the copies of librseqkit have agreed can also have the symbol of another owner, so the rendezvous
	 * page is checked first.
	 */
	if (places->agreed != 0 && offset == places->agreed_offset)
		return places->agreed == RK_RENDEZVOUS_EARLY ? OWNER_EARLY :
		       places->agreed_on_kernel		     ? OWNER_KERNEL :
							       OWNER_SELF;
	if (inspect_is_among(&places->libc, offset))
		return places->libc_size != 0 ? OWNER_LIBC : OWNER_SELF;
	/*
	 * If a copy of librseqkit uses another component's area, rk_area_offset is the offset of this area, so other components
	 * are checked before librseqkit.
	 */
	if (inspect_is_among(&places->early, offset))
		return is_shared(places, offset) ? OWNER_EARLY : OWNER_FOREIGN;
	if (inspect_is_among(&places->librseq, offset))
		return OWNER_LIBRSEQ;
	if (inspect_is_among(&places->inside, offset))
		return is_shared(places, offset) ? OWNER_LIBRSEQ : OWNER_FOREIGN;
	if (inspect_is_among(&places->self, offset))
		return OWNER_SELF;
	return places->complete || inspect_is_among(&places->hidden, offset) ? OWNER_FOREIGN : OWNER_UNKNOWN;
}

void inspect_conclude(struct inspect_look *look)
{
	for (size_t i = 0; i < look->count; i++) {
		struct inspect_thread *thread = &look->threads[i];

		thread->owner = thread->outcome != ASK_ANSWERED ? OWNER_UNKNOWN
								: owner_of(&look->files->places, &thread->answer);
	}
	look->absence = inspect_absence(look);
}

uint32_t inspect_valid_bytes(const struct inspect_look *look, const struct inspect_thread *thread)
{
	uint32_t size = thread->answer.size;
	uint32_t covered = size == RK_AREA_LENGTH_ORIGINAL ? RK_FIELD_END_MM_CID : size;

	if (!thread->answer.has_area)
		return 0;
	return look->feature_size < covered ? look->feature_size : covered;
}

bool inspect_is_active(const struct inspect_answer *answer)
{
	return answer->has_descriptor &&
	       answer->ip - answer->descriptor.start_ip < answer->descriptor.post_commit_offset;
}

static bool is_foreign(const struct inspect_look *look, const struct inspect_thread *thread)
{
	(void)look;
	return thread->owner == OWNER_FOREIGN;
}

static bool is_hidden(const struct inspect_look *look, const struct inspect_thread *thread)
{
	return thread->owner == OWNER_FOREIGN && inspect_is_among(&look->files->places.hidden, offset_of(&thread->answer));
}

static bool is_foreign_with_symbol(const struct inspect_look *look, const struct inspect_thread *thread)
{
	return thread->owner == OWNER_FOREIGN && look->files->places.early_elsewhere && !is_hidden(look, thread);
}

static bool has_other_signature(const struct inspect_look *look, const struct inspect_thread *thread)
{
	(void)look;
	return inspect_is_registered(thread) && thread->answer.signature != RK_SIGNATURE;
}

/*
 * Is the thread unregistered while other threads are registered? With `libc`, the C library must have registered at least one of
 * these others, so it should have registered this thread, too. Without `libc`, other components must have registered all of
 * these others. Such a component may register a thread only when the thread first calls it.
 */
static bool is_left_out_by(const struct inspect_look *look, const struct inspect_thread *thread, bool libc)
{
	bool by_libc = false, by_any = false;

	if (thread->outcome != ASK_ANSWERED || inspect_is_registered(thread) || inspect_claimed_cpu(look, thread) >= 0)
		return false;
	for (size_t i = 0; i < look->count; i++) {
		by_any |= inspect_is_registered(&look->threads[i]);
		by_libc |= look->threads[i].owner == OWNER_LIBC;
	}
	return by_any && by_libc == libc;
}

static bool is_left_out(const struct inspect_look *look, const struct inspect_thread *thread)
{
	return is_left_out_by(look, thread, true) || look->absence == ABSENCE_UNDONE;
}

static bool is_waited_for(const struct inspect_look *look, const struct inspect_thread *thread)
{
	return is_left_out_by(look, thread, false);
}

static bool claims_registration(const struct inspect_look *look, const struct inspect_thread *thread)
{
	return inspect_claimed_cpu(look, thread) >= 0;
}

/* If no thread is registered, the reason is the same for all threads. */
static bool is_filtered(const struct inspect_look *look, const struct inspect_thread *thread)
{
	(void)thread;
	return look->absence == ABSENCE_FILTER;
}

static bool is_refused(const struct inspect_look *look, const struct inspect_thread *thread)
{
	(void)thread;
	return look->absence == ABSENCE_REFUSED;
}

static bool is_told_off(const struct inspect_look *look, const struct inspect_thread *thread)
{
	(void)thread;
	return look->absence == ABSENCE_TOLD;
}

static bool has_no_registrant(const struct inspect_look *look, const struct inspect_thread *thread)
{
	(void)thread;
	return look->absence == ABSENCE_NO_OWNER;
}

static bool has_unknown_absence(const struct inspect_look *look, const struct inspect_thread *thread)
{
	(void)thread;
	return look->absence == ABSENCE_UNKNOWN;
}

static bool has_unknown_owner(const struct inspect_look *look, const struct inspect_thread *thread)
{
	(void)look;
	return inspect_is_registered(thread) && thread->owner == OWNER_UNKNOWN;
}

static bool was_not_stopped(const struct inspect_look *look, const struct inspect_thread *thread)
{
	(void)look;
	return thread->outcome != ASK_ANSWERED;
}

const struct inspect_finding inspect_findings[] = {
	{"foreign-owner", "warning",
	 "registered in a private area by a component that follows no protocol, so no other component can use rseq there",
	 EXIT_FINDINGS, is_foreign},
	{"early-symbol-hidden", "info",
	 "the area's name is __rseq_abi, but librseqkit doesn't see that symbol, so it can't share the area",
	 EXIT_CLEAN, is_hidden},
	{"early-symbol-in-library", "info",
	 "a library of the process defines __rseq_abi, which may be this area; its address can't be found from outside",
	 EXIT_CLEAN, is_foreign_with_symbol},
	{"other-signature", "warning",
	 "registered with an unusual signature, so an abort of any other component's section kills the process",
	 EXIT_FINDINGS, has_other_signature},
	{"stale-area", "warning",
	 "the area says it is registered, but the kernel has no registration, as after a restore from a checkpoint; operations "
	 "may use the data of a wrong CPU. Restart the program", EXIT_FINDINGS, claims_registration},
	{"filter-refuses", "warning",
	 "not registered: a seccomp filter is in force, and the registration was refused, or was undone later. Allow rseq in "
	 "the filter", EXIT_FINDINGS, is_filtered},
	{"registration-refused", "warning",
	 "not registered: the C library tried, but was refused, and not by a seccomp filter; valgrind does that, for example",
	 EXIT_FINDINGS, is_refused},
	{"told-not-to", "info",
	 "not registered: GLIBC_TUNABLES stops the C library, and no other component has registered a thread yet", EXIT_CLEAN,
	 is_told_off},
	{"no-registrant", "info",
	 "not registered: this C library registers no threads, and no other component has registered one yet",
	 EXIT_CLEAN, has_no_registrant},
	{"absence-unknown", "info", "not registered, for an unknown reason: symbols or the environment can't be read",
	 EXIT_UNSURE, has_unknown_absence},
	{"thread-without-rseq", "warning", "not registered, although the C library registers every thread of the process",
	 EXIT_FINDINGS, is_left_out},
	{"thread-not-yet", "info",
	 "not registered, although other threads are: their owner registers a thread at its first use, or was refused, as by a "
	 "filter that was installed later", EXIT_CLEAN, is_waited_for},
	{"owner-unknown", "info",
	 "the owner is unknown: a program or library of the process has no symbols, or can't be read", EXIT_UNSURE,
	 has_unknown_owner},
	{"not-stopped", "info", "did not stop in time, so nothing is known about it; it may be in an uninterruptible wait",
	 EXIT_UNSURE, was_not_stopped},
};

const size_t inspect_findings_count = sizeof(inspect_findings) / sizeof(inspect_findings[0]);

size_t inspect_finding_threads(const struct inspect_look *look, const struct inspect_finding *finding, pid_t *first)
{
	size_t count = 0;

	for (size_t i = 0; i < look->count; i++)
		if (finding->applies(look, &look->threads[i]) && count++ == 0)
			*first = look->threads[i].tid;
	return count;
}

int inspect_worse(int status, int other)
{
	if (status == EXIT_FINDINGS || other == EXIT_CLEAN)
		return status;
	return other;
}

int inspect_exit_status(const struct inspect_look *look)
{
	int status = EXIT_CLEAN;
	pid_t first;

	for (size_t i = 0; i < inspect_findings_count; i++)
		if (inspect_finding_threads(look, &inspect_findings[i], &first) != 0)
			status = inspect_worse(status, inspect_findings[i].exit_status);
	return status;
}
