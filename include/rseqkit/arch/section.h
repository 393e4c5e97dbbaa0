/* SPDX-License-Identifier: MIT */
/*
 * section.h - what a critical section has on every machine: its descriptor, its entries in the tables that debuggers
 * and binary tools read, and the statement that holds it. A port (arch.h) includes this and adds the primitives.
 *
 * What operations are made of:
 *
 *   RK_ASM_INDEX_CPU(to), _CID, _AT          load the index, leave if the thread has no rseq, find the index's slot
 *   RK_ASM_INDEX_GATE(to, label)             the same of the item that the shared word `gate` (RK_IN) names (gate.h), or
 *                                            goes to `label` if that is 0; what was loaded is that word then
 *   RK_ASM_INDEX_GATE_TOKEN(to, label)       the same, and the word becomes the outcome; in RK_SECTION_TOKEN
 *   RK_ASM_UNLESS_FREE(to, label)            goes to `label` unless the slot's word and the one behind it are 0, and
 *   RK_ASM_TELL_SLOT                         makes the slot's address the outcome: both in RK_SECTION_TOKEN
 *   RK_ASM_BEHIND(where)                     makes the word at `where` (RK_IN_WORD) behind the slot the slot
 *   RK_ASM_SLOT                              a place: the slot's word
 *   RK_ASM_REACH(offset)                     finds the word at `offset` (RK_IN) behind the slot
 *   RK_ASM_REACHED(offset)                   a place: that word
 *   RK_ASM_FOLLOW(label, offset)             makes the word at `offset` (RK_IN_WORD) behind where the slot's word
 *                                            points the slot, or goes to `label` if that is null
 *   RK_ASM_ENTER(to, where, label)           makes the word at `where` (RK_IN_WORD, less RK_BANK_OPEN) in the bank that
 *                                            the slot's word names the slot, or goes to `label` if the slot is closed
 *   RK_ASM_UNLESS_EQUAL(place, word, label)  goes to `label` unless the place holds the word
 *   RK_ASM_LOAD                              loads the slot's word
 *   RK_ASM_IF_LOADED(to, word, label)        goes to `label` if what was loaded is the word
 *   RK_ASM_UNLESS_LOADED(to, word, label)    goes to `label` unless what was loaded is the word
 *   RK_ASM_LOAD_THROUGH(offset)              loads the word at `offset` (RK_IN_WORD) behind where what was loaded
 *                                            points
 *   RK_ASM_KEEP                              makes what was loaded the value; in RK_SECTION_VALUE
 *   RK_ASM_STORE_LOADED(pointer)             stores what was loaded there
 *   RK_ASM_STORE(place, word)                stores a word ahead of the commit
 *   RK_ASM_COPY(offset, source, length)      copies bytes to that offset behind the slot ahead of the commit
 *   RK_ASM_COPY_OUT(offset, target, length)  copies bytes from there to the caller's memory
 *   RK_ASM_LOAD_LAST(to, read, label)        makes an array's last element that output, or goes to `label` if it is empty;
 *                                            these three come behind RK_ASM_LOAD
 *   RK_ASM_STORE_NEXT(to, word, label)       stores the word behind the last element, or goes to `label` if it is full
 *   RK_ASM_STEP(number)                      adds the number (RK_IN_WORD) to what was loaded
 *   RK_ASM_UNLESS_ROOM(size, label)          goes to `label` unless a log, whose head was loaded, has room for `size` bytes;
 *                                            RK_ASM_COMMIT_HEAD stores the head behind them
 *   RK_ASM_PLACE(mask)                       finds the place in the log behind its head, whose position is that of the place
 *                                            by the mask (RK_IN_IF_ROOM); of the last two in this order
 *   RK_ASM_PUT(word)                         stores a word (RK_IN) at the place, ahead of the commit, and moves on
 *   RK_ASM_PUT_STAMP                         the same with the processor's clock (rk_ring_clock())
 *   RK_ASM_PUT_COPY(source, length)          copies bytes to the place, as the last of these
 *   RK_ASM_COMMIT_*                          the one store that others can see; the section's end label is inside it
 *
 *   RK_IN, RK_IN_WORD        operands: a pointer or number, a word; RK_IN_WORD_AS: a word by another name;
 *                            RK_IN_IF_ROOM: a word, in memory where there is no register left
 *   RK_IMMEDIATE(word)       is the word to be added by RK_ASM_COMMIT_ADD_IMMEDIATE?
 *   RK_USES_SLOT             the registers of a section that neither loads, reaches, adds nor copies
 *   RK_USES_LOADED           those of one that neither copies nor has an array
 *   RK_USES_ARRAY            those of one with an array
 *   RK_USES_COPY             those of one that copies
 *   RK_USES_LOG              those of one that writes to a log
 *
 * `to` says how a label is named: RK_ASM_C is a label of C, for RK_SECTION, RK_ASM_HERE one in the statement itself,
 * for the other two, and RK_ASM_END the end, for RK_SECTION_OR_NULL.
 *
 * An operation (detail/ops_body.h) is a string of these, in this order: an exit for each way out that isn't the end, an
 * index, loads and compares, stores ahead of the commit, a commit. Between begin and commit nothing may change an
 * input (a retry needs it), store to memory in which others could see it, call, or enter the kernel.
 *
 * What only this file uses of a port, and headers of ours:
 *
 *   RKI_ASM_BEGIN              stores the descriptor into the area, which activates the section; the start label
 *                              follows at once
 *   RKI_ASM_PIN_HERE           calls rk_pin_module() with the label's address, as a function's last deed
 *   RKI_ASM_ABORT(target, then)  the abort handler, out of line, behind its signature: `then` is what it does, and where it
 *                              goes in the end is `target`
 *   RKI_ASM_UNWIND(from, to, target)  says to unwinders what code out of line is, between two labels: it goes to `target`
 *   RKI_ASM_GO(place)          goes there
 *   RKI_ASM_TELL(code)         makes that the outcome, and goes to the end; in RK_SECTION_VALUE and RK_SECTION_TOKEN
 *   RKI_ASM_WHILE_EQUAL(word)  waits inside the section while the slot's word is that; for probes of what aborts
 *   RKI_AREA_READ              reads a field of the area
 *   RKI_AREA_STORE_BYTE        stores a constant to a byte of it that is the thread's to write
 *   RKI_THREAD_WORD            reads a word at an offset from the thread pointer
 */
