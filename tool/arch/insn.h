/* SPDX-License-Identifier: MIT */
/*
 * insn.h - one instruction, in a form that is the same for every architecture.
 *
 * The library capstone decodes an instruction. A port (x86_64_insn.c, aarch64_insn.c) then fills in `struct insn`, by a table of
 * its own, because capstone is wrong too often about which operands an instruction reads or writes. The invariant: a port never
 * guesses. An instruction that its table doesn't have is `unknown`. Most rules then report that they can't decide.
 */
#ifndef RK_TOOL_ARCH_INSN_H
#define RK_TOOL_ARCH_INSN_H

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic" /* capstone.h has an enumerator that doesn't fit into int */
#include <capstone/capstone.h>
#pragma GCC diagnostic pop
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/sorted.h"

/*
 * The numbers of registers. 0 to 31 are general registers, in the order of the architecture's encoding. On x86-64 rax is 0, rcx
 * 1, rdx 2, rbx 3, rsp 4 and so on. On aarch64 x0 to x30 are 0 to 30, and sp is 31. 32 to 63 are vector registers. A part of a
 * register has the number of the whole register. The zero register of aarch64 has no number: as a source it is the constant 0,
 * and as a target it has no effect. insn_set is a set of registers, a bit for each number. The flags are in no set.
 */
enum { REGISTERS = 64, NO_REGISTER = -1, FIRST_VECTOR = 32 };
typedef uint64_t insn_set;
#define INSN_BIT(number) ((insn_set)1 << (number))

enum insn_kind {
	INSN_PLAIN,       /* continues at the next instruction */
	INSN_JUMP,        /* always continues at `target` */
	INSN_BRANCH,      /* continues at `target` or at the next instruction. Flags or a register (cbz, jrcxz) decide */
	INSN_CALL,        /* a call, direct or indirect; `target` is 0 if it isn't known */
	INSN_SYSTEM_CALL, /* enters the kernel: syscall, sysenter, int 0x80, svc */
	INSN_TRAP,        /* raises an exception always: int3, ud2, hlt, brk, udf */
	INSN_INDIRECT     /* a jump through a register or memory, or a return */
};

enum insn_access {
	ACCESS_NONE,   /* the instruction only computes the address (lea), or doesn't use the operand */
	ACCESS_LOAD,
	ACCESS_STORE,
	ACCESS_UPDATE, /* the instruction loads, and stores a value that depends on the loaded value; it is atomic or not */
	ACCESS_UNKNOWN /* the table doesn't say */
};

/* A memory operand. Its address is [thread pointer +] base + index * factor + displacement. */
struct insn_memory {
	enum insn_access access;
	bool again;           /* with ACCESS_UPDATE: a second execution with the same operands changes the memory no more (and, or) */
	bool exchange;        /* with ACCESS_UPDATE: a register and the memory exchange their values (xchg, swp) */
	bool maybe;           /* the store may fail to take place, or may store the old value again (cmpxchg, stxr) */
	bool atomic;          /* the access is atomic for other processors */
	bool repeated;        /* the instruction accesses any number of elements, of which the first is here (rep movs) */
	bool thread;          /* the address is relative to the thread pointer (%fs on x86-64) */
	bool unknown_address; /* this structure can't express the operand's address (with %gs, or a vector of indexes) */
	int8_t base, index;   /* NO_REGISTER if there is none. If the operand is relative to the instruction, both are
				 NO_REGISTER, and `displacement` is the whole address */
	int64_t factor;       /* the index is multiplied by this */
	int64_t displacement;
	unsigned width;       /* bytes of one element. Both registers of a pair count as one element */
	int64_t step;         /* the instruction adds this to the base register (write-back), which is then in `writes`, too. If
				 it adds the step before the access, `displacement` also includes the step */
};

/* One part of a sum. */
enum insn_source {
	SOURCE_NONE,
	SOURCE_REGISTER,
	SOURCE_MEMORY, /* what memory[0] loads, extended to the width of the result */
	SOURCE_THREAD  /* the thread pointer (mrs tpidr_el0) */
};

struct insn_part {
	enum insn_source source;
	int8_t number; /* with SOURCE_REGISTER: the register */
};

/* A result that is a sum: first + second * factor + constant. Examples are mov, lea, add, sub, shl, inc, adrp, movz and ldr. */
struct insn_sum {
	int8_t to;        /* the register that gets the result. NO_REGISTER: the instruction has no such result. Then the new
			     value of each register in `writes` is unknown, but derives from everything that the instruction
			     reads */
	uint8_t width;    /* 8; or 4 if the sum is truncated to 32 bits, and the register's upper half becomes 0 */
	struct insn_part first, second;
	int64_t factor;   /* the second part is multiplied by this number, which may be negative */
	int64_t constant;
};

