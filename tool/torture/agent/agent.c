/* SPDX-License-Identifier: MIT */
/*
 * agent.c - the main part of the agent, librseqkit-torture.so, which `rseqkit torture --inside` (the tool) preloads into the
 * program. The agent opens the memory that it shares with the tool. It tells the tool of this process, of new modules and
 * children, and of calls of ptrace(). A cell is a process's entry in this memory.
 *
 * The agent finds the memory's file by a path from the environment. So each program that is executed finds the file without
 * inheriting a descriptor. The invariant: the tool sets the first breakpoints of a module only while it answers AGENT_SCAN. At
 * this time the handler of SIGTRAP is installed, and the list has the module.
 */
#define _GNU_SOURCE
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/*
 * The dynamic linker has _r_debug in every process. With a strong reference, this object would need the dynamic linker
 * (DT_NEEDED). That would change the look-up order in the program (src/thread/libc.c).
 */
#pragma weak _r_debug

/* Asks the tool for a cell. If the tool gives a child no cell, the child goes on using its parent's cell. */
static bool meet(enum agent_request request)
{
	const uint64_t position = agent_ask(request, 0);

	if (position == 0 || position >= agent_room)
		return false;
	__atomic_store_n(&agent_cell, (struct agent_cell *)((char *)agent_shared + position), __ATOMIC_RELEASE);
	return true;
}

/* r_debug_extended of <link.h>, which older C libraries don't have. Its first member is the r_debug of a namespace. */
struct namespace {
	struct r_debug base;
	struct namespace *next;
};

/* Is the dynamic linker about to unmap modules? */
static bool is_changing(void)
{
	for (const struct namespace *one = (const struct namespace *)&_r_debug; one != NULL;
	     one = _r_debug.r_version >= 2 ? one->next : NULL)
		if (one->base.r_state == RT_DELETE)
			return true;
	return false;
}

/* The dynamic linker calls this function instead of its own empty function, before and after it maps or unmaps modules. */
static void see_modules(void)
{
	(void)agent_ask(is_changing() ? AGENT_PAUSE : AGENT_SCAN, 0);
}

#if defined(__x86_64__)
#define RETURN {0xc3}
#define MARK {0xf3, 0x0f, 0x1e, 0xfa} /* endbr64 */
#define JUMP {0xff, 0x25, 0, 0, 0, 0} /* jmp *0(%rip); the address follows */
#else
#define RETURN {0xc0, 0x03, 0x5f, 0xd6}
#define MARK {0x5f, 0x24, 0x03, 0xd5} /* bti c */
#define JUMP {0x50, 0, 0, 0x58, 0, 0x02, 0x1f, 0xd6} /* ldr x16, .+8; br x16; the address follows */
#endif

/*
 * Writes a jump to see_modules() over the empty function that the dynamic linker calls for debuggers. A breakpoint there would
 * kill threads that load modules while they block all signals, as some threads of the C library do. Functions begin at multiples
 * of 16 bytes, so unused bytes follow the empty function, and the jump fits. Returns false if the jump can't be written.
 */
static bool watch_linker(void)
{
	static const uint8_t back[] = RETURN, mark[] = MARK, jump[] = JUMP;
	const uint64_t address = _r_debug.r_brk, target = (uint64_t)(uintptr_t)see_modules;
	const uint8_t *code = (const uint8_t *)(uintptr_t)address;
	uint8_t bytes[sizeof(jump) + sizeof(target)];
	size_t at = 0;

	if (address == 0 || address % 16 != 0)
		return false;
	if (memcmp(code, mark, sizeof(mark)) == 0)
		at = sizeof(mark);
	if (memcmp(code + at, back, sizeof(back)) != 0)
		return false;
	memcpy(bytes, jump, sizeof(jump));
	memcpy(bytes + sizeof(jump), &target, sizeof(target));
	return agent_write(address, bytes, sizeof(bytes));
}

static void after_fork(void)
{
	agent_process = getpid();
	agent_renew_signal();
	if (meet(AGENT_FORKED))
		(void)agent_ask(AGENT_SCAN, 0);
}

/*
 * If the tool has been killed, another process can have its number, and another file can have this path. So this function accepts
 * only a file in memory that can't become shorter.
 */
static bool is_whole(int fd, struct stat *status)
{
	const int seals = fcntl(fd, F_GET_SEALS);

	return seals >= 0 && (seals & F_SEAL_SHRINK) != 0 && fstat(fd, status) == 0 &&
	       (uint64_t)status->st_size >= sizeof(struct agent_shared) && (uint64_t)status->st_size <= AGENT_ROOM;
}

/* Maps the tool's memory. */
static bool open_memory(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	void *memory = MAP_FAILED;
	struct stat status;

	if (fd >= 0 && is_whole(fd, &status))
		memory = mmap(NULL, (size_t)status.st_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
	if (fd >= 0)
		close(fd);
	if (memory == MAP_FAILED)
		return false;
	agent_room = (uint64_t)status.st_size;
	(void)madvise(memory, agent_room, MADV_DONTDUMP);
	agent_shared = (struct agent_shared *)memory;
	if (agent_shared->version == AGENT_VERSION)
		return true;
	(void)munmap(memory, agent_room);
	agent_shared = NULL;
	return false;
}

__attribute__((__constructor__)) static void begin(void)
{
	const char *path = getenv(AGENT_ENVIRONMENT);
	int error = errno;
	struct timespec now;

	if (path != NULL && open_memory(path)) {
		(void)clock_gettime(CLOCK_MONOTONIC, &now);
		agent_proof ^= (uint64_t)now.tv_sec << 30 ^ (uint64_t)now.tv_nsec ^ (uint64_t)(uintptr_t)&now;
		agent_process = getpid();
		if (!meet(AGENT_HELLO)) {
			/* The tool can't torture this process. */
		} else if (!agent_can_write()) {
			(void)agent_ask(AGENT_UNABLE, 0);
			agent_cell = NULL;
		} else {
			agent_note_paths(path);
			agent_take_signal();
			if (!watch_linker())
				__atomic_add_fetch(&agent_shared->blind, 1, __ATOMIC_RELAXED);
			(void)pthread_atfork(NULL, NULL, after_fork);
			(void)agent_ask(AGENT_SCAN, 0);
		}
	}
	errno = error;
}

/* A tracer would get the stops of our breakpoints. So the tool removes them from a process before the process is traced. */
EXPORTED long ptrace(enum __ptrace_request request, ...)
{
	DECLARE_NEXT(ptrace);
	va_list list;
	pid_t pid;
	void *address, *data;

	va_start(list, request);
	pid = va_arg(list, pid_t);
	address = va_arg(list, void *);
	data = va_arg(list, void *);
	va_end(list);
	if (agent_cell != NULL && (request == PTRACE_TRACEME || request == PTRACE_ATTACH || request == PTRACE_SEIZE))
		(void)agent_ask(AGENT_LET_GO, request == PTRACE_TRACEME ? getpid() : pid);
	return NEXT(ptrace)(request, pid, address, data);
}
