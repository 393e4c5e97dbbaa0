/* SPDX-License-Identifier: MIT */
/*
 * shared.h - the memory that `rseqkit torture --inside` shares with its agents. An agent is the object that the tool preloads
 * into each process of the program.
 *
 * Each process has a cell. Its cell refers to a list of the process's modules, and the list to tables of each module's sections
 * and instructions. The tool makes the tables, and agents count in them. A position is a distance in bytes from the beginning of
 * the memory. The invariant: while a cell refers to a table, the table changes only in its counts. The memory of a list that was
 * replaced can be used again, but only for a list. The tool uses only counts and requests from the memory, because a faulty
 * program can overwrite anything in it.
 */
#ifndef RK_TOOL_TORTURE_AGENT_SHARED_H
#define RK_TOOL_TORTURE_AGENT_SHARED_H

#include <stddef.h>
#include <stdint.h>

#define AGENT_LIBRARY "librseqkit-torture.so"
#define AGENT_ENVIRONMENT "RSEQKIT_TORTURE" /* the environment variable with the path of the memory's file */
#define AGENT_VERSION 0x72736571746f7201ull
#define AGENT_ROOM ((uint64_t)256 << 20)    /* bytes of the memory, unless RLIMIT_FSIZE is lower */

enum {
	AGENT_SLOTS = 64,
	AGENT_REFUSED_MAX = 100, /* after this many visits without an abort, an instruction gets no breakpoint any more */
	AGENT_STREAK_MAX = 32    /* after this many aborts at one instruction, other instructions of its section get breakpoints */
};

/*
 * The instruction of a breakpoint, AGENT_TRAP_SIZE bytes. After it, the instruction pointer is 0 to AGENT_TRAP_MOVES_MAX bytes
 * further on: see `moves` of struct agent_shared. On x86-64 it is int1, because its signal has the address of the trap, even if
 * the kernel has already moved the thread to the abort handler. The signal of int3 doesn't have this address.
 */
#if defined(__x86_64__)
#define AGENT_TRAP {0xf1}
enum { AGENT_TRAP_SIZE = 1, AGENT_TRAP_MOVES_MAX = 1 };
#else
#define AGENT_TRAP {0x00, 0x00, 0x20, 0xd4} /* brk #0 */
enum { AGENT_TRAP_SIZE = 4, AGENT_TRAP_MOVES_MAX = 0 };
#endif

enum agent_request {
	AGENT_HELLO,  /* give this process a cell */
	AGENT_FORKED, /* give this child of fork a cell; its text has its parent's breakpoints */
	AGENT_SCAN,   /* look for modules, and set breakpoints in new modules */
	AGENT_PAUSE,  /* write nothing into this process until the next AGENT_SCAN, because a module is about to be unmapped */
	AGENT_SPARE,  /* remove all breakpoints, because threads are about to start that block all signals */
	AGENT_UNABLE, /* remove all breakpoints, because the agent can't write to text any more */
	AGENT_LET_GO  /* remove all breakpoints from the process of thread `other`, because it is about to be traced */
};

enum agent_state { AGENT_FREE, AGENT_CLAIMED, AGENT_ASKED, AGENT_ANSWERED };

/* A request and its answer. The agent makes the request, and the tool stores the answer in `cell`. */
struct agent_slot {
	uint32_t state;        /* one of enum agent_state. The agent waits for the answer by this futex */
	uint32_t request;
	int32_t pid, other;
	uint64_t proof_address, proof; /* the memory of process `pid` has the number `proof` at this address */
	uint64_t cell;         /* in AGENT_FORKED: the position of the parent's cell; in other requests and in the answer: of the
				  process's cell; 0: none */
};

struct agent_insn {
	uint64_t address;      /* the address in the file, without the load bias */
	uint32_t section;      /* an index in the module's table of sections */
	uint8_t original[4];   /* the bytes that a breakpoint replaces */
	uint64_t usable;       /* 0: the instruction can't have a breakpoint */
	uint64_t reached, idle, injected, confirmed; /* counts, see struct torture_insn */
};

struct agent_section {
	uint64_t end, abort;   /* addresses in the file */
	uint32_t first, count; /* the index of the first instruction, and the number of instructions */
	uint64_t aborts;       /* in a random run: how often the section was aborted */
	uint64_t rests;        /* in a random run: 1 if the agent has left the section without a breakpoint. The tool sets one */
};

struct agent_module {
	uint64_t insns, sections; /* positions of the tables */
	uint32_t insn_count, section_count;
};

/* A module of a process. */
struct agent_entry {
	uint64_t low, high;    /* all instructions of the module's sections lie at low <= address < high */
	uint64_t bias, module; /* the load bias, and the position of the struct agent_module */
};

struct agent_list {
	uint64_t count;
	struct agent_entry entries[];
};

struct agent_cell {
	uint64_t list;         /* lower half: the list's position; upper half: how many lists there were until now. 0: none */
	uint64_t let_go;       /* 1: the process gets no breakpoints any more */
	uint64_t own;          /* 1: the tool can't write to the text, so the agent has to set or remove all breakpoints */
	uint64_t again;        /* 1: the agent has to set removed breakpoints again */
};

struct agent_shared {
	uint64_t version;
	int32_t tool;          /* the tool's process id */
	uint32_t life;         /* the id of the tool's thread. When this thread ends, the kernel sets FUTEX_OWNER_DIED */
	uint32_t closed;       /* 1: the tool answers no more requests */
	uint32_t bell;         /* the number of requests until now. The tool waits for requests by this futex */
	uint32_t moves;        /* after a trap, the instruction pointer is this many bytes after the trap's start. After int1
				  it is 1, but 0 in guests of KVM on AMD's processors, where KVM doesn't move it */
	uint32_t reach;        /* this and the two numbers after it: see struct torture_settings */
	uint64_t rounds, random;
	uint64_t seed;         /* the state of the random numbers */
	uint64_t injected, confirmed, idle, threads;
	uint64_t lost;         /* how many executed programs can't open the agent's file or the memory's file */
	uint64_t blind;        /* how many processes have a dynamic linker that doesn't report modules that are loaded later */
	struct agent_slot slots[AGENT_SLOTS];
};

#endif /* RK_TOOL_TORTURE_AGENT_SHARED_H */
