/* SPDX-License-Identifier: MIT */
/*
 * aarch64.h - the port to 64-bit Arm, for both byte orders. See section.h for the meaning of each primitive.
 *
 * Between RKI_ASM_BEGIN and RK_ASM_INDEX_..., register x17 has the area's address. After RK_ASM_INDEX_..., x16 has the slot's
 * address, and x17 has the loaded word. Sections that copy also use x13 to x15. Each asm statement reads the thread pointer
 * itself, so a fiber that moved to another thread between two operations never uses the old thread's area.
 *
 * All jumps out of a section are conditional branches with a range of 1 MiB; tbz would have a range of 32 KiB. Code in
 * .subsection 1 is after all other text of the source file, so it can be farther than 1 MiB. A conditional branch must not lead
 * there. The abort handlers are there, because only the kernel jumps to them. They return by an unconditional branch, whose
 * range is 128 MiB.
 *
 * The range is enough for RK_ASM_HERE and RK_ASM_END, which name places at the end of the asm statement. For RK_ASM_C, it is
 * enough if the compiler keeps a function's code together in less than 1 MiB. If not, define RK_FAR_EXITS: an exit is then an
 * unconditional branch, which a conditional branch skips. This costs an instruction and a taken branch for each test. Two
 * kinds of programs need RK_FAR_EXITS:
 *   - those compiled with gcc's option -freorder-blocks-and-partition, which moves labels of a function to .text.unlikely.
 *     The option is off by default on this machine. Without RK_FAR_EXITS, the linker refuses branches that are too long
 *     (R_AARCH64_CONDBR19)
 *   - those that have an operation in a function of more than 1 MiB. Without RK_FAR_EXITS, gcc's assembler refuses such
 *     branches. But clang's assembler encodes a wrong distance between 1 MiB and 2 MiB without an error (clang 14 does;
 *     `rseqkit lint --all` reports such a branch by the note `exit`)
 *
 * On this machine, other CPUs may see stores out of order. Nevertheless the users of one slot need no barrier after relaxed
 * stores. These users run on the slot's CPU one after the other, and a CPU sees its own accesses in program order.
 * If a thread migrates, the scheduler runs the thread on the other CPU only after the thread's stores are visible there. The
 * scheduler also passes concurrency ids between CPUs. It does so after the full barrier at the beginning of every switch
 * (kernel/sched/core.c, __schedule()).
 *
 * Use the _release forms of operations if readers on other CPUs load the slot's word with acquire order and follow the
 * pointer in that word. The commit of a _release form is a store-release: one instruction, like a plain store. A barrier
 * before a plain store would also work, but costs more. Loads of operations have no acquire form, because users of a slot
 * load only values that users of the same slot stored.
 */
#ifndef RSEQKIT_ARCH_AARCH64_H
#define RSEQKIT_ARCH_AARCH64_H

/* Instructions are little-endian in both byte orders. RK_SIGNATURE is the same four bytes, read as a data word. */
#define RKI_ASM_SIGNATURE 0xd428bc00 /* brk #0x45e0 */
#ifdef __AARCH64EB__
#define RK_SIGNATURE 0x00bc28d4
#else
#define RK_SIGNATURE RKI_ASM_SIGNATURE
#endif

/* generic.h describes this macro. */
#define RKI_READ_THREAD_POINTER(pointer) __asm__ __volatile__("mrs %x0, tpidr_el0" : "=r"(pointer))
#if __SIZEOF_POINTER__ == 8
#include <rseqkit/arch/aarch64_vfork.h>
#endif

#ifndef RK_NO_SECTIONS
#include <rseqkit/arch/section.h>

#define RK_USES_SLOT "x16", "x17"
#define RK_USES_LOADED RK_USES_SLOT
#define RK_USES_ARRAY RK_USES_SLOT, "x13", "x14"
#define RK_USES_COPY RK_USES_SLOT, "x13", "x14", "x15" RKI_USES_VECTORS
#define RK_USES_LOG RK_USES_COPY, "x12"

/*
 * The store of the descriptor activates the section. The start label must follow at once: an interruption between store and
 * label would clear the descriptor, and the section would run unprotected.
 */
#define RKI_ASM_BEGIN                                                                                                  \
	"adrp x16, " RKI_ASM_L(3) "\n"                                                                                 \
	"add x16, x16, :lo12:" RKI_ASM_L(3) "\n"                                                                       \
	"mrs x17, tpidr_el0\n"                                                                                         \
	"add x17, x17, %x[area]\n"                                                                                     \
	"str x16, [x17, #8]\n"                                                                                         \
	RKI_ASM_L(1) ":\n"