#ifndef RSEQKIT_ARCH_SECTION_H
#define RSEQKIT_ARCH_SECTION_H

#define RK_HAVE_SECTIONS 1

#define RKI_ASM_STR_(x) #x
#define RKI_ASM_STR(x) RKI_ASM_STR_(x)

/*
 * Numbered by %=, which is unique in every emitted copy of an asm statement: 0 operation, 1 start, 2 end, 3
 * descriptor, 4 abort, 5 and above within a primitive.
 */
#define RKI_ASM_L(n) ".Lrk" #n "_%="

/* A pointer, and a 64-bit number, which descriptors and tables have for addresses on every machine. */
#if __SIZEOF_POINTER__ == 8
#define RKI_ASM_POINTER ".quad "
#define RKI_ASM_U64(value) ".quad " value "\n\t"
#else
#define RKI_ASM_POINTER ".long "
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define RKI_ASM_U64(value) ".long " value ", 0\n\t"
#else
#define RKI_ASM_U64(value) ".long 0, " value "\n\t"
#endif
#endif

/*
 * Sections carry "?" so that an operation inlined into a C++ COMDAT function is kept or dropped with it, and "o"
 * (link order) so that --gc-sections drops exactly the entries of functions that are dropped. Both take the assembler
 * of binutils 2.35, and 2.36 to link with objects whose tables have no link order; `ld -r` of GNU ld refuses these
 * beside ours in every version ("both ordered and unordered sections"), while ld.lld -r takes them.
 */
