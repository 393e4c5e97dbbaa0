/* SPDX-License-Identifier: MIT */
/*
 * absence.c - finds why the threads of a process aren't registered, as far as this can be known from outside the process, for
 * `rseqkit inspect`. A look is one examination of all threads of the process. The area of an unregistered thread claims a CPU if
 * its field cpu_id isn't negative.
 *
 * The kernel doesn't show whether a component tried to register. But the C library tries at the start of each program, except if
 * the environment forbids it. If the C library has an area and no thread is registered, the registration was refused. The tool
 * can't read the rules of a seccomp filter, so if a filter is in force, the tool assumes it to be the cause.
 */
#include "inspect.h"

#include <stdlib.h>
#include <string.h>

#include "common/rights.h"
#include "common/tunables.h"

#define ENVIRONMENT_MAX (8L << 20) /* at most this many bytes are read. The kernel allows fewer at the start of a program */

/* Some programs write their title over their environment. The first string of such an environment has no '='. */
static void read_environment(pid_t tid, struct inspect_files *files)
{
	char path[64], *text = NULL;
	ssize_t size, left = ENVIRONMENT_MAX;
	size_t room = 0;
	bool known = false;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/environ", (int)tid);
	rights_suspend();
	file = fopen(path, "re");
	rights_resume();
	while (file != NULL && left > 0 && (size = getdelim(&text, &room, '\0', file)) > 0) {
		left -= size;
		if (!known && strchr(text, '=') == NULL)
			break;
		if (!known)
			files->libc_told = files->self_told = TOLD_NOTHING;
		known = true;
		if (strncmp(text, "GLIBC_TUNABLES=", 15) == 0 && tunables_say_off(text + 15, false))
			files->libc_told = TOLD_OFF;
		else if (strcmp(text, "RSEQKIT_AREA=others") == 0)
			files->self_told = TOLD_OFF;
	}
	free(text);
	if (file != NULL)
		fclose(file);
}

bool inspect_is_registered(const struct inspect_thread *thread)
{
	return thread->outcome == ASK_ANSWERED && thread->answer.address != 0;
}

static bool is_any_registered(const struct inspect_look *look)
{
	bool any = false;

	for (size_t i = 0; i < look->count; i++)
		any |= inspect_is_registered(&look->threads[i]);
	return any;
}

/*
 * Returns the cpu_id of the area at an address, or CLAIMS_NO_CPU if cpu_id is negative or can't be read. A thread that has just
 * started has an area of zeros. Zeros therefore count as CPU 0 only if `zeros` is set, which says that the thread hasn't just
 * started.
 */
static int32_t claim_at(pid_t tid, uint64_t address, bool zeros)
{
	static const unsigned char nothing[RK_AREA_LENGTH_ORIGINAL];
	unsigned char area[RK_AREA_LENGTH_ORIGINAL];
	int32_t cpu;

	if (!inspect_read(tid, address, area, sizeof(area)))
		return CLAIMS_NO_CPU;
	memcpy(&cpu, area + offsetof(struct rk_area, cpu_id), sizeof(cpu));
	return cpu >= 0 && (zeros || memcmp(area, nothing, sizeof(area)) != 0) ? cpu : CLAIMS_NO_CPU;
}

static int32_t claim_among(const struct inspect_offsets *offsets, const struct inspect_thread *thread, bool zeros)
{
	int32_t cpu = CLAIMS_NO_CPU;

	for (size_t i = 0; i < offsets->count && cpu < 0; i++)
		cpu = claim_at(thread->tid, thread->answer.thread_pointer + (uint64_t)offsets->list[i], zeros);
	return cpu;
}

static int32_t find_claim(const struct inspect_look *look, const struct inspect_thread *thread)
{
	const struct inspect_places *places = &look->files->places;
	bool undone = places->libc_size != 0 && !is_any_registered(look);
	/*
	 * The C library and librseqkit mark their areas as unused before any thread of the process can sleep. Zeros in the area
	 * of a sleeping initial thread therefore name CPU 0.
	 */
	bool begun = thread->tid == look->pid && thread->status.state == 'S';
	int32_t cpu = claim_among(&places->libc, thread, undone || begun);

	if (cpu < 0 && places->agreed != 0)
		cpu = claim_at(thread->tid, thread->answer.thread_pointer + (uint64_t)places->agreed_offset,
			       begun && places->agreed == RK_RENDEZVOUS_BLOCK);
	if (cpu < 0)
		cpu = claim_among(&places->self, thread, begun);
	if (cpu < 0)
		cpu = claim_among(&places->early, thread, false);
	return cpu >= 0 ? cpu : claim_among(&places->librseq, thread, false);
}

void inspect_read_absence(pid_t tid, const struct inspect_look *look)
{
	read_environment(tid, look->files);
	for (size_t i = 0; i < look->count; i++)
		if (look->threads[i].outcome == ASK_ANSWERED && look->threads[i].answer.address == 0)
			look->files->threads[i].claimed_cpu = find_claim(look, &look->threads[i]);
}

int32_t inspect_claimed_cpu(const struct inspect_look *look, const struct inspect_thread *thread)
{
	return look->files->threads[thread - look->threads].claimed_cpu;
}

/* The look may have been too early if the C library has an area but no thread is registered, or if an area names a CPU. */
bool inspect_may_be_late(const struct inspect_look *look)
{
	bool expected = !is_any_registered(look) && look->files->places.libc.count != 0, late = false;

	for (size_t i = 0; i < look->count; i++) {
		const struct inspect_thread *thread = &look->threads[i];

		late |= !thread->kept && thread->outcome == ASK_ANSWERED && thread->answer.address == 0 &&
			(expected || inspect_claimed_cpu(look, thread) >= 0);
	}
	return late;
}

enum inspect_absence inspect_absence(const struct inspect_look *look)
{
	const struct inspect_files *files = look->files;
	bool libc = files->places.libc.count != 0, registered = files->places.libc_size != 0, filtered = false;
	bool libc_tried = libc && (registered || files->libc_told == TOLD_NOTHING);
	bool self_tried = files->places.self.count != 0 && files->self_told == TOLD_NOTHING;

	for (size_t i = 0; i < look->count; i++) {
		if (look->threads[i].outcome != ASK_ANSWERED || look->threads[i].answer.address != 0 ||
		    inspect_claimed_cpu(look, &look->threads[i]) >= 0)
			return ABSENCE_NONE;
		filtered |= look->threads[i].status.seccomp != 0;
	}
	/*
	 * If there is a filter, this function reports the filter as the cause, even if a component may have undone the
	 * registration. If the filter makes the system call return 0, the C library believes that the thread is registered.
	 */
	if (filtered && (libc_tried || self_tried))
		return ABSENCE_FILTER;
	if (registered)
		return ABSENCE_UNDONE;
	if (libc && files->libc_told == TOLD_OFF)
		return ABSENCE_TOLD;
	if (libc_tried)
		return ABSENCE_REFUSED;
	return !libc && files->places.complete ? ABSENCE_NO_OWNER : ABSENCE_UNKNOWN;
}
