/* SPDX-License-Identifier: MIT */
/*
 * watch.c - checks whether other threads can see a store before the section's commit, in a program that `rseqkit torture` (the
 * tool) traces.
 *
 * The thread has stopped at a store that isn't the critical section's last instruction. If the store goes to memory that isn't
 * the thread's own, the tool stops all other threads, and lets the thread execute only this instruction. For this step the tool
 * sets the field rseq_cs of the thread's area to 0, so the kernel doesn't abort the section. If the memory then differs, other
 * threads can see a change that the section hasn't committed. Afterwards the tool restores the field, and the kernel aborts the
 * section right after the store. The program therefore runs on as after an abort at exactly this place.
 *
 * The thread's own memory is its stack, its thread-local memory, and its area.
 */
#include <stdlib.h>
#include <string.h>

#include "common/maps.h"
#include "common/proc.h"
#include "traced.h"

#define AREA_CS 8            /* offset of the field rseq_cs in struct rseq */
#define AREA_SIZE 64         /* assumed bytes of the area */
#define RED_ZONE 512         /* this many bytes below the stack pointer belong to the thread */
#define ABOVE_THREAD 4096    /* this many bytes above the thread pointer belong to the thread */
#define DESCRIBES_THREAD 2304 /* bytes of the C library's data about the thread, on the other side of the thread pointer */
#define STACK_MAX (8u << 20) /* this many bytes above the stack pointer belong to the process's first thread */
#define FRAMES_MAX (64u << 10) /* the same as STACK_MAX, for another thread whose stack isn't near its thread pointer */
#define DISTANCE_MAX ((uint64_t)1 << 30) /* a thread pointer less than this above the stack pointer ends the stack */
/*
 * A store of the value that was there before shows nothing, and after an abort a section stores the same value again. The tool
 * therefore watches a store at its first WATCHED_SOON visits, and then only after pauses.
 */
#define WATCHED_SOON 8
#define WATCHED_MAX 40
#define WATCH_AGAIN_S 0.02

/* Returns the address to which the instruction stores. */
static uint64_t address_of(const struct torture_store *store, const struct mapped_insn *place,
			   const struct machine_registers *registers)
{
	uint64_t address = (uint64_t)store->displacement + (store->thread ? registers->thread : 0);

	if (store->base < 0 && store->index < 0 && !store->thread)
		address += place->mapping->bias; /* relative to the instruction */
	if (store->base >= 0 && store->base < 32)
		address += registers->general[store->base];
	if (store->index >= 0 && store->index < 32)
		address += registers->general[store->index] * (uint64_t)store->factor;
	return address;
}

/* Are both addresses in one mapping of the process? */
static bool share_mapping(pid_t pid, uint64_t one, uint64_t other)
{
	char *maps = maps_read(pid);
	const char *text = maps;
	bool found = false;
	struct map map;

	while (!found && maps_next(&text, &map))
		found = one - map.start < map.end - map.start && other - map.start < map.end - map.start;
	free(maps);
	return found;
}

/* Is the address in the thread's static thread-local memory, which lies at the thread pointer? */
static bool is_thread_local(const struct thread *thread, const struct machine_registers *registers, uint64_t address)
{
	const uint64_t local = thread->process->thread_local, other = DESCRIBES_THREAD;
	const uint64_t low = registers->thread - (machine_local_below ? local : other);

	return address - low < local + other && share_mapping(thread->tid, registers->thread, address);
}

/*
 * Is the address in the thread's own stack, thread-local memory or area? C libraries put the thread-local memory above the stack
 * of a thread that they create.
 */
static bool is_own(const struct thread *thread, const struct machine_registers *registers, uint64_t area, uint64_t address)
{
	const uint64_t low = registers->general[machine_stack] - RED_ZONE;
	uint64_t size = thread->tid == thread->group ? STACK_MAX : FRAMES_MAX;

	if (registers->thread - low < DISTANCE_MAX)
		size = registers->thread - low + ABOVE_THREAD;
	return address - area < AREA_SIZE ||
	       (address - low < size && share_mapping(thread->tid, registers->general[machine_stack], address)) ||
	       is_thread_local(thread, registers, address);
}

/* Notes a violation, with the first word of `old` and `new` that differs. */
static void add_violation(struct torture *torture, const struct mapped_insn *place, uint64_t address, const uint8_t *old,
			  const uint8_t *new, unsigned width)
{
	struct violation *violation = (struct violation *)calloc(1, sizeof(*violation));
	unsigned first = 0;

	if (violation == NULL)
		return;
	while (old[first] == new[first])
		first++;
	first -= first % sizeof(uint64_t);
	violation->width = (uint8_t)(width - first < sizeof(uint64_t) ? width - first : sizeof(uint64_t));
	violation->address = address + first;
	memcpy(&violation->before, old + first, violation->width);
	memcpy(&violation->after, new + first, violation->width);
	violation->module = place->mapping->module;
	violation->insn = place->insn;
	violation->sure = place->mapping->module->sections[place_insn(place)->section].declares;
	violation->next = torture->result->violations;
	torture->result->violations = violation;
}

