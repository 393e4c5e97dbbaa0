/* SPDX-License-Identifier: MIT */
/*
 * agent_text.c - sets and removes breakpoints in the process's own text. The agent is the object that `rseqkit torture --inside`
 * (the tool) preloads into each process.
 *
 * The tool sets the first breakpoints if the kernel permits this; otherwise the agent sets them. The invariant: the agent writes
 * breakpoints only to modules of the process's list, and only while these modules can't be unmapped.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "agent.h"

struct agent_shared *agent_shared;
uint64_t agent_room;
struct agent_cell *agent_cell;
pid_t agent_process;

static const uint8_t trap[] = AGENT_TRAP;

void *agent_at(uint64_t position)
{
	return (char *)agent_shared + position;
}

bool agent_entry(uint64_t number, struct agent_entry *entry)
{
	uint64_t list, now = __atomic_load_n(&agent_cell->list, __ATOMIC_ACQUIRE);
	bool has;

	do {
		const struct agent_list *at = (const struct agent_list *)agent_at((uint32_t)now);

		list = now;
		has = (uint32_t)list != 0 && number < __atomic_load_n(&at->count, __ATOMIC_RELAXED);
		for (size_t i = 0; has && i < sizeof(*entry) / sizeof(uint64_t); i++)
			((uint64_t *)entry)[i] = __atomic_load_n((const uint64_t *)&at->entries[number] + i, __ATOMIC_RELAXED);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		now = __atomic_load_n(&agent_cell->list, __ATOMIC_RELAXED);
	} while (now != list);
	return has;
}

/*
 * Makes the page of text writable, and writes the bytes. Leaves the page writable, because another thread possibly writes to it
 * at the same time. If the kernel refuses mprotect() (PR_SET_MDWE), the write succeeds if an earlier call made the page writable.
 */
static bool write_by_store(uint64_t address, const void *bytes, size_t size)
{
	const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), start = address & ~(page - 1);
	struct iovec from = {(void *)(uintptr_t)bytes, size}, to = {(void *)(uintptr_t)address, size};

	if (syscall(SYS_mprotect, start, address + size - start, PROT_READ | PROT_WRITE | PROT_EXEC) == 0)
		memcpy((void *)(uintptr_t)address, bytes, size);
	else if (syscall(SYS_process_vm_writev, syscall(SYS_getpid), &from, 1, &to, 1, 0) != (long)size)
		return false;
	__builtin___clear_cache((char *)(uintptr_t)address, (char *)(uintptr_t)(address + size));
	return true;
}

/* True if the kernel refused a write to text by /proc/self/mem. Some kernels allow such writes only to tracers. */
static bool is_refused;

/* Opens /proc/self/mem each time: a child of fork must not write to its parent's memory, and the program can close any file. */
bool agent_write(uint64_t address, const void *bytes, size_t size)
{
	int fd = is_refused ? -1 : (int)syscall(SYS_openat, AT_FDCWD, "/proc/self/mem", O_WRONLY | O_CLOEXEC);
	bool done = fd >= 0 && syscall(SYS_pwrite64, fd, bytes, size, address) == (long)size;

	if (fd >= 0)
		(void)syscall(SYS_close, fd);
	if (fd >= 0 && !done)
		is_refused = true;
	return done || write_by_store(address, bytes, size);
}

bool agent_can_write(void)
{
	const uint64_t address = (uint64_t)(uintptr_t)agent_can_write;
	uint8_t byte = *(const uint8_t *)(uintptr_t)address;

	return agent_write(address, &byte, 1);
}

void agent_set(const struct agent_insn *insn, uint64_t bias)
{
	if (insn->usable)
		(void)agent_write(insn->address + bias, trap, AGENT_TRAP_SIZE);
}

bool agent_clear(const struct agent_insn *insn, uint64_t bias)
{
	return !insn->usable || agent_write(insn->address + bias, insn->original, AGENT_TRAP_SIZE);
}

uint64_t agent_count(const uint64_t *count)
{
	return __atomic_load_n(count, __ATOMIC_RELAXED);
}

bool agent_wants(const struct agent_insn *insn)
{
	if (!insn->usable ||
	    agent_count(&insn->idle) + agent_count(&insn->injected) - agent_count(&insn->confirmed) >= AGENT_REFUSED_MAX)
		return false;
	return agent_shared->reach ? agent_count(&insn->reached) == 0 : agent_count(&insn->confirmed) < agent_shared->rounds;
}

/* Returns a pseudorandom number (xorshift). */
static uint64_t next_random(void)
{
	uint64_t number = agent_count(&agent_shared->seed);

	number ^= number << 13;
	number ^= number >> 7;
	number ^= number << 17;
	__atomic_store_n(&agent_shared->seed, number, __ATOMIC_RELAXED);
	return number;
}

void agent_set_by_chance(const struct agent_module *module, uint32_t number, uint64_t bias)
{
	const struct agent_section *section = (const struct agent_section *)agent_at(module->sections) + number;
	const struct agent_insn *insns = (const struct agent_insn *)agent_at(module->insns);
	uint64_t left = section->count > 0 ? next_random() % section->count + 1 : 0;

	for (uint32_t i = section->first; left > 0 && i < module->insn_count; i++)
		if (insns[i].section == number && --left == 0)
			agent_set(&insns[i], bias);
}

void agent_set_again(const struct agent_module *module, uint64_t bias)
{
	const struct agent_insn *insns = (const struct agent_insn *)agent_at(module->insns);

	for (uint32_t i = 0; agent_shared->random > 0 && i < module->section_count; i++)
		agent_set_by_chance(module, i, bias);
	for (uint32_t i = 0; agent_shared->random == 0 && i < module->insn_count; i++)
		if (agent_count(&insns[i].reached) + agent_count(&insns[i].idle) > 0 && agent_wants(&insns[i]))
			agent_set(&insns[i], bias);
}

static void change_module(const struct agent_module *module, uint64_t bias, bool set)
{
	const struct agent_insn *insns = (const struct agent_insn *)agent_at(module->insns);

	for (uint32_t i = 0; set && agent_shared->random > 0 && i < module->section_count; i++)
		agent_set_by_chance(module, i, bias);
	for (uint32_t i = 0; i < module->insn_count; i++)
		if (!set)
			(void)agent_clear(&insns[i], bias);
		else if (agent_shared->random == 0 && agent_wants(&insns[i]))
			agent_set(&insns[i], bias);
}

void agent_obey(void)
{
	const bool set = __atomic_load_n(&agent_cell->let_go, __ATOMIC_ACQUIRE) == 0;
	struct agent_entry entry;

	if (__atomic_exchange_n(&agent_cell->own, 0, __ATOMIC_ACQ_REL) == 0)
		return;
	for (uint64_t i = 0; agent_entry(i, &entry); i++)
		change_module((const struct agent_module *)agent_at(entry.module), entry.bias, set);
}
