/* SPDX-License-Identifier: MIT */
/*
 * agent_strike.c - handles the SIGTRAP of a thread that has reached a breakpoint of `rseqkit torture --inside` (the tool) in a
 * critical section.
 *
 * The kernel aborts the section when it delivers the signal. So the instruction pointer in the signal handler's context is at the
 * abort handler, and the signal's address (si_addr) says which instruction the thread had reached. If the instruction pointer is
 * still at the breakpoint, the kernel didn't protect the thread by the section's descriptor.
 *
 * There are no locks. The invariant: a trap at an instruction of a section is always ours. After the signal, the thread goes on
 * at the abort handler, or the breakpoint has been removed. So if another thread sets the breakpoint again meanwhile, this thread
 * only gets one more SIGTRAP.
 */
#define _GNU_SOURCE
#include <ucontext.h>

#include "agent.h"

/* An instruction of a section in this process. */
struct known {
	struct agent_module *module;
	struct agent_insn *insns, *insn;
	struct agent_section *section;
	uint64_t bias;
};

static uint64_t *context_ip(ucontext_t *context)
{
#if defined(__x86_64__)
	return (uint64_t *)&context->uc_mcontext.gregs[REG_RIP];
#else
	return (uint64_t *)&context->uc_mcontext.pc;
#endif
}

static void set(const struct known *known, const struct agent_insn *insn)
{
	agent_set(insn, known->bias);
}

/*
 * Removes the breakpoint. If the kernel refuses this, the breakpoint would abort the section without end. So this function then
 * asks the tool to remove all breakpoints of the process, and the tool sets none in this process any more.
 */
static void clear(const struct known *known)
{
	if (!agent_clear(known->insn, known->bias))
		(void)agent_ask(AGENT_UNABLE, 0);
}

static bool find_in(const struct agent_entry *entry, uint64_t address, struct known *known)
{
	struct agent_module *module = (struct agent_module *)agent_at(entry->module);
	struct agent_insn *insns = (struct agent_insn *)agent_at(module->insns);
	uint32_t low = 0, high = module->insn_count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (insns[middle].address < address - entry->bias)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == module->insn_count || insns[low].address != address - entry->bias || !insns[low].usable)
		return false;
	*known = (struct known){
		.module = module,
		.insns = insns,
		.insn = &insns[low],
		.section = (struct agent_section *)agent_at(module->sections) + insns[low].section,
		.bias = entry->bias,
	};
	return true;
}

static bool find(uint64_t address, struct known *known)
{
	struct agent_entry entry;
	uint64_t list;

	do {
		list = __atomic_load_n(&agent_cell->list, __ATOMIC_ACQUIRE);
		for (uint64_t i = 0; agent_entry(i, &entry); i++)
			if (address >= entry.low && address < entry.high && find_in(&entry, address, known))
				return true;
	} while (list != __atomic_load_n(&agent_cell->list, __ATOMIC_ACQUIRE));
	return false;
}

/* Finds the instruction at which the trap was. `ip` is the instruction pointer in the signal handler's context. */
static bool find_trap(const siginfo_t *info, uint64_t ip, struct known *known)
{
	if (info->si_code > 0)
		return find((uint64_t)(uintptr_t)info->si_addr - agent_shared->moves, known);
	/*
	 * If another process sent SIGTRAP at the same time, the handler gets that signal instead of the trap's. Then the
	 * instruction pointer is directly after the trap.
	 */
	return agent_shared->moves > 0 && find(ip - agent_shared->moves, known);
}

static uint64_t add_one(uint64_t *count)
{
	return __atomic_add_fetch(count, 1, __ATOMIC_RELAXED);
}

/*
 * Sets breakpoints again at those other instructions of the section that have had fewer aborts than this instruction. Returns
 * whether any other instruction has a breakpoint. Instructions that no thread has reached yet still have their breakpoints.
 */
static bool set_fewer(const struct known *known)
{
	const uint64_t injected = agent_count(&known->insn->injected);
	bool others = false;

	for (uint32_t i = known->section->first; i < known->module->insn_count; i++) {
		const struct agent_insn *other = &known->insns[i];

		if (other->address >= known->section->end)
			break;
		if (other == known->insn || other->section != known->insn->section || !agent_wants(other))
			continue;
		if (agent_count(&other->reached) == 0) {
			others = true;
		} else if (agent_count(&other->injected) < injected) {
			set(known, other);
			others = true;
		}
	}
	return others;
}

/*
 * After an abort: removes the breakpoint if the instruction needs no more aborts. Also removes it from time to time, so that
 * threads reach other instructions of the section.
 */
static void go_on(const struct known *known)
{
	const uint64_t injected = agent_count(&known->insn->injected);
	bool over;

	if (__atomic_load_n(&agent_cell->let_go, __ATOMIC_ACQUIRE) || agent_shared->reach) {
		clear(known);
		return;
	}
	if (agent_shared->random > 0) {
		clear(known);
		if (agent_count(&agent_shared->confirmed) >= agent_shared->random)
			return;
		/*
		 * If each section always had a breakpoint, a section that a thread tries again and again would never commit,
		 * and would get all aborts.
		 */
		if (add_one(&known->section->aborts) % AGENT_STREAK_MAX == 0)
			__atomic_store_n(&known->section->rests, 1, __ATOMIC_RELEASE);
		else
			agent_set_by_chance(known->module, known->insn->section, known->bias);
		return;
	}
	if (agent_count(&agent_cell->again) != 0 && __atomic_exchange_n(&agent_cell->again, 0, __ATOMIC_RELAXED) != 0)
		agent_set_again(known->module, known->bias);
	over = !agent_wants(known->insn);
	if (!over && injected % AGENT_STREAK_MAX != 0)
		return;
	if (!(agent_shared->rounds > 1 && set_fewer(known)) && !over)
		return;
	clear(known);
	/*
	 * Meanwhile, other threads have possibly removed the breakpoints that this thread counts on. Each thread sets breakpoints
	 * after it removed one, so the last of these threads leaves one.
	 */
	if (agent_shared->rounds > 1 && !set_fewer(known) && agent_wants(known->insn))
		set(known, known->insn);
}

static void count_thread(void)
{
	static __thread bool is_counted __attribute__((__tls_model__("initial-exec")));

	if (!is_counted)
		add_one(&agent_shared->threads);
	is_counted = true;
}

bool agent_strike(const siginfo_t *info, void *context)
{
	uint64_t *ip = context_ip((ucontext_t *)context);
	struct known known;
	uint64_t place;

	if (agent_cell == NULL || !find_trap(info, *ip, &known))
		return false;
	place = known.insn->address + known.bias;
	count_thread();
	if (*ip == place + agent_shared->moves) {
		add_one(&known.insn->idle);
		add_one(&agent_shared->idle);
		clear(&known);
		*ip = place;
		if (agent_shared->random > 0 && known.section->count > 1)
			agent_set_by_chance(known.module, known.insn->section, known.bias);
		return true;
	}
	add_one(&known.insn->reached);
	if (!agent_shared->reach && !__atomic_load_n(&agent_cell->let_go, __ATOMIC_ACQUIRE)) {
		add_one(&known.insn->injected);
		add_one(&agent_shared->injected);
		if (*ip == known.section->abort + known.bias) {
			add_one(&known.insn->confirmed);
			add_one(&agent_shared->confirmed);
		}
	}
	go_on(&known);
	return true;
}
