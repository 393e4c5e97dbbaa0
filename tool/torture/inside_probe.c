/* SPDX-License-Identifier: MIT */
/* inside_probe.c - finds out whether `rseqkit torture --inside` works with a program on this machine. If not, prints why. */
#define _GNU_SOURCE
#if defined(__x86_64__)
#include <cpuid.h>
#endif
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

#include "common/binary.h"
#include "common/child.h"
#include "exec/program.h"
#include "inside.h"
#include "tool.h"

#define PROBE_MS 10000

#define NO_TRAP (AGENT_TRAP_MOVES_MAX + 1) /* the exit status of a child whose signal doesn't say where the trap was */

static uintptr_t trap_place;

/* Stores the trap's address to trap_place, and executes the trap. */
static void trap_here(void)
{
#if defined(__x86_64__)
	__asm__ __volatile__("leaq 1f(%%rip), %%rax\n\t"
			     "movq %%rax, %0\n"
			     "1:\t.byte 0xf1"
			     : "=m"(trap_place)
			     :
			     : "rax", "memory");
#elif defined(__aarch64__)
	__asm__ __volatile__("adr x9, 1f\n\t"
			     "str x9, %0\n"
			     "1:\t.inst 0xd4200000"
			     : "=m"(trap_place)
			     :
			     : "x9", "memory");
#endif
}

static void note_trap(int number, siginfo_t *info, void *context)
{
	uintptr_t moved = (uintptr_t)info->si_addr - trap_place;

	(void)number;
	(void)context;
	_exit(info->si_code > 0 && moved <= AGENT_TRAP_MOVES_MAX ? (int)moved : NO_TRAP);
}

/*
 * In a child: executes a trap. The exit status is the distance from the trap to the signal's address, or NO_TRAP. Some emulators
 * don't know the instruction int1 or brk.
 */
static int try_trap(int out, const void *argument)
{
	struct sigaction action = {.sa_sigaction = note_trap, .sa_flags = SA_SIGINFO};
	sigset_t set;

	(void)out;
	(void)argument;
	sigemptyset(&set);
	sigaddset(&set, SIGTRAP);
	(void)sigprocmask(SIG_UNBLOCK, &set, NULL);
	(void)sigaction(SIGTRAP, &action, NULL);
	trap_here();
	return NO_TRAP;
}

/*
 * If QEMU 7.2 emulates the processor, it stops the whole virtual machine at int1. So the tool doesn't even try the instruction
 * there.
 */
static bool is_emulated(void)
{
#if defined(__x86_64__)
	unsigned a = 0, b = 0, c = 0, d = 0;
	char name[12];

	if (__get_cpuid(1, &a, &b, &c, &d) == 0 || (c >> 31 & 1) == 0)
		return false;
	__cpuid(0x40000000, a, b, c, d);
	memcpy(name, &b, 4);
	memcpy(name + 4, &c, 4);
	memcpy(name + 8, &d, 4);
	return memcmp(name, "TCGTCGTCGTCG", sizeof(name)) == 0;
#else
	return false;
#endif
}

int probe_trap(void)
{
	struct child_result result;

	if (is_emulated()) {
		complain("cannot abort from inside here: QEMU's emulator stops at the instruction int1. Leave out --inside");
		return -1;
	}
	child_run(try_trap, NULL, PROBE_MS, &result);
	if (result.end == CHILD_EXITED && result.number <= AGENT_TRAP_MOVES_MAX)
		return result.number;
	if (result.end == CHILD_NOT_RUN || result.end == CHILD_LOST)
		complain("cannot abort from inside here: the process that tries a trap can't be run: %s. Leave out --inside",
			 strerror(result.number));
	else
		complain("cannot abort from inside here: the signal of a trap doesn't say where the trap was. Leave out --inside");
	return -1;
}

static bool is_asan(int64_t tag, const char *name, void *result)
{
	if (tag == DT_NEEDED && strncmp(name, "libasan.so", strlen("libasan.so")) == 0)
		*(bool *)result = true;
	return !*(bool *)result;
}

/* The library of gcc's AddressSanitizer ends a process in which it isn't the first library. */
static bool is_refused_by_asan(const char *path)
{
	const char *chosen = getenv("ASAN_OPTIONS");
	struct binary file;
	bool found = false;

	if ((chosen != NULL && strstr(chosen, "verify_asan_link_order=0") != NULL) || !binary_open(path, &file))
		return false;
	binary_names(&file, is_asan, &found);
	binary_close(&file);
	return found;
}

bool probe_program(char *const *command)
{
	static const char *const libraries[] = {AGENT_LIBRARY, NULL};
	struct program_search search;
	char path[PATH_MAX];
	const char *objection;

	program_begin(&search, command[0]);
	if (!program_next(&search, path))
		return true; /* exec will say why */
	objection = program_objection(path, command, libraries);
	if (objection != NULL)
		complain("nothing can be preloaded into %s: %s. Leave out --inside", path, objection);
	if (objection != NULL || !is_refused_by_asan(path))
		return objection == NULL;
	complain("AddressSanitizer's library has to be the first one in %s, and the preloaded agent would be before it. Set "
		 "ASAN_OPTIONS=verify_asan_link_order=0, or leave out --inside",
		 path);
	return false;
}
