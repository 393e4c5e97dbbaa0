/* SPDX-License-Identifier: MIT */
/*
 * insn.h - one instruction, in a form that is the same for every architecture.
 *
 * A port (insn_x86.c, insn_aarch64.c) fills `struct insn` from what capstone decoded, by a table of its own. capstone's
 * statements about which operand an instruction reads or writes are wrong too often. The invariant: a port never guesses. An
 * instruction that its table doesn't have is `unknown`, and rules then say that they cannot tell.
 */
#ifndef RK_TOOL_LINT_INSN_H
#define RK_TOOL_LINT_INSN_H

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic" /* one of its enumerators is no int */
#include <capstone/capstone.h>
#pragma GCC diagnostic pop
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Registers 0 to 31 are general, in the order of the architecture's encoding. On x86-64 this is rax 0, rcx 1, rdx 2, rbx 3,
 * rsp 4 and so on. On aarch64 it's x0 to x30, and sp is 31. 32 to 63 are vector registers. A part of a register has the number
 * of the whole register. The zero register of aarch64 has no number: as a source it is the constant 0, and as a target it has no
 * effect. Sets don't include the flags.
 */
enum { REGISTERS = 64, NO_REGISTER = -1, FIRST_VECTOR = 32 };
typedef uint64_t insn_set;
#define INSN_BIT(number) ((insn_set)1 << (number))

enum insn_kind {
	INSN_PLAIN,       /* continues at the next instruction */
	INSN_JUMP,        /* always continues at `target` */
	INSN_BRANCH,      /* continues at `target` or at the next instruction; by flags or a register (cbz, jrcxz) */
	INSN_CALL,        /* a call, direct or indirect; `target` is 0 if it isn't known */
	INSN_SYSTEM_CALL, /* enters the kernel: syscall, sysenter, int 0x80, svc */
	INSN_TRAP,        /* raises an exception always: int3, ud2, hlt, brk, udf */
	INSN_INDIRECT     /* a jump through a register or memory, or a return */
};

enum insn_access {
	ACCESS_NONE,   /* the address is computed only (lea), or the operand is unused */
	ACCESS_LOAD,
	ACCESS_STORE,
	ACCESS_UPDATE, /* loads, and stores a value that depends on what was loaded; atomic instructions, too */
	ACCESS_UNKNOWN /* the table doesn't know */
};

/* A memory operand. Its address is [thread pointer +] base + index * factor + displacement. */
struct insn_memory {
	enum insn_access access;
	bool again;           /* of ACCESS_UPDATE: a second execution changes nothing more (and, or) */
	bool exchange;        /* of ACCESS_UPDATE: stores a register, which gets what was there (xchg, swp) */
	bool maybe;           /* the store possibly doesn't take place, or stores what was there (cmpxchg, stxr) */
	bool atomic;          /* of ACCESS_UPDATE: other processors see it as one access */
	bool repeated;        /* any number of elements from this address on (rep movs) */
	bool thread;          /* relative to the thread pointer: %fs on x86-64 */
	bool unknown_address; /* this structure can't express the operand's address, for example by %gs or a vector of indexes */
	int8_t base, index;   /* NO_REGISTER if there is none. For an operand relative to the instruction, both are
				 NO_REGISTER, and `displacement` is the whole address */
	int64_t factor;       /* of the index */
	int64_t displacement;
	unsigned width;       /* bytes of one element; both registers of a pair together */
	int64_t step;         /* added to the base register afterwards (write-back). A pre-indexed operand has it in the
				 displacement as well. The base is then in `writes`, too */
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
	int8_t number; /* of the register, if the source is SOURCE_REGISTER */
};

/* A result that is a sum: first + second * factor + constant. Examples are mov, lea, add, sub, shl, inc, adrp, movz and ldr. */
struct insn_sum {
	int8_t to;        /* the register. NO_REGISTER: the instruction has no such result. Then the new value of each register in
			     `writes` is unknown, but derives from everything that the instruction reads */
	uint8_t width;    /* 8, or 4: the sum is truncated to 32 bits, and the upper half becomes 0 */
	struct insn_part first, second;
	int64_t factor;   /* of the second part; may be negative */
	int64_t constant;
};