#define RKI_ASM_SECTION(name) ".pushsection " name ", \"awo?\", @progbits, " RKI_ASM_L(0) "\n\t"

/*
 * A module must not be unloaded while a thread's area may name a section in it, so it pins itself (pin.c): by one
 * constructor, which the first operation in a file brings along, and of which a module keeps one. What is compiled
 * for an executable needs none, nor does a module that defines RK_NO_PIN because it is linked with -z nodelete.
 */
#if defined(__PIC__) && !defined(__PIE__) && defined(__GLIBC__) && !defined(RK_NO_PIN)
#define RKI_ASM_PIN                                                                                                    \
	".ifndef .Lrk_pin\n\t"                                                                                         \
	".pushsection .text.rk_pin, \"axG\", @progbits, rk_pin, comdat\n\t"                                            \
	".balign 16\n"                                                                                                 \
	".Lrk_pin:\n\t" RKI_ASM_PIN_HERE(.Lrk_pin)                                                                     \
	".popsection\n\t"                                                                                              \
	".pushsection .init_array, \"awG\", @init_array, rk_pin, comdat\n\t"                                           \
	".balign " RKI_ASM_STR(__SIZEOF_POINTER__) "\n\t"                                                              \
	RKI_ASM_POINTER ".Lrk_pin\n\t"                                                                                 \
	".popsection\n\t"                                                                                              \
	".endif\n\t"
#else
#define RKI_ASM_PIN
#endif

/*
 * An entry of a table that debuggers and binary tools read: which sections there are, and by which ways they can be
 * left. The kernel doesn't. Code that defines RK_NO_TABLES has none of these, and in a shared object two dynamic
 * relocations for each operation instead of four or five.
 */
#ifndef RK_NO_TABLES
#define RKI_ASM_ENTRY(table, values) RKI_ASM_SECTION(table) values ".popsection\n\t"
#else
#define RKI_ASM_ENTRY(table, values)
#endif

#define RKI_ASM_TABLE                                                                                                  \
	RKI_ASM_PIN                                                                                                    \
	RKI_ASM_L(0) ":\n\t"                                                                                           \
	RKI_ASM_SECTION("__rseq_cs")                                                                                   \
	".balign 32\n\t"                                                                                               \
	RKI_ASM_L(3) ":\n\t"                                                                                           \
	".long 0, 0\n\t"                                                                                               \
	RKI_ASM_U64(RKI_ASM_L(1))                                                                                      \
	RKI_ASM_U64(RKI_ASM_L(2) " - " RKI_ASM_L(1))                                                                   \
	RKI_ASM_U64(RKI_ASM_L(4))                                                                                      \
	".popsection\n\t"                                                                                              \
	RKI_ASM_ENTRY("__rseq_cs_ptr_array", RKI_ASM_U64(RKI_ASM_L(3)))

#define RK_ASM_C(label) "%l[" #label "]"
#define RK_ASM_HERE(label) ".Lrk_" #label "_%="
#define RK_ASM_END(label) RKI_ASM_L(2)

/* A way out: its entry in the table, and for RK_SECTION_VALUE what it tells. */
#define RKI_ASM_EXIT_(place)                                                                                           \
	RKI_ASM_ENTRY("__rseq_exit_point_array", RKI_ASM_U64(RKI_ASM_L(1)) RKI_ASM_U64(place))
#define RK_ASM_EXIT(label) RKI_ASM_EXIT_(RK_ASM_C(label))
#define RK_ASM_EXIT_VALUE(label, code)                                                                                 \
	RKI_ASM_EXIT_(RK_ASM_HERE(label))                                                                              \
	".subsection 1\n" RK_ASM_HERE(label) ":\n\t" RKI_ASM_TELL(code) RK_ASM_HERE(label) "e:\n\t.subsection 0\n\t"  \
	RKI_ASM_UNWIND(RK_ASM_HERE(label), RK_ASM_HERE(label) "e", RKI_ASM_L(2))

