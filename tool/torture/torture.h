/* SPDX-License-Identifier: MIT */
/*
 * torture.h - the settings of `rseqkit torture`, and the data that its parts share.
 *
 * A module is an ELF file with critical sections. Counts belong to modules, so they are sums over all processes that have the
 * module. A process is one address space. It has a mapping for each of its modules. The mapping says for each instruction
 * whether it has a breakpoint.
 */
#ifndef RK_TOOL_TORTURE_TORTURE_H
#define RK_TOOL_TORTURE_TORTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/types.h>

struct torture_settings {
	bool json;
	const char *output;  /* the file for the report; NULL: standard output */
	uint64_t runs;       /* start the program again up to this number of times, while instructions are left */
	bool reach;          /* only count the visits of each instruction; abort nothing */
	bool strict;         /* a visible store before the commit counts even in a section that declares no private stores */
	bool migrate;        /* move the stopped thread to another CPU before its section is aborted */
	uint64_t rounds;     /* how many aborts each instruction gets */
	uint64_t random;     /* how many aborts are made in all, at random instructions; 0: abort at each instruction in turn */
	uint64_t seed;       /* seed of the random choices */
	double seconds;      /* with `pid`: how long the process is tortured */
	pid_t pid;           /* the process to attach to, or 0 */
	char **command;      /* if `pid` is 0, the program to start and its arguments */
};

/* The number of functions at which the tracer stops threads. enum extra_kind has their order, and describe.c has their names. */
enum { FUNCTIONS = 6 };

enum { CODE_MAX = 16 }; /* an instruction has at most this many bytes */

enum { SOURCE_MAX = 120, SYMBOL_MAX = 120, STORE_MAX = 64 };

/*
 * A store by an instruction that isn't the section's last one. Its address is base + index * factor + displacement, and with
 * `thread` also the thread pointer.
 */
struct torture_store {
	uint8_t width;       /* in bytes, at most STORE_MAX; 0: there is no store to watch (watch.c) */
	bool thread;
	bool repeated;       /* rep movs and the like: each single step stores one element of `width` bytes */
	int8_t base, index;  /* numbers of registers (tool/arch/insn.h), or -1 */
	int64_t factor, displacement;
};

struct torture_insn {
	uint64_t address;    /* the address in the file, without the load bias */
	uint32_t section;    /* an index in the module's `sections` */
	uint8_t size;        /* in bytes */
	uint8_t code[CODE_MAX]; /* the instruction's bytes in the file */
	bool last;           /* the section ends after this instruction */
	bool declared;       /* the file declares that no other thread sees this instruction's store */
	uint64_t next, jump; /* addresses of the next instruction: without a jump, and after a jump; 0: unknown */
	struct torture_store store;
	char source[SOURCE_MAX]; /* file:line, or "" */
	/*
	 * Counts. `reached`: visits of threads that the kernel protects by the section's descriptor. `idle`: visits of other
	 * threads, for example of threads without a registration. `injected`: attempts to make the kernel abort the section
	 * here. `confirmed`: attempts after which the thread was at the abort handler. `migrated`: attempts for which the tool
	 * moved the thread to another CPU, and another thread then passed the section on the old CPU. `watched`: how often
	 * watch.c checked the store.
	 */
	uint64_t reached, idle, injected, confirmed, migrated, watched;
	double watch_at;     /* the store isn't watched again before this time */
};

struct torture_section {
	uint64_t start, end, abort, descriptor;
	uint64_t handler_next, handler_jump; /* where the abort handler's first instruction leads: without a jump, and with one;
						0: unknown */
	uint8_t end_code[CODE_MAX];          /* the code after the section's last instruction; zeros: unknown */
	uint32_t count;                      /* how many instructions the section has */
	bool complete;                       /* all instructions are known */
	bool declares;                       /* the file declares which stores of the section are private */
	char symbol[SYMBOL_MAX];
	char source[SOURCE_MAX];
};

/* A segment of code, at `offset` in the file. `address` is its address in memory without the load bias. */
struct segment {
	uint64_t offset, size, address;
};

/* A function at which the tracer stops threads. */
struct torture_function {
	uint64_t address;    /* the address in the file; 0: this file doesn't define the function */
	uint64_t room;       /* the address of CODE_MAX bytes of the file's code that nothing uses; 0: none */
	uint8_t code[CODE_MAX]; /* the function's first instruction */
	uint8_t size;        /* bytes of this instruction; 0: unknown */
	bool movable;        /* this instruction does the same if it is copied to another address */
};

struct module {
	char *path;
	dev_t map_device;    /* the device in /proc/PID/maps. On some file systems stat(2) returns another device */
	ino_t inode;
	struct stat file;    /* the file's status when it was read; a file that was rewritten since is another module */
	struct torture_function functions[FUNCTIONS];
	struct segment *segments;
	struct torture_section *sections;
	struct torture_insn *insns;     /* sorted by address */
	uint32_t segment_count, section_count, insn_count;
	uint64_t thread_local;          /* bytes of the file's thread-local memory */
	const char *problem;            /* why the file couldn't be read; NULL if it was read */
	struct module *next;
};

/* A store whose change other threads can see before the commit. */
struct violation {
	const struct module *module;
	uint32_t insn;       /* an index in the module's `insns` */
	bool sure;           /* the section declares which stores are private, and this store isn't among them */
	uint64_t address, before, after; /* the address of the first byte that changed, and the bytes there, before and after */
	uint8_t width;       /* the number of bytes in `before`, at most 8 */
	struct violation *next;
};

/* The counts and findings of all runs. */
struct torture_result {
	struct module *modules;
	struct violation *violations;
	/* Sums of the instructions' counts (struct torture_insn). `unmigrated`: with --migrate, attempts not in `migrated`. */
	uint64_t injected, confirmed, migrated, unmigrated;
	uint64_t refused;    /* stops in a section after which the kernel didn't divert the thread to the abort handler */
	uint64_t idle;       /* visits of threads without protection */
	uint64_t processes, threads;
	uint64_t runs;
	bool ended;          /* the program ended, with the wait status `status` */
	int status;
	uint64_t spared;     /* processes in which no section is aborted any more: see spare_process() */
	uint64_t closed;     /* processes in which no section is known, because the tool may not read their memory */
	bool lacked;         /* at some moment a file couldn't be read, for lack of descriptors or memory */
	uint64_t tracing;    /* processes that the tool stopped tracing, because the program wanted to trace them */
	double seconds;
};

/*
 * catalog.c. catalog_read() reads the sections of a file, in a child with limits. `name` is the path for the report. Returns
 * NULL if memory or descriptors are short. catalog_unread() makes a module without sections. catalog_forget() frees a module.
 */
struct module *catalog_read(int fd, const char *name);
struct module *catalog_unread(const char *name, const char *problem);
void catalog_forget(struct module *module);

/* Returns the index of the first instruction at or after the address, or insn_count if there is none. */
uint32_t catalog_find(const struct module *module, uint64_t address);

/* torture_report.c: prints the report. */
void torture_print(const struct torture_settings *settings, const struct torture_result *result, FILE *out);

/* Does the instruction count as covered? It does after settings->rounds aborts; with settings->reach, after one visit. */
bool catalog_is_covered(const struct torture_settings *settings, const struct torture_insn *insn);

#endif /* RK_TOOL_TORTURE_TORTURE_H */
