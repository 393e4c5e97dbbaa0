/* SPDX-License-Identifier: MIT */
/*
 * strike.c - what happens to a thread that comes to a breakpoint.
 *
 * The kernel aborts a section if its thread was stopped in it. So the thread's instruction pointer is put back to the
 * instruction, and the thread makes a single step. If it was aborted, the step is the first instruction of the abort handler, and
 * ends where that instruction leads. Otherwise it ends after the section's instruction. The instruction pointer tells which, so
 * an abort is confirmed by the thread itself.
 */
#include <signal.h>
#include <stdio.h>

#include "traced.h"

#define REFUSED_MAX 100 /* stops at one instruction that don't end in an abort; then it is left alone */
#define STREAK_MAX 32   /* aborts in a row at one instruction, if the section has others */
#define AREA_CS 8       /* offset of rseq_cs in the area */
#define LOOK_EVERY 16   /* breakpoints */

static bool is_over(const struct torture *torture)
{
	return torture->settings->random > 0 && torture->result->confirmed >= torture->settings->random;
}

static bool is_wanted(const struct torture *torture, const struct place *place)
{
	const struct torture_insn *insn = place_insn(place);

	return (!catalog_is_covered(torture->settings, insn) || watch_wants(torture, place)) &&
	       insn->idle + insn->injected - insn->confirmed < REFUSED_MAX;
}

/*
 * Sets again the breakpoints at the section's other instructions that have had fewer aborts. The one that was used sometimes stays away
 * until then: otherwise a section whose first instruction is to be aborted many times would never get further. Returns false if no
 * other one has a breakpoint.
 */
static bool set_others(struct torture *torture, struct thread *thread, const struct place *place)
{
	const struct module *module = place->mapping->module;
	const uint32_t section = place_insn(place)->section;
	bool others = false;

	for (uint32_t i = catalog_find(module, module->sections[section].start); i < module->insn_count; i++) {
		struct place other = {place->mapping, i};

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

/* Sets the next breakpoint, after one was used. */
static void set_again(struct torture *torture, struct thread *thread, const struct place *place)
{
	const struct torture_insn *insn = place_insn(place);

	if (torture->detaching || thread->process->spared || is_over(torture))
		return;
	if (thread->process->extras[EXTRA_END].set) {
		process_suspend_one(place);
		return;
	}
	if (torture->settings->random > 0) {
		process_set_random(thread->process, place->mapping, insn->section);
		return;
	}
	if ((!set_others(torture, thread, place) || insn->injected % STREAK_MAX != 0) && is_wanted(torture, place))
		(void)process_set(thread->process, place);
}

/* Does the kernel know that the thread is in this section? */
static bool is_protected(const struct thread *thread, const struct place *place)
{
	const struct module *module = place->mapping->module;
	uint64_t area, cs;

	return machine_area(thread->tid, &area) && process_read(thread->process, area + AREA_CS, &cs, sizeof(cs)) &&
	       cs == module->sections[place_insn(place)->section].descriptor + place->mapping->bias;
}

/* A program can install a handler by a system call of its own. Then the first breakpoints after that see it. */
static void look_for_handler(struct torture *torture, struct thread *thread)
{
	char path[64], line[128];
	unsigned long long caught = 0;
	FILE *file;

	thread->process->handles = LOOK_EVERY;
	snprintf(path, sizeof(path), "/proc/%d/status", (int)thread->tid);
	file = fopen(path, "re");
	while (file != NULL && fgets(line, sizeof(line), file) != NULL)
		if (sscanf(line, "SigCgt: %llx", &caught) == 1)
			break;
	if (file != NULL)
		fclose(file);
	if ((caught >> (SIGTRAP - 1) & 1) != 0)
		extra_spare(torture, thread->process);
}

void strike(struct torture *torture, struct thread *thread, const struct place *place)
{
	struct torture_insn *insn = place_insn(place);
	struct place now = *place;

	process_clear(thread->process, place);
	if (!machine_set_ip(thread->tid, place_address(place)))
		return;
	thread->place = *place;
	if (!is_protected(thread, place)) {
		insn->idle++;
		torture->result->idle++;
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
	if (thread->has_status) /* the store raised a signal, which the program gets */
		return;
	thread->place = now;
	if (!torture->settings->migrate || !migrate_away(torture, thread))
		traced_inject(torture, thread);
}

/* Where the thread is after its step: did the kernel abort the section? */
static bool was_aborted(const struct place *place, uint64_t ip)
{
	const struct torture_insn *insn = place_insn(place);
	const struct torture_section *section = &place->mapping->module->sections[insn->section];
	uint64_t address = ip - place->mapping->bias;

	if (section->handler_next != 0 || section->handler_jump != 0)
		return address == section->handler_next || address == section->handler_jump || address == section->abort;
	return address - section->start >= section->end - section->start && address != insn->next && address != insn->jump;
}

void strike_after_step(struct torture *torture, struct thread *thread, enum step step)
{
	struct machine_registers registers;
	struct place place = thread->place;

	if (step == STEP_ABORT && machine_read(thread->tid, &registers)) {
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

void strike_again(struct torture *torture)
{
	for (struct thread *thread = torture->threads; thread != NULL; thread = thread->next) {
		struct process *process = thread->process;

		if (process == NULL || process->spared || is_over(torture) || torture->settings->random > 0)
			continue;
		for (struct mapping *mapping = process->mappings; mapping != NULL; mapping = mapping->next)
			for (uint32_t i = 0; i < mapping->module->insn_count; i++) {
				struct place place = {mapping, i};

				if (mapping->set[i] == BREAKPOINT_CLEARED && is_wanted(torture, &place))
					(void)process_set(process, &place);
			}
	}
}