#define RKI_ASM_PIN_HERE(here)                                                                                         \
	"hint #34\n" /* a landing pad (BTI), for processors that enforce branch targets */                             \
	"adr x0, " #here "\n"                                                                                          \
	"b rk_pin_module\n"

/*
 * RKI_ASM_LEAVE goes to a label by the conditional branch `jump`. The branch `unless` has the opposite condition. In sections
 * with an outcome, RKI_ASM_WHY sets the outcome before the test. It must not come between cmp and the branch, because many
 * processors execute these two as one instruction. In other sections RKI_ASM_WHY has no instruction.
 */
#ifdef RK_FAR_EXITS
#define RKI_ASM_LEAVE_RK_ASM_C(jump, unless, label) unless "774f\nb %l[" #label "]\n774:\n"
#else
#define RKI_ASM_LEAVE_RK_ASM_C(jump, unless, label) jump "%l[" #label "]\n"
#endif
#define RKI_ASM_LEAVE_RK_ASM_HERE(jump, unless, label) jump RK_ASM_HERE(label) "\n"
#define RKI_ASM_LEAVE_RK_ASM_END(jump, unless, label) jump RK_ASM_END(label) "\n"
#define RKI_ASM_LEAVE(to, jump, unless, label) RKI_ASM_LEAVE_##to(jump, unless, label)

#define RKI_ASM_WHY_RK_ASM_C(label)
#define RKI_ASM_WHY_RK_ASM_HERE(label) "mov %w[outcome], #.Lrk_" #label "_%=\n"
#define RKI_ASM_WHY_RK_ASM_END(label)
#define RKI_ASM_WHY(to, label) RKI_ASM_WHY_##to(label)

#define RKI_ASM_OF_BASE "add x16, %x[base], x16, lsl #" RKI_ASM_STR(RK_STRIDE_SHIFT) "\n"

/* The index is the current CPU. A negative cpu_id means that this thread has no rseq at the moment. */
#define RKI_ASM_NUMBER_CPU(to)                                                                                         \
	"ldr w16, [x17, #4]\n"                                                                                         \
	RKI_ASM_WHY(to, leave)                                                                                         \
	"cmp w16, #0\n"                                                                                                \
	RKI_ASM_LEAVE(to, "b.lt ", "b.ge ", leave)
#define RK_ASM_INDEX_CPU(to) RKI_ASM_NUMBER_CPU(to) RKI_ASM_OF_BASE
#define RK_ASM_ENTER_CPU(to, where, label) RKI_ASM_NUMBER_CPU(to) RKI_ASM_ENTER(to, where, label)

/* The index is the concurrency id. The comparison of cpu_id says whether mm_cid is valid (rk_cid_limit in abi.h). */
#define RKI_ASM_NUMBER_CID(to)                                                                                         \
	"ldr w16, [x17, #4]\n"                                                                                         \
	RKI_ASM_WHY(to, leave)                                                                                         \
	"cmp w16, %w[cid_limit]\n"                                                                                     \
	RKI_ASM_LEAVE(to, "b.hs ", "b.lo ", leave)                                                                     \
	"ldr w16, [x17, #24]\n"
#define RK_ASM_INDEX_CID(to) RKI_ASM_NUMBER_CID(to) RKI_ASM_OF_BASE
#define RK_ASM_ENTER_CID(to, where, label) RKI_ASM_NUMBER_CID(to) RKI_ASM_ENTER(to, where, label)

/* The index is `cpu`. The caller has checked that `cpu` isn't negative, so `cpu` never equals an unregistered thread's cpu_id. */
#define RKI_ASM_NUMBER_AT(to)                                                                                          \
	"ldr w16, [x17, #4]\n"                                                                                         \
	RKI_ASM_WHY(to, leave)                                                                                         \
	"cmp w16, %w[cpu]\n"                                                                                           \
	RKI_ASM_LEAVE(to, "b.ne ", "b.eq ", leave)
#define RK_ASM_INDEX_AT(to) RKI_ASM_NUMBER_AT(to) RKI_ASM_OF_BASE
#define RK_ASM_ENTER_AT(to, where, label) RKI_ASM_NUMBER_AT(to) RKI_ASM_ENTER(to, where, label)

