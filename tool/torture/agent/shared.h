/* SPDX-License-Identifier: MIT */
/*
 * shared.h - the memory that `rseqkit torture --inside` shares with its agents, the objects that it preloads into processes.
 *
 * The tool makes the tables, and agents count in them. Positions are distances from the beginning of the memory. The invariant:
 * a table doesn't change once a cell refers to it, except for its counts. A list that was replaced can be filled again, but
 * always as a list. The tool uses only counts and requests from here, because a program that fails can overwrite anything.
 */
#ifndef RK_TOOL_TORTURE_AGENT_SHARED_H
#define RK_TOOL_TORTURE_AGENT_SHARED_H

#include <stddef.h>
#include <stdint.h>

#define AGENT_LIBRARY "librseqkit-torture.so"
#define AGENT_ENVIRONMENT "RSEQKIT_TORTURE" /* the path of the memory */
#define AGENT_VERSION 0x72736571746f7201ull
#define AGENT_ROOM ((uint64_t)256 << 20)    /* bytes; less if the limit of the size of files is lower */

enum {
	AGENT_SLOTS = 64,
	AGENT_REFUSED_MAX = 100, /* visits of an instruction that don't end in an abort; then the instruction is left alone */
	AGENT_STREAK_MAX = 32    /* aborts in a row at one instruction, if the section has others */
};

/*
 * The breakpoint. On x86-64 this is int1: unlike after int3, the signal says where the thread was, even if the kernel has
 * already moved the thread to the abort handler.
 */
#if defined(__x86_64__)
#define AGENT_TRAP {0xf1}
enum { AGENT_TRAP_SIZE = 1, AGENT_TRAP_MOVES = 1 };
#else
#define AGENT_TRAP {0x00, 0x00, 0x20, 0xd4} /* brk #0 */
enum { AGENT_TRAP_SIZE = 4, AGENT_TRAP_MOVES = 0 };
#endif

enum agent_request {
	AGENT_HELLO,  /* the process gets a cell */
	AGENT_FORKED, /* a child gets a cell; its text has its parent's breakpoints */
	AGENT_SCAN,   /* look for modules, and set breakpoints in new ones */
	AGENT_PAUSE,  /* write nothing into this process until the next AGENT_SCAN: a module is about to be unmapped */
	AGENT_SPARE,  /* remove all breakpoints: threads are about to start that block all signals */
	AGENT_UNABLE, /* remove all breakpoints: the agent can't write to text any more */
	AGENT_LET_GO  /* remove all breakpoints from the process `other`: another process is to trace it */
};

enum agent_state { AGENT_FREE, AGENT_CLAIMED, AGENT_ASKED, AGENT_ANSWERED };

struct agent_slot {
	uint32_t state;        /* one of agent_state, and a futex */
	uint32_t request;
	int32_t pid, other;
	uint64_t proof_address, proof; /* the process `pid` has the number `proof` at this address */
	uint64_t cell;         /* request: the process's cell, or its parent's; answer: the process's cell; 0: none */
};

struct agent_insn {
	uint64_t address;      /* in the file */
	uint32_t section;
	uint8_t original[4];   /* the bytes that a breakpoint replaces */
	uint64_t usable;       /* false: no breakpoint can be set here */
	uint64_t reached, idle, injected, confirmed;
};

struct agent_section {
	uint64_t end, abort;   /* in the file */
	uint32_t first, count; /* instructions: the first one's index, and how many */
	uint64_t aborts;       /* in a random run: how often the section was aborted */
	uint64_t rests;        /* in a random run: the section has no breakpoint until the tool sets one */
};

struct agent_module {
	uint64_t insns, sections; /* positions of the tables */
	uint32_t insn_count, section_count;
};

/* The modules of a process. */
struct agent_entry {
	uint64_t low, high;    /* the range of addresses in which all instructions of the sections lie */
	uint64_t bias, module;
};

struct agent_list {
	uint64_t count;
	struct agent_entry entries[];
};

struct agent_cell {
	uint64_t list;         /* the list's position, and in the upper half a number that each new list changes; 0: none yet */
	uint64_t let_go;       /* no breakpoints are wanted in this process any more */
	uint64_t own;          /* the agent has to set or remove the breakpoints, and not the tool */
	uint64_t again;        /* breakpoints that were removed are to be set again */
};

struct agent_shared {
	uint64_t version;
	int32_t tool;          /* the tool's process id */
	uint32_t life;         /* the tool's thread. At its end the kernel sets FUTEX_OWNER_DIED, as in a robust mutex */
	uint32_t closed;       /* the tool answers no more */
	uint32_t bell;         /* a futex: counts requests */
	uint32_t reach;
	uint64_t rounds, random;
	uint64_t seed;
	uint64_t injected, confirmed, idle, threads;
	uint64_t lost;         /* programs that were executed where the agent or the memory can't be reached */
	uint64_t blind;        /* processes whose later modules can't be seen */
	struct agent_slot slots[AGENT_SLOTS];
};

#endif /* RK_TOOL_TORTURE_AGENT_SHARED_H */