struct insn {
	uint64_t address;
	uint8_t size;
	enum insn_kind kind;
	bool unknown;      /* the table doesn't have this instruction: registers, memory and kind are not known */
	bool conditional;  /* reads flags: a branch by flags, and cmov, setcc, csel, adc, ccmp */
	bool toggles;      /* a second execution certainly changes each register that is read and written once more (xor, xchg) */
	bool measures;     /* compares with a constant other than 0 */
	bool sets_flags;   /* flags afterwards derive from everything that the instruction reads */
	uint64_t target;   /* of a jump, branch or direct call */
	insn_set reads;    /* registers whose value matters, also in addresses and stores. Without the register of `xor r,r` and
			      its like, whose result is a constant */
	insn_set writes;
	insn_set partly;   /* of `writes`: the old value stays in a part of the register (x86-64: writes of 1 and 2 bytes) */
	insn_set stored;   /* registers whose value a store writes to memory; without the registers of its address */
	bool stores_constant; /* a store of `constant` */
	int64_t constant;
	uint8_t memories;  /* how many of memory[] are in use. A copy (movs) loads by the first and stores by the second */
	struct insn_memory memory[2];
	struct insn_sum sum;
};

/* A range of addresses: start <= address < end. */
struct span {
	uint64_t start, end;
};

/* The addresses that a scan looks for. Both lists are sorted; ranges don't overlap. */
struct insn_wanted {
	const struct span *ranges;     /* a jump, branch or call with a target in one of these */
	size_t range_count;
	const uint64_t *addresses;     /* an instruction that computes one of these, or a part of one (adrp) */
	size_t address_count;
};

/*
 * Is called for each hit of a scan. `place` is an address within the instruction that was found. On x86-64 the bytes there
 * possibly belong to another instruction, so the caller has to confirm a hit by decoding.
 */
typedef void insn_hit(void *argument, uint64_t place);

struct arch {
	const char *name;          /* "x86-64" */
	uint16_t machine;          /* EM_X86_64 */
	cs_arch engine;            /* capstone's */
	cs_mode mode;
	uint8_t longest, step;     /* bytes of the longest instruction; instructions begin at multiples of `step` */
	uint32_t signature;        /* the word before an abort handler */
	int8_t stack, frame;       /* numbers of the stack pointer and of the frame pointer */
	insn_set saved;            /* registers that a function preserves; without the stack pointer */
	insn_set scratch;          /* registers that a call leaves with unknown values */
	const char *const *names;  /* of the general registers, 32 entries; NULL where there is none */
	int (*dwarf)(int number);  /* DWARF's number of a register; -1 if there is none */

	/*
	 * Makes `insn` of a decoded instruction. `insn` is zeroed, except address and size; memory[].base, memory[].index and
	 * sum.to are NO_REGISTER.
	 */
	void (*convert)(const cs_insn *decoded, struct insn *insn);

	/*
	 * Makes `insn` of bytes that capstone can't decode, and sets its size. Returns false if they are no instruction. NULL if
	 * the port knows no more than capstone.
	 */
	bool (*convert_undecoded)(const uint8_t *code, size_t size, struct insn *insn);

	/*
	 * The size of an instruction that traps, for which capstone's size is possibly wrong. NULL if capstone's size is right.
	 */
	uint8_t (*trap_size)(const uint8_t *code, size_t size, uint8_t decoded);

	/* Calls `hit` for each place in the code that may jump into a range, or compute an address. Never uses capstone. */
	void (*scan)(const uint8_t *code, size_t size, uint64_t address, const struct insn_wanted *wanted, insn_hit *hit,
		     void *argument);
};

extern const struct arch arch_x86, arch_aarch64;

/* The port for a machine of an ELF header; NULL if there is none. */
const struct arch *arch_find(unsigned machine);

/* A decoder, which only one thread at a time may use. */
struct decoder;
struct decoder *decoder_open(const struct arch *arch); /* NULL if capstone can't be had */
void decoder_close(struct decoder *decoder);

/* Decodes one instruction at `address`, whose bytes are at `code`. Returns false if the bytes are no instruction. */
bool decode(struct decoder *decoder, const uint8_t *code, size_t size, uint64_t address, struct insn *insn);

#endif /* RK_TOOL_LINT_INSN_H */