/* The index is the current CPU, and the shared word `gate` names the item. The code `test` leaves the section if it is 0. */
#define RKI_ASM_INDEX_GATE(number, test, word)                                                                         \
	number                                                                                                         \
	"ldr " word ", [%x[gate]]\n"                                                                                   \
	test "add x16, " word ", x16, lsl #" RKI_ASM_STR(RK_STRIDE_SHIFT) "\n"
#define RK_ASM_INDEX_GATE(to, label)                                                                                   \
	RKI_ASM_INDEX_GATE(RKI_ASM_NUMBER_CPU(to), RKI_ASM_WHY(to, label) RKI_ASM_LEAVE(to, "cbz x17, ", "cbnz x17, ", label), \
			   "x17")
#define RKI_ASM_OPEN_GATE(number) RKI_ASM_INDEX_GATE(number, , "x17")
#define RK_ASM_INDEX_OPEN_GATE(to) RKI_ASM_OPEN_GATE(RKI_ASM_NUMBER_CPU(to))
#define RK_ASM_INDEX_GATE_TOKEN(to)                                                                                    \
	RKI_ASM_INDEX_GATE(RKI_ASM_NUMBER_CPU(to), "cbz %x[outcome], " RKI_ASM_L(2) "\n", "%x[outcome]")
#define RK_ASM_UNLESS_FREE(to, label)                                                                                  \
	"ldp x17, %x[outcome], [x16]\n"                                                                                \
	"orr x17, x17, %x[outcome]\n"                                                                                  \
	RKI_ASM_WHY(to, label)                                                                                         \
	RKI_ASM_LEAVE(to, "cbnz x17, ", "cbz x17, ", label)
#define RK_ASM_TELL_SLOT "mov %x[outcome], x16\n"
#define RK_ASM_FURTHER(where) "add x16, x16, %x[" #where "]\n"

/* These primitives name places (section.h). */
#define RK_ASM_SLOT "[x16]"
#define RK_ASM_REACH(offset) ""
#define RK_ASM_REACHED(offset) "[x16, %x[" #offset "]]"

#define RK_ASM_FOLLOW(label, offset)                                                                                   \
	"ldr x16, [x16]\n"                                                                                             \
	RKI_ASM_LEAVE(RK_ASM_C, "cbz x16, ", "cbnz x16, ", label)                                                      \
	"add x16, x16, %x[" #offset "]\n"
#define RKI_ASM_ENTER(to, where, label)                                                                                \
	RKI_ASM_OF_BASE                                                                                                \
	"ldr x16, [x16]\n"                                                                                             \
	RKI_ASM_WHY(to, label)                                                                                         \
	"cmp x16, #0\n"                                                                                                \
	RKI_ASM_LEAVE(to, "b.le ", "b.gt ", label)                                                                     \
	RK_ASM_FURTHER(where)
#define RK_ASM_UNLESS_EQUAL(place, word, label)                                                                        \
	"ldr x17, " place "\n"                                                                                         \
	"cmp x17, %x[" #word "]\n"                                                                                     \
	RKI_ASM_LEAVE(RK_ASM_C, "b.ne ", "b.eq ", label)

#define RK_ASM_LOAD "ldr x17, [x16]\n"
#define RK_ASM_IF_LOADED(to, word, label)                                                                              \
	RKI_ASM_WHY(to, label)                                                                                         \
	"cmp x17, %x[" #word "]\n"                                                                                     \
	RKI_ASM_LEAVE(to, "b.eq ", "b.ne ", label)
#define RK_ASM_UNLESS_LOADED(to, word, label)                                                                          \
	RKI_ASM_WHY(to, label)                                                                                         \
	"cmp x17, %x[" #word "]\n"                                                                                     \
	RKI_ASM_LEAVE(to, "b.ne ", "b.eq ", label)
#define RK_ASM_LOAD_THROUGH(offset) "ldr x17, [x17, %x[" #offset "]]\n"
#define RK_ASM_KEEP "mov %x[value], x17\n"
#define RK_ASM_STORE_LOADED(pointer) RKI_ASM_PRIVATE("str x17, [%x[" #pointer "]]\n")
#define RK_ASM_STORE(place, word) RKI_ASM_PRIVATE("str %x[" #word "], " place "\n")

/* An array's length is in the low 16 bits of the slot's word. The next word is the capacity, and then the elements follow. */
#define RK_ASM_LOAD_LAST(to, read, label)                                                                              \
	RKI_ASM_WHY(to, label)                                                                                         \
	"ands x13, x17, #0xffff\n"                                                                                     \
	RKI_ASM_LEAVE(to, "b.eq ", "b.ne ", label)                                                                     \
	"add x13, x16, x13, lsl #3\n"                                                                                  \
	"ldr %x[" #read "], [x13, #8]\n"