struct insn {
	uint64_t address;
	uint8_t size;
	enum insn_kind kind;
	bool unknown;      /* the table doesn't have this instruction: its registers, memory and kind aren't known */
	bool conditional;  /* the instruction reads flags (a branch by flags, cmov, setcc, csel, adc, ccmp) */
	bool toggles;      /* if the instruction reads and writes a register, it certainly changes this register, so a second
			      execution has another result (xor, xadd) */
	bool measures;     /* the instruction compares with a constant other than 0 */
	bool sets_flags;   /* the new flags derive from everything that the instruction reads */
	uint64_t target;   /* where a jump, branch or direct call leads */
	insn_set reads;    /* registers whose value matters, also for addresses and stores. The value doesn't matter in `xor r,r` and
			      the like, whose result is a constant */
	insn_set narrow;   /* registers of `reads` of which only the low part matters (x86-64: reads of 1 and 2 bytes) */
	insn_set writes;
	insn_set partly;   /* registers of `writes` that keep a part of their old value (x86-64: writes of 1 and 2 bytes) */
	insn_set stored;   /* registers whose value a store writes to memory; without the registers of its address */
	bool stores_constant; /* the instruction stores `constant` */
	int64_t constant;
	uint8_t memories;  /* how many elements of memory[] are in use. movs loads by the first, and stores by the second */
	struct insn_memory memory[2];
	struct insn_sum sum;
};

/* A range of addresses: start <= address < end. */
struct span {
	uint64_t start, end;
};

/* Returns the span that contains the address, or NULL. The spans are sorted, and don't overlap. */
static inline const struct span *span_find(const struct span *spans, size_t count, uint64_t address)
{
	size_t first = COUNT_WHILE(i, count, spans[i].end <= address);

	return first < count && spans[first].start <= address ? &spans[first] : NULL;
}

/* The addresses for which a scan of code looks. Both lists are sorted; ranges don't overlap. */
struct insn_wanted {
	const struct span *ranges;     /* the scan finds each jump, branch or call whose target is in one of these ranges */
	size_t range_count;
	const uint64_t *addresses;     /* the scan finds each instruction that computes one of these addresses, or its page (adrp) */
	size_t address_count;
};

/*
 * A scan calls this function for each hit. `place` is an address within the instruction that the scan has found. On x86-64 the
 * bytes at this address can belong to another instruction, so the caller has to confirm a hit by decoding.
 */
typedef void insn_hit(void *argument, uint64_t place);

/* A port: what the tool knows about an architecture. */
struct relocation;

struct arch {
	const char *name;          /* for example "x86-64" */
	uint16_t machine;          /* the machine in the ELF header, for example EM_X86_64 */
	cs_arch engine;            /* capstone's names of the architecture and its mode */
	cs_mode mode;
	uint8_t longest, step;     /* bytes of the longest instruction; instructions begin at multiples of `step` */
	uint32_t signature;        /* the word before an abort handler */
	/*
	 * Types of dynamic relocations. Each stores eight bytes: an address without and with a symbol, one in the GOT, a distance
	 * from the thread pointer.
	 */
	uint32_t relative, absolute, global, offset;
	bool tls_precedes;         /* the executable's TLS ends at the thread pointer; else it begins after two words there */
	int undefined_rule;        /* a register, by DWARF's number, that libdw wrongly calls undefined; -1: none */
	void (*relocate)(const struct relocation *relocation); /* applies a relocation of an object file (relocation.h) */
	int8_t stack, frame;       /* numbers of the stack pointer and of the frame pointer */
	insn_set saved;            /* registers that a function preserves; without the stack pointer */
	insn_set scratch;          /* registers that a call leaves with unknown values */
	const char *const *names;  /* 32 names of the general registers; NULL for a number without a register */
	int (*dwarf)(int number);  /* returns DWARF's number of a register, or -1 if it has none */

	/*
	 * Fills in `insn` from an instruction that capstone has decoded. Before the call `insn` has its address and size, and
	 * zeros otherwise; but memory[].base, memory[].index and sum.to are NO_REGISTER.
	 */
	void (*convert)(const cs_insn *decoded, struct insn *insn);

	/*
	 * Fills in `insn` and its size from bytes that capstone can't decode. Returns false if they are no instruction. The
	 * pointer is NULL if the port knows no more instructions than capstone.
	 */
	bool (*convert_undecoded)(const uint8_t *code, size_t size, struct insn *insn);

	/*
	 * Returns the size of an instruction that traps. `decoded` is capstone's size, which can be wrong. The pointer is NULL
	 * if capstone's size is right.
	 */
	uint8_t (*trap_size)(const uint8_t *code, size_t size, uint8_t decoded);

	/* Calls `hit` wherever code can be what `wanted` describes. Doesn't use capstone, which would be too slow. */
	void (*scan)(const uint8_t *code, size_t size, uint64_t address, const struct insn_wanted *wanted, insn_hit *hit,
		     void *argument);
};

extern const struct arch arch_x86, arch_aarch64;

/* Returns the port for the machine of an ELF header, or NULL if there is none. */
const struct arch *arch_find(unsigned machine);

/* A decoder, which only one thread at a time may use. decoder_open() returns NULL if capstone can't be started. */
struct decoder;
struct decoder *decoder_open(const struct arch *arch);
void decoder_close(struct decoder *decoder);

/* Decodes the instruction that is at `address` in the image and at `code` here. Returns false if the bytes are no instruction. */
bool decode(struct decoder *decoder, const uint8_t *code, size_t size, uint64_t address, struct insn *insn);

#endif /* RK_TOOL_ARCH_INSN_H */