bool watch_wants(const struct torture *torture, const struct mapped_insn *place)
{
	const struct torture_insn *insn = place_insn(place);

	if (insn->store.width == 0 || insn->watched >= WATCHED_MAX || torture->settings->reach ||
	    (insn->watched >= WATCHED_SOON && traced_now() < insn->watch_at))
		return false;
	for (const struct violation *violation = torture->result->violations; violation != NULL; violation = violation->next)
		if (violation->module == place->mapping->module && violation->insn == place->insn)
			return false;
	return true;
}

/*
 * Lets the thread make one step, in which a repeated store stores one element. Returns false if the thread didn't stop after the
 * step.
 */
static bool execute_step(struct thread *thread)
{
	bool done;

	traced_step(thread, STEP_ABORT);
	done = traced_wait(thread);
	if (done || thread->has_status)
		traced_end_step(thread);
	return done;
}

/*
 * Lets the thread execute the store, while no other thread runs. Compares `width` bytes of memory before and after the store; in
 * a repeated store these can be several elements. Returns true if the thread has reached another instruction.
 */
static bool execute(struct torture *torture, struct thread *thread, const struct mapped_insn *place, uint64_t area,
		    uint64_t address, unsigned width)
{
	struct process *process = thread->process;
	struct machine_registers after = {.ip = 0};
	uint8_t old[STORE_MAX] = {0}, new[STORE_MAX] = {0};
	uint64_t none = 0, cs = 0;
	unsigned steps = 0;
	bool done;

	if (!process_read(process, area + AREA_CS, &cs, sizeof(cs)) || cs == 0 || !process_read(process, address, old, width) ||
	    !process_write(process, area + AREA_CS, &none, sizeof(none)))
		return false;
	do
		done = execute_step(thread) && machine_read(thread->tid, &after);
	while (done && after.ip == place_address(place) && ++steps < width / place_insn(place)->store.width);
	(void)process_write(process, area + AREA_CS, &cs, sizeof(cs));
	if (!done || (after.ip == place_address(place) && !place_insn(place)->store.repeated))
		return false;
	if (process_read(process, address, new, width) && memcmp(old, new, width) != 0 && traced_slept(torture, thread, process))
		add_violation(torture, place, address, old, new, width);
	return after.ip != place_address(place);
}

/*
 * After a stop, the kernel restarts some system calls by restart_syscall(2). If a seccomp filter forbids this call, it can kill
 * the process, so the tool doesn't stop threads of a process with a filter.
 */
bool watch_may_hold(const struct thread *thread)
{
	char mode[16];

	return !proc_field(thread->tid, "Seccomp", mode, sizeof(mode)) || mode[0] != '2';
}

/* Returns how many bytes execute() compares. In a repeated store they are the first elements. */
static unsigned width_of(const struct torture_store *store, const struct machine_registers *registers)
{
	const uint64_t most = STORE_MAX / store->width, count = registers->general[machine_count];

	if (!store->repeated)
		return store->width;
	return store->width * (unsigned)(count < most ? count : most);
}

bool watch_store(struct torture *torture, struct thread *thread, struct mapped_insn *place)
{
	const struct torture_store *store = &place_insn(place)->store;
	struct machine_registers registers, after;
	uint64_t area, address;
	struct mapped_insn next;
	bool left = false;

	place_insn(place)->watched++;
	place_insn(place)->watch_at = traced_now() + WATCH_AGAIN_S;
	if (!machine_area(thread->tid, &area) || !machine_read(thread->tid, &registers))
		return false;
	address = address_of(store, place, &registers);
	if ((store->thread && store->base < 0 && store->index < 0) || is_own(thread, &registers, area, address) ||
	    width_of(store, &registers) == 0)
		return false;
	if (watch_may_hold(thread) && traced_hold(torture, thread, thread->process))
		left = execute(torture, thread, place, area, address, width_of(store, &registers));
	if (left && machine_read(thread->tid, &after) && process_find(thread->process, after.ip, &next)) {
		(void)process_clear(thread->process, &next);
		place_insn(&next)->reached++;
		*place = next;
	} else {
		left = false;
	}
	traced_free(torture, thread, thread->process);
	return left;
}