#define RK_ASM_STORE_NEXT(to, word, label)                                                                             \
	"and x13, x17, #0xffff\n"                                                                                      \
	"ldr x14, [x16, #8]\n"                                                                                         \
	RKI_ASM_WHY(to, label)                                                                                         \
	"cmp x13, x14\n"                                                                                               \
	RKI_ASM_LEAVE(to, "b.hs ", "b.lo ", label)                                                                     \
	"add x13, x16, x13, lsl #3\n"                                                                                  \
	RKI_ASM_PRIVATE("str %x[" #word "], [x13, #16]\n")
#define RK_ASM_STEP(number) "add x17, x17, %x[" #number "]\n"

/*
 * Copies bytes. If the length is a constant, and a multiple of 8 up to 40, the code has a load and a store for each word. The
 * operand `copied` tells the assembler whether the length is such a constant. If it isn't, the code copies 64 bytes at a time
 * by vector registers, then words, and then the last eight bytes. Some of these can have been copied before. If the whole
 * length is less than eight, the code copies bytes one by one, beginning with the last.
 */
#ifdef __ARM_NEON
#define RKI_USES_VECTORS , "x11", "v0", "v1", "v2", "v3"
#define RKI_ASM_COPY_VECTORS(from, to)                                                                                 \
	"cmp x13, #56\n"                                                                                               \
	"b.lo " RKI_ASM_L(5) "\n"                                                                                      \
	RKI_ASM_L(10) ":\n"                                                                                            \
	"add x11, " from ", x14\n"                                                                                     \
	"ldp q0, q1, [x11]\n"                                                                                          \
	"ldp q2, q3, [x11, #32]\n"                                                                                     \
	"add x11, " to ", x14\n"                                                                                       \
	"stp q0, q1, [x11]\n"                                                                                          \
	"stp q2, q3, [x11, #32]\n"                                                                                     \
	"add x14, x14, #64\n"                                                                                          \
	"add x11, x14, #56\n"                                                                                          \
	"cmp x11, x13\n"                                                                                               \
	"b.ls " RKI_ASM_L(10) "\n"
#else
#define RKI_USES_VECTORS
#define RKI_ASM_COPY_VECTORS(from, to)
#endif
#define RKI_ASM_COPY_ANY(length, from, to)                                                                             \
	"mov x14, #0\n"                                                                                                \
	"subs x13, %x[" #length "], #8\n"                                                                              \
	"b.lo " RKI_ASM_L(7) "\n"                                                                                      \
	RKI_ASM_COPY_VECTORS(from, to)                                                                                 \
	RKI_ASM_L(5) ":\n"                                                                                             \
	"cmp x14, x13\n"                                                                                               \
	"b.hs " RKI_ASM_L(6) "\n"                                                                                      \
	"ldr x17, [" from ", x14]\n"                                                                                   \
	"str x17, [" to ", x14]\n"                                                                                     \
	"add x14, x14, #8\n"                                                                                           \
	"b " RKI_ASM_L(5) "\n"                                                                                         \
	RKI_ASM_L(6) ":\n"                                                                                             \
	"ldr x17, [" from ", x13]\n"                                                                                   \
	"str x17, [" to ", x13]\n"                                                                                     \
	"b " RKI_ASM_L(8) "\n"                                                                                         \
	RKI_ASM_L(7) ":\n"                                                                                             \
	"adds x13, x13, #8\n"                                                                                          \
	"b.eq " RKI_ASM_L(8) "\n"                                                                                      \
	RKI_ASM_L(9) ":\n"                                                                                             \
	"sub x13, x13, #1\n"                                                                                           \
	"ldrb w17, [" from ", x13]\n"                                                                                  \
	"strb w17, [" to ", x13]\n"                                                                                    \
	"cbnz x13, " RKI_ASM_L(9) "\n"                                                                                 \
	RKI_ASM_L(8) ":\n"
#define RKI_ASM_COPY(length, from, to)                                                                                 \
	".set .Lrk_words,-1\n"                                                                                         \
	".irp words,0,1,2,3,4,5\n"                                                                                     \
	".ifc %x[copied],10\\words\n.set .Lrk_words,\\words\n.endif\n"                                                 \
	".endr\n"                                                                                                      \
	".if .Lrk_words<0\n"                                                                                           \
	RKI_ASM_COPY_ANY(length, from, to)                                                                             \
	".endif\n"                                                                                                     \
	".irp index,0,1,2,3,4\n"                                                                                       \
	".if .Lrk_words>\\index\n"                                                                                     \
	"ldr x17, [" from ", #8*\\index]\n"                                                                            \
	"str x17, [" to ", #8*\\index]\n"                                                                              \
	".endif\n"                                                                                                     \
	".endr\n"
#define RK_ASM_COPY(offset, source, length)                                                                            \
	"add x15, x16, %x[" #offset "]\n" RKI_ASM_PRIVATE(RKI_ASM_COPY(length, "%x[" #source "]", "x15"))
#define RK_ASM_COPY_OUT(offset, target, length)                                                                        \
	"add x15, x16, %x[" #offset "]\n" RKI_ASM_PRIVATE(RKI_ASM_COPY(length, "x15", "%x[" #target "]"))

/*
 * If the slot is a log, its first word is the log's head, and the next word its limit. From RK_ASM_UNLESS_ROOM to the commit,
 * x12 has the new head. Register x15 has the address of the place.
 */
#define RK_ASM_UNLESS_ROOM(size, label)                                                                                \
	"ldr x13, [x16, #8]\n"                                                                                         \
	"add x12, x17, %x[" #size "]\n"                                                                                \
	"cmp x12, x13\n"                                                                                               \
	RKI_ASM_LEAVE(RK_ASM_C, "b.gt ", "b.le ", label)
#define RK_ASM_PLACE(mask)                                                                                             \
	"and x17, x17, %x[" #mask "]\n"                                                                                \
	"add x15, x16, x17\n"                                                                                          \
	"add x15, x15, #" RKI_ASM_STR(RK_LOG_DATA) "\n"
#define RK_ASM_PUT(word) RKI_ASM_PRIVATE("str %x[" #word "], [x15], #8\n")
#define RK_ASM_IN_ORDER "isb\n" /* so that the clock is read after all earlier instructions */
#define RKI_ASM_IN_ORDER_UNLESS_ANY(order)                                                                             \
	".ifnc %x[" #order "]," RKI_ASM_STR(RKI_ANY_ORDER) "\n" RK_ASM_IN_ORDER ".endif\n"
#define RK_ASM_PUT_STAMP(order)                                                                                        \
	order "mrs x17, cntvct_el0\n"                                                                                  \
	RKI_ASM_PRIVATE("str x17, [x15], #8\n")
#define RK_ASM_PUT_COPY(source, length) RKI_ASM_PRIVATE(RKI_ASM_COPY(length, "%x[" #source "]", "x15"))
#define RK_ASM_PUT_AT(where, word) RKI_ASM_PRIVATE("str %x[" #word "], [x15, #" #where "]\n")

/*
 * Waits inside a section while the slot's word equals the operand. The wait ends when another thread changes the word, or when
 * the section aborts. Tests of the events that abort a section use this macro.
 */
#define RKI_ASM_WHILE_EQUAL(operand)                                                                                   \
	RKI_ASM_L(5) ":\n"                                                                                             \
	"ldr x17, [x16]\n"                                                                                             \
	"cmp x17, %x[" #operand "]\n"                                                                                  \
	"b.eq " RKI_ASM_L(5) "\n"

/* In each RK_ASM_COMMIT_... the last instruction is the commit, and the end label follows at once. */
#define RK_ASM_COMMIT_ADD(operand)                                                                                     \
	"ldr x17, [x16]\n"                                                                                             \
	"add x17, x17, %x[" #operand "]\n"                                                                             \
	"str x17, [x16]\n" RKI_ASM_L(2) ":\n"
#define RK_ASM_COMMIT_ADD_IMMEDIATE(operand) RK_ASM_COMMIT_ADD(operand)
#define RK_ASM_COMMIT_STORE(operand) "str %x[" #operand "], [x16]\n" RKI_ASM_L(2) ":\n"
#define RK_ASM_COMMIT_STORE_RELEASE(operand) "stlr %x[" #operand "], [x16]\n" RKI_ASM_L(2) ":\n"
#define RK_ASM_COMMIT_LOADED "str x17, [x16]\n" RKI_ASM_L(2) ":\n"
#define RK_ASM_COMMIT_HEAD "str x12, [x16]\n" RKI_ASM_L(2) ":\n"
#define RK_ASM_COMMIT_HEAD_RELEASE "stlr x12, [x16]\n" RKI_ASM_L(2) ":\n"
#define RK_ASM_COMMIT_LOAD "ldr %x[value], [x16]\n" RKI_ASM_L(2) ":\n"

/*
 * The signature is a valid instruction, so disassemblers decode the following instructions correctly. The kernel's jump to the
 * abort handler is no indirect branch, so the handler needs no landing pad, even if the processor enforces branch targets.
 */
#define RKI_ASM_UNWIND_TELL(from)
#define RKI_ASM_UNWIND(from, to) /* on this machine unwinders have no common format for such a frame */
#define RKI_ASM_ABORT(then)                                                                                            \
	".subsection 1\n"                                                                                              \
	".inst " RKI_ASM_STR(RKI_ASM_SIGNATURE) "\n"                                                                   \
	RKI_ASM_L(4) ":\n" then ".subsection 0\n"
#define RKI_ASM_GO(place) "b " place "\n"
#define RKI_ASM_TELL(code, from) "mov %w[outcome], #" code "\n" RKI_ASM_GO(RK_ASM_HERE())

/*
 * The label of all exits in the statement itself, whatever the name. RKI_ASM_WHY has set the outcome, so there is no code at
 * the exit. In RK_SECTION_VALUE the label is after the instruction that sets the outcome of a section that was done. In
 * other sections it is the end label's place.
 */
#define RK_ASM_HERE(label) RKI_ASM_L(12)
#define RK_ASM_EXIT_VALUE(label, code) ".set .Lrk_" #label "_%=, " code "\n"
#define RKI_ASM_DONE_VALUE "mov %w[outcome], #0\n" RK_ASM_HERE() ":\n" RKI_ASM_EXIT_(.Lrk12_%=)
#define RKI_ASM_DONE_TOKEN RK_ASM_HERE() ":\n"
#define RKI_OUTCOME "=&r" /* the section sets it in any case */

/* The operand of RK_IN is a pointer or number in a register. The operand of RK_IN_WORD can also be the zero register. */
#define RK_IN(name) [name] "r"(name)
#define RK_IN_WORD_AS(name, expression) [name] "rZ"(RKI_WORD(expression))
#define RK_IN_WORD(name) RK_IN_WORD_AS(name, name)
#define RK_IN_IF_ROOM(name) RK_IN_WORD(name)
/*
 * RK_IN_LENGTH has the operands for a copy's length. The assembler compares the text of a RK_IN_COUNT operand with the text
 * of constants (.ifc).
 */
#define RK_IN_LENGTH(length) RK_IN(length), RK_IN_COUNT(copied, rki_copied(length))
#define RK_IN_COUNT(name, expression) [name] "rI"(expression)

/* RK_IMMEDIATE is always false in this port, because adding an immediate would save nothing. */
#define RK_IMMEDIATE(word) 0

/* Reads a word at an offset from the calling thread's thread pointer. */
#define RKI_THREAD_WORD(result, offset)                                                                                \
	__asm__ __volatile__("mrs %x[word], tpidr_el0\nldr %x[word], [%x[word], %x[at]]"                               \
			     : [word] "=&r"(result)                                                                    \
			     : [at] "r"(offset))

/* Reads one 32-bit field of the calling thread's area; `field` is its byte offset, a literal. */
#define RKI_AREA_READ(result, field)                                                                                   \
	__asm__ __volatile__("mrs %x[value], tpidr_el0\n"                                                              \
			     "add %x[value], %x[value], %x[area]\n"                                                    \
			     "ldr %w[value], [%x[value], #" #field "]"                                                 \
			     : [value] "=&r"(result)                                                                   \
			     : [area] "r"(rk_area_offset))

/* Stores a byte to the area. The calling thread sees the store in program order with its other accesses. */
#define RKI_AREA_STORE_BYTE(field, byte)                                                                               \
	do {                                                                                                           \
		uint64_t at_;                                                                                          \
		__asm__ __volatile__("mrs %x[at], tpidr_el0\n"                                                         \
				     "add %x[at], %x[at], %x[area]\n"                                                  \
				     "strb %w[value], [%x[at], #" #field "]"                                           \
				     : [at] "=&r"(at_)                                                                 \
				     : [area] "r"(rk_area_offset), [value] "rZ"(byte)                                  \
				     : "memory");                                                                      \
	} while (0)

#endif /* RK_NO_SECTIONS */
#endif /* RSEQKIT_ARCH_AARCH64_H */