/* An abort handler whose target is the end. */
#define RKI_ASM_ABORT_TELLING(code) RKI_ASM_ABORT(RKI_ASM_L(2), RKI_ASM_TELL(code))

/* Codes of enum rk_result. */
#define RK_ASM_UNEQUAL "1"
#define RK_ASM_ABORTED "2"
#define RK_ASM_NO_RSEQ "4"
#define RK_ASM_CLOSED "5"

/* Tells compilers not to take the length of the text for that of the code, when they decide what to inline. */
#if (defined(__clang__) && __clang_major__ >= 11) || (!defined(__clang__) && __GNUC__ >= 9)
#define RKI_ASM_QUALIFIERS __volatile__ __inline__
#else
#define RKI_ASM_QUALIFIERS __volatile__
#endif

/*
 * The statement. `exits` are RK_ASM_EXIT entries, `body` runs from the index to the commit, `inputs` is a list of
 * operands, `uses` one of RK_USES_*, and the rest are the labels besides `aborted`. There are no outputs: gcc before
 * 11.5, 12.4, 13.3 and 14.1 takes wrong values for the outputs of an asm goto.
 */
#define RK_SECTION(exits, body, inputs, uses, ...)                                                                     \
	__asm__ RKI_ASM_QUALIFIERS goto(                                                                               \
		RKI_ASM_TABLE exits RKI_ASM_BEGIN body                                                                 \
			RKI_ASM_ABORT(RK_ASM_C(aborted), RKI_ASM_GO(RK_ASM_C(aborted)))                                \
		:                                                                                                      \
		: [area] "r"(rk_area_offset), inputs                                                                   \
		: "memory", "cc", uses                                                                                 \
		: aborted, __VA_ARGS__)

/*
 * The statement of an operation that reads something. No asm goto, so that the value can be in a register: a store to
 * the caller's memory that is loaded again costs more than the rest. `result` is RK_DONE before, and `read` has the
 * value if it still is. `exits` are RK_ASM_EXIT_VALUE entries.
 */
#define RK_SECTION_VALUE(result, read, exits, body, inputs, uses)                                                      \
	__asm__ RKI_ASM_QUALIFIERS(RKI_ASM_TABLE exits RKI_ASM_BEGIN body RKI_ASM_ABORT_TELLING(RK_ASM_ABORTED)        \
				  : [outcome] "+&r"(result), [value] "=&r"(read)                                       \
				  : [area] "r"(rk_area_offset), inputs                                                 \
				  : "memory", "cc", uses)

/*
 * The same for what reads an address: `token` has it, or else an outcome, which no address is as small as. So one
 * register does for both, and one test.
 */
#define RK_SECTION_TOKEN(token, exits, body, inputs, uses)                                                             \
	__asm__ RKI_ASM_QUALIFIERS(RKI_ASM_TABLE exits RKI_ASM_BEGIN body RKI_ASM_ABORT_TELLING(RK_ASM_ABORTED)        \
				  : [outcome] "=&r"(token)                                                             \
				  : [area] "r"(rk_area_offset), inputs                                                 \
				  : "memory", "cc", uses)

/* The same where each outcome is 0, which `token` is from the begin: every way out is the end, and near. */
#define RK_SECTION_OR_NULL(token, body, inputs, uses)                                                                  \
	do {                                                                                                           \
		(token) = 0;                                                                                           \
		__asm__ RKI_ASM_QUALIFIERS(RKI_ASM_TABLE RKI_ASM_BEGIN body RKI_ASM_ABORT_TELLING("0")                 \
					  : [outcome] "+&r"(token)                                                     \
					  : [area] "r"(rk_area_offset), inputs                                         \
					  : "memory", "cc", uses);                                                     \
	} while (0)

#endif /* RSEQKIT_ARCH_SECTION_H */
