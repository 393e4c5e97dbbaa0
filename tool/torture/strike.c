/* SPDX-License-Identifier: MIT */
/*
 * strike.c - handles a thread that `rseqkit torture` (the tool) traces and that has stopped at a breakpoint in a critical
 * section: makes the kernel abort the section.
 *
 * The kernel aborts a section if its thread was stopped in it. The tool therefore sets the thread's instruction pointer back to
 * the instruction, and lets the thread make a single step. If the kernel aborts the section, this step executes the first
 * instruction of the abort handler. Otherwise it executes the section's instruction. The instruction pointer after the step
 * shows which instruction was executed. The tool counts an abort as confirmed if this was the abort handler's first
 * instruction.
 */
#include <linux/rseq.h>
#include <signal.h>
#include <string.h>

#include "common/proc.h"
#include "tool.h"
#include "traced.h"

#define REFUSED_MAX 100 /* after this many stops without an abort, an instruction gets no breakpoint any more */
#define STREAK_MAX 32   /* after this many aborts at one instruction, threads get past it once, to other breakpoints */
#define AREA_CS 8       /* offset of the field rseq_cs in struct rseq */
#define LOOK_EVERY 16   /* after this many stops in sections, the tool looks for a handler of SIGTRAP */

/* Has a random run made all its aborts? */
static bool is_over(const struct torture *torture)
{
	return torture->settings->random > 0 && torture->result->confirmed >= torture->settings->random;
}

/* Is a breakpoint at the instruction still wanted, for an abort or to watch its store? */
static bool is_wanted(const struct torture *torture, const struct mapped_insn *place)
{
	const struct torture_insn *insn = place_insn(place);

	return (!catalog_is_covered(torture->settings, insn) || watch_wants(torture, place)) &&
	       insn->idle + insn->injected - insn->confirmed < REFUSED_MAX;
}

/*
 * Sets breakpoints again at those other instructions of the section that have had fewer aborts than this instruction. Returns
 * whether another instruction has a breakpoint. If one has, the caller sometimes leaves this instruction without a breakpoint.
 * Otherwise a thread would get past the section's first instruction only after all aborts of this instruction.
 */
static bool set_others(struct torture *torture, struct thread *thread, const struct mapped_insn *place)
{
	const struct module *module = place->mapping->module;
	const uint32_t section = place_insn(place)->section;
	bool others = false;

	for (uint32_t i = catalog_find(module, module->sections[section].start); i < module->insn_count; i++) {
		struct mapped_insn other = {place->mapping, i};

		if (module->insns[i].address >= module->sections[section].end)
			break;
		if (i == place->insn || module->insns[i].section != section)
			continue;
		if (module->insns[i].reached > 0 && module->insns[i].injected < place_insn(place)->injected && is_wanted(torture, &other))
			(void)process_set(thread->process, &other);
		others |= place->mapping->set[i] == BREAKPOINT_SET;
	}
	return others;
}

/* The section at process->resting[number] rests no more: sets a breakpoint at a random instruction of this section. */
static void end_rest(struct process *process, unsigned number)
{
	const struct mapped_insn place = process->resting[number];

	process->resting[number].mapping = NULL;
	extra_clear(process, (enum extra_kind)(EXTRA_REST + number));
	while (!process->spared && !process_set_random(process, place.mapping, place_insn(&place)->section))
		continue;
}

/*
 * In a random run: a section that is always aborted never commits. A section therefore sometimes rests: it has no breakpoint
 * until a thread has come to its end, where EXTRA_REST + number is a breakpoint.
 */
static void rest(struct process *process, const struct mapped_insn *place)
{
	unsigned number = 0;

	while (number < RESTS && process->resting[number].mapping != NULL)
		number++;
	if (number == RESTS)
		end_rest(process, number = 0);
	process->resting[number] = *place;
	if (!extra_set_end(process, (enum extra_kind)(EXTRA_REST + number), place))
		end_rest(process, number);
}

void strike_passed(const struct thread *thread, enum extra_kind kind)
{
	if (thread->process->resting[kind - EXTRA_REST].mapping != NULL)
		end_rest(thread->process, (unsigned)kind - EXTRA_REST);
}

/* The thread has passed its breakpoint, which the tool had removed. Sets this breakpoint again, or another one in the section. */
static void set_again(struct torture *torture, struct thread *thread, const struct mapped_insn *place)
{
	const struct torture_insn *insn = place_insn(place);

	if (torture->detaching || thread->process->spared || is_over(torture))
		return;
	if (thread->process->extras[EXTRA_END].set) { /* a thread waits until another thread passes the section */
		process_suspend_one(place);
		return;
	}
	if (torture->settings->random > 0) {
		if (!process_set_random(thread->process, place->mapping, insn->section))
			rest(thread->process, place);
		return;
	}
	if ((!set_others(torture, thread, place) || insn->injected % STREAK_MAX != 0) && is_wanted(torture, place))
		(void)process_set(thread->process, place);
}

/*
 * Does the field rseq_cs of the thread's area refer to a descriptor of this section? A file can have several descriptors of one
 * range, so this function compares their contents, and not their addresses.
 */
static bool is_protected(const struct thread *thread, const struct mapped_insn *place)
{
	const struct torture_section *section = &place->mapping->module->sections[place_insn(place)->section];
	struct rseq_cs descriptor;
	uint64_t area, cs;

	return machine_area(thread->tid, &area) && process_read(thread->process, area + AREA_CS, &cs, sizeof(cs)) &&
	       process_read(thread->process, cs, &descriptor, sizeof(descriptor)) &&
	       place_address(place) - descriptor.start_ip < descriptor.post_commit_offset &&
	       descriptor.abort_ip == section->abort + place->mapping->bias;
}

/* Finds out whether the program has installed a handler of SIGTRAP by a system call, so that the tool must remove breakpoints. */
static void look_for_handler(struct torture *torture, struct thread *thread)
{
	thread->process->handles = LOOK_EVERY;
	if (proc_has_signal(thread->tid, "SigCgt", SIGTRAP))
		spare_process(torture, thread->process, SPARE_HANDLES);
}

void strike(struct torture *torture, struct thread *thread, const struct mapped_insn *place)
{
	struct torture_insn *insn = place_insn(place);
	struct machine_registers registers;
	struct mapped_insn now = *place;

	if (!process_clear(thread->process, place)) { /* the breakpoint stays, so the thread gets the SIGTRAP */
		if (!machine_read(thread->tid, &registers)) /* the thread was killed */
			return;
		complain("the breakpoint of process %d can't be removed, because its memory is closed", (int)thread->group);
		traced_go(thread, SIGTRAP);
		return;
	}
	if (!machine_set_ip(thread->tid, place_address(place)))
		return;
	thread->place = *place;
	if (!is_protected(thread, place)) {
		insn->idle++;
		torture->result->idle++;
		if (thread->process->spared)
			traced_go(thread, 0);
		else
			traced_step(thread, STEP_OVER);
		return;
	}
	insn->reached++;
	if (thread->process->handles == 0 || --thread->process->handles == 0)
		look_for_handler(torture, thread);
	if (torture->settings->reach || torture->detaching || thread->process->spared || is_over(torture)) {
		traced_go(thread, 0);
		return;
	}
	if (catalog_is_covered(torture->settings, insn) && watch_wants(torture, place) && watch_store(torture, thread, &now))
		set_again(torture, thread, place);
	if (thread->has_status || thread->state == THREAD_RUNNING) /* watch_store() saw another stop, or none in time */
		return;
	thread->place = now;
	if (!torture->settings->migrate || !migrate_away(torture, thread))
		traced_inject(torture, thread);
}

/* Does the instruction pointer after the step show that the kernel has aborted the section? */
static bool was_aborted(const struct mapped_insn *place, uint64_t ip)
{
	const struct torture_insn *insn = place_insn(place);
	const struct torture_section *section = &place->mapping->module->sections[insn->section];
	uint64_t address = ip - place->mapping->bias;

	if (section->handler_next != 0 || section->handler_jump != 0)
		return address == section->handler_next || address == section->handler_jump || address == section->abort;
	return address - section->start >= section->end - section->start && address != insn->next && address != insn->jump;
}

/*
 * In a single step, pushf also pushes MACHINE_STEP_FLAG. If the thread has just executed pushf, removes this flag from its stack.
 * `ip` and `stack` are the thread's registers after the step.
 */
static void hide_step(const struct thread *thread, uint64_t ip, uint64_t stack)
{
	const struct mapped_insn *place = &thread->place;
	const uint64_t abort = place->mapping->module->sections[place_insn(place)->section].abort + place->mapping->bias;
	uint16_t flags;
	uint8_t code;

	if (machine_pushes_flags == 0 || (ip - 1 != abort && ip - 1 != place_address(place)) ||
	    !process_read(thread->process, ip - 1, &code, 1) || code != machine_pushes_flags ||
	    !process_read(thread->process, stack, &flags, sizeof(flags)))
		return;
	flags &= (uint16_t)~MACHINE_STEP_FLAG;
	(void)process_write(thread->process, stack, &flags, sizeof(flags));
}

void strike_after_step(struct torture *torture, struct thread *thread, enum step step)
{
	struct machine_registers registers;
	struct mapped_insn place = thread->place;
	bool known = machine_read(thread->tid, &registers);

	if (known)
		hide_step(thread, registers.ip, registers.general[machine_stack]);
	if (step == STEP_ABORT && known) {
		if (was_aborted(&place, registers.ip)) {
			place_insn(&place)->confirmed++;
			torture->result->confirmed++;
		} else {
			torture->result->refused++;
		}
	}
	if (!thread->sent)
		migrate_back(thread);
	set_again(torture, thread, &place);
	traced_go(thread, 0);
}

void strike_interrupted(struct torture *torture, struct thread *thread, enum step step)
{
	const struct mapped_insn place = thread->place;
	const uint64_t abort = place.mapping->module->sections[place_insn(&place)->section].abort + place.mapping->bias;
	struct machine_registers registers;

	if (step == STEP_ABORT && machine_read(thread->tid, &registers) && registers.ip == abort) {
		place_insn(&place)->confirmed++;
		torture->result->confirmed++;
	} else if (step == STEP_ABORT) { /* it isn't known whether there was an abort */
		place_insn(&place)->injected--;
		torture->result->injected--;
	}
	if (!thread->sent)
		migrate_back(thread);
	set_again(torture, thread, &place);
}

void strike_again(struct torture *torture)
{
	static uint64_t round;

	round++;
	for (struct thread *thread = torture->threads; thread != NULL; thread = thread->next) {
		struct process *process = thread->process;

		if (process == NULL || process->spared || is_over(torture) || process->round == round)
			continue;
		process->round = round;
		if (torture->settings->random > 0) { /* threads may have left the resting sections by a jump, not at their ends */
			for (int i = 0; i < RESTS; i++)
				strike_passed(thread, (enum extra_kind)(EXTRA_REST + i));
			continue;
		}
		for (struct mapping *mapping = process->mappings; mapping != NULL; mapping = mapping->next)
			for (uint32_t i = 0; i < mapping->module->insn_count; i++) {
				struct mapped_insn place = {mapping, i};

				if (mapping->set[i] == BREAKPOINT_CLEARED && is_wanted(torture, &place))
					(void)process_set(process, &place);
			}
	}
}
