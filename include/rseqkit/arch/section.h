/* SPDX-License-Identifier: MIT */
/*
 * section.h - the parts of a critical section that are the same on every architecture. These are its descriptor, its entries
 * in the tables that debuggers and binary tools read, and its asm statement. A port (arch.h) includes this file and adds the
 * primitives, pieces of assembly of which sections are made.
 *
 * Operations are made of the primitives below. "The slot" is the memory that a primitive works on. At first it is the slot
 * that an index, such as the CPU's number, selects (slot.h). Some primitives make another address the slot. "The loaded word"
 * is the word that the section loaded last. Offsets are in bytes.
 *
 *   RK_ASM_INDEX_CPU(to), _CID, _AT          loads the index and finds the index's slot; goes to label `leave` if the thread has
 *                                            no rseq; _CID needs the operand RK_IN_CID_LIMIT
 *   RK_ASM_INDEX_GATE(to, label)             finds the current CPU's slot in the item whose address is in the shared word `gate`
 *                                            (RK_IN; gate.h). That word becomes the loaded word. Goes to `label` if it is 0
 *   RK_ASM_INDEX_OPEN_GATE(to)               does the same for a gate that is never closed
 *   RK_ASM_INDEX_GATE_TOKEN(to)              as RK_ASM_INDEX_GATE, but the word at `gate` becomes the outcome; goes to the
 *                                            section's end if the word is 0; only in RK_SECTION_TOKEN
 *   RK_ASM_UNLESS_FREE(to, label)            goes to `label` unless the slot's word and the next word are both 0; only in
 *                                            RK_SECTION_TOKEN
 *   RK_ASM_TELL_SLOT                         makes the slot's address the outcome; only in RK_SECTION_TOKEN
 *   RK_ASM_FURTHER(where)                    makes the word that is `where` bytes (RK_IN_WORD) further the slot
 *   RK_ASM_SLOT                              a place: the slot's word
 *   RK_ASM_REACH(offset)                     computes the address of the word at `offset` (RK_IN) from the slot
 *   RK_ASM_REACHED(offset)                   a place: the word whose address RK_ASM_REACH computed
 *   RK_ASM_FOLLOW(label, offset)             the slot's word is a pointer: makes the word at `offset` (RK_IN_WORD) from the
 *                                            pointer's target the slot; goes to `label` if the pointer is null
 *   RK_ASM_ENTER_CPU(to, where, label), _CID, _AT
 *                                            finds the index's slot, and enters the bank that its word names: the slot is
 *                                            then the bank's word at `where` (RK_IN_WORD); goes to `label` if the slot is
 *                                            closed
 *   RK_ASM_UNLESS_EQUAL(place, word, label)  goes to `label` unless the place holds `word`
 *   RK_ASM_LOAD                              loads the slot's word
 *   RK_ASM_IF_LOADED(to, word, label)        goes to `label` if the loaded word is `word`
 *   RK_ASM_UNLESS_LOADED(to, word, label)    goes to `label` unless the loaded word is `word`
 *   RK_ASM_LOAD_THROUGH(offset)              the loaded word is a pointer: loads the word at `offset` (RK_IN_WORD) from the
 *                                            pointer's target
 *   RK_ASM_KEEP                              makes the loaded word the value that is read; only in RK_SECTION_VALUE
 *   RK_ASM_STORE_LOADED(pointer)             stores the loaded word where `pointer` points
 *   RK_ASM_STORE(place, word)                stores a word, before the commit
 *   RK_ASM_COPY(offset, source, length)      copies bytes from `source` to `offset` from the slot, before the commit
 *   RK_ASM_COPY_OUT(offset, target, length)  copies bytes from `offset` from the slot to the caller's memory
 *   RK_ASM_LOAD_LAST(to, read, label)        loads an array's last element into the output `read`, or goes to `label` if the
 *                                            array is empty. RK_ASM_LOAD must precede this primitive and the next two
 *   RK_ASM_STORE_NEXT(to, word, label)       stores the word after the array's last element, or goes to `label` if the array is
 *                                            full
 *   RK_ASM_STEP(number)                      adds the number (RK_IN_WORD) to the loaded word
 *   RK_ASM_UNLESS_ROOM(size, label)          for a log whose head is the loaded word: goes to `label` unless the log has room
 *                                            for `size` bytes. RK_ASM_COMMIT_HEAD stores the new head, which is `size` bytes
 *                                            further
 *   RK_ASM_PLACE(mask)                       computes the head's place in the log by the mask (RK_IN_IF_ROOM); use it after
 *                                            RK_ASM_UNLESS_ROOM
 *   RK_ASM_PUT(word)                         stores a word (RK_IN) at the place, before the commit. After that the place is the
 *                                            next word
 *   RK_ASM_PUT_STAMP(order)                  does the same with the processor's clock (rk_ring_clock()). With
 *                                            RK_ASM_IN_ORDER, the processor reads its clock after it has executed all earlier
 *                                            instructions
 *   RK_ASM_PUT_COPY(source, length)          copies bytes to the place; use it after RK_ASM_PUT and RK_ASM_PUT_STAMP
 *   RK_ASM_PUT_AT(where, word)               stores a word (RK_IN_WORD) `where` bytes after the place; `where` is a literal. Use
 *                                            it after RK_ASM_PUT and RK_ASM_PUT_STAMP
 *   RK_ASM_COMMIT_*                          the one store that other threads can see; ends with the section's end label
 *
 *   RK_IN, RK_IN_WORD        operands: RK_IN is a pointer or number, RK_IN_WORD is a word. The operand `cpu` is an int; all other
 *                            operands have the size of a word
 *   RK_IN_WORD_AS            an operand: a word under another name. If it isn't a constant, it can be in memory. Primitives
 *                            that store it, and RK_ASM_UNLESS_EQUAL, therefore take only a constant
 *   RK_IN_IF_ROOM            an operand: a word, in memory if no register is left
 *   RK_IN_LENGTH             the operands of a copy's length
 *   RK_IN_COUNT              an operand: a number that the assembler compares with constants. Compilers can pass a register
 *                            instead, which equals no constant
 *   RK_IMMEDIATE(word)       true if the operation adds this word by RK_ASM_COMMIT_ADD_IMMEDIATE
 *   RK_USES_SLOT             the registers that a section changes if it doesn't load, reach or copy, and adds no variable
 *   RK_USES_LOADED           the same if a section doesn't copy and has no array
 *   RK_USES_ARRAY            the same for a section with an array
 *   RK_USES_COPY             the same for a section that copies
 *   RK_USES_LOG              the same for a section that writes to a log
 *
 * `to` says how a label is named:
 *   RK_ASM_C      a label of C, for RK_SECTION
 *   RK_ASM_HERE   a label in the statement itself, for RK_SECTION_VALUE and RK_SECTION_TOKEN. RK_ASM_EXIT_VALUE(label, code)
 *                 declares it; `code` becomes the outcome
 *   RK_ASM_END    the section's end label, whatever the name, for RK_SECTION_OR_NULL
 *
 * An operation (detail/ops_body.h) is a string of primitives. The order of a string is: an exit for each label to which the
 * section jumps, except its end; an index; loads and comparisons; stores before the commit; a commit. Between begin and
 * commit the inputs must stay unchanged, because a retry needs them. Instructions between begin and commit must not call a
 * function or enter the kernel. They must not store anything that other threads could see.
 *
 * Only this file and other headers of the library use the following parts of a port:
 *
 *   RKI_ASM_BEGIN              stores the descriptor into the area; this store activates the section, and the start label
 *                              follows at once
 *   RKI_ASM_PIN_HERE           the code of a function that jumps to rk_pin_module() with a label's address as argument
 *   RKI_ASM_ABORT(then)        the abort handler, out of line, after its signature: runs `then`, which ends with a jump
 *   RKI_ASM_UNWIND(from, to)   describes to unwinders the out-of-line instruction between two labels, as if the section's end
 *                              had called it
 *   RKI_ASM_UNWIND_TELL(from)  describes RKI_ASM_TELL to unwinders. RKI_ASM_TELL begins at the label `from`, and ends at the
 *                              label with this name and an "e" after it
 *   RKI_ASM_GO(place)          goes to the label
 *   RKI_ASM_TELL(code, from)   makes `code` the outcome, and goes to the end of the asm statement; not in RK_SECTION. `from` is
 *                              the label before this code
 *   RKI_ASM_DONE_VALUE         follows the commit of RK_SECTION_VALUE
 *   RKI_ASM_DONE_TOKEN         follows the commit of RK_SECTION_TOKEN and RK_SECTION_OR_NULL
 *   RKI_OUTCOME                the constraint of the outcome of RK_SECTION_VALUE
 *   RKI_ASM_WHILE_EQUAL(word)  waits inside the section while the slot's word is `word`; for tests of the events that abort a
 *                              section
 *   RKI_AREA_READ              reads a field of the area
 *   RKI_AREA_STORE_BYTE        stores a constant to a byte of the area that the thread may write
 *   RKI_ASM_IN_ORDER_UNLESS_ANY(order)
 *                              as RK_ASM_IN_ORDER, but empty if the operand `order` (RK_IN_COUNT) is the constant RKI_ANY_ORDER
 *                              (../detail/ring.h)
 *   RKI_ASM_PRIVATE(code)      declares instructions that store before the commit (this file)
 *   RKI_THREAD_WORD            reads a word at an offset from the thread pointer
 */
#ifndef RSEQKIT_ARCH_SECTION_H
#define RSEQKIT_ARCH_SECTION_H

#define RK_HAVE_SECTIONS 1

#define RKI_ASM_STR_(...) #__VA_ARGS__ /* also makes one string of several lines that are written as a\nb\n */
#define RKI_ASM_STR(x) RKI_ASM_STR_(x)

/*
 * The name of a label in an asm statement. %= is a number that is different in each statement that the compiler emits. The
 * number n says what the label names: 0 the operation, 1 the section's start, 2 its end, 3 its descriptor, 4 its abort
 * handler. Higher numbers are for labels within a primitive.
 *
 * Compilers read the text of all sections in each source file of a program. To keep the text short, lines aren't indented, and
 * macros join many parts into one string.
 */
#define RKI_ASM_L(n) RKI_ASM_STR_(.Lrk##n##_%=)

/* Directives for a pointer and for a 64-bit number. Descriptors and tables have 64 bits for an address on every machine. */
#if __SIZEOF_POINTER__ == 8
#define RKI_ASM_POINTER ".quad "
#define RKI_ASM_U64(value) RKI_ASM_STR_(.quad value\n)
#else
#define RKI_ASM_POINTER ".long "
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define RKI_ASM_U64(value) RKI_ASM_STR_(.long value,0\n)
#else
#define RKI_ASM_U64(value) RKI_ASM_STR_(.long 0,value\n)
#endif
#endif

/*
 * The flags of the tables' ELF sections. Because of "?", the linker keeps or drops the entry of an operation that is inlined
 * into a C++ COMDAT function together with that function. Because of "o" (link order), the linker's --gc-sections drops exactly
 * the entries of dropped functions.
 *
 * Both flags need the assembler of binutils 2.35 or later. Linking with objects whose tables have no link order needs binutils
 * 2.36 or later. In every version, GNU `ld -r` refuses to combine such objects with objects that have our tables ("both ordered
 * and unordered sections"). LLVM's `ld.lld -r` accepts them.
 */
#define RKI_ASM_SECTION_WITH(name, flags) RKI_ASM_STR_(.pushsection name,flags,@progbits,.Lrk0_%=\n)
#define RKI_ASM_SECTION(name) RKI_ASM_SECTION_WITH(name,"awo?")

/*
 * A module must not be unloaded while a thread's area can name a section of the module. A constructor therefore keeps the
 * module from being unloaded (src/thread/pin.c). The first operation in a source file defines the constructor, and the linker
 * keeps one constructor in each module. Code for an executable needs no such constructor. A module that is linked with -z
 * nodelete also needs no constructor, and may define RK_NO_PIN.
 */
#if defined(__PIC__) && !defined(__PIE__) && defined(__GLIBC__) && !defined(RK_NO_PIN)
#define RKI_ASM_PIN                                                                                                    \
	".ifndef .Lrk_pin\n"                                                                                           \
	".pushsection .text.rk_pin, \"axG\", @progbits, rk_pin, comdat\n"                                              \
	".balign 16\n"                                                                                                 \
	".Lrk_pin:\n" RKI_ASM_PIN_HERE(.Lrk_pin)                                                                       \
	".popsection\n"                                                                                                \
	".pushsection .init_array, \"awG\", @init_array, rk_pin, comdat\n"                                             \
	".balign " RKI_ASM_STR(__SIZEOF_POINTER__) "\n"                                                                \
	RKI_ASM_POINTER ".Lrk_pin\n"                                                                                   \
	".popsection\n"                                                                                                \
	".endif\n"
#else
#define RKI_ASM_PIN
#endif

/*
 * An entry of a table. Debuggers and binary tools read the tables; the kernel doesn't. The tables list all sections, and the
 * exits of each section: the labels outside it to which it jumps. Code that defines RK_NO_TABLES has no such entries. In that
 * case each operation in a shared object has two dynamic relocations, in its descriptor. With tables, an operation has one
 * more relocation, and two more for each exit.
 */
#ifndef RK_NO_TABLES
#define RKI_ASM_ENTRY(table, values) RKI_ASM_SECTION(table) values ".popsection\n"
/*
 * Some primitives store before the commit, to memory that no other thread reads before the commit (a private store). Tools
 * can't know this from the bytes, so each such primitive declares its instructions in a table, by the distances from the
 * entry to their start and end. An entry has 8 bytes and no relocation at run time. Each section also has an empty entry at
 * its start, which says that the section declares all its private stores. The labels 772 and 773 are numbers with digits
 * other than 0 and 1, because Intel syntax would read those as binary numbers.
 */
#define RKI_ASM_DECLARE(from, to)                                                                                      \
	RKI_ASM_SECTION_WITH(__rseq_private_store_array,"ao?")                                                         \
	RKI_ASM_STR_(.long from-.\n.long to-.\n.popsection\n)
#define RKI_ASM_PRIVATE(code) "772:\n" code "773:\n" RKI_ASM_DECLARE(772b, 773b)
#else
#define RKI_ASM_ENTRY(table, values)
#define RKI_ASM_DECLARE(from, to)
#define RKI_ASM_PRIVATE(code) code
#endif

#define RKI_ASM_TABLE                                                                                                  \
	RKI_ASM_PIN                                                                                                    \
	".Lrk0_%=:\n"                                                                                                  \
	RKI_ASM_SECTION(__rseq_cs)                                                                                     \
	".balign 32\n.Lrk3_%=:\n.long 0,0\n"                                                                           \
	RKI_ASM_U64(.Lrk1_%=)                                                                                          \
	RKI_ASM_U64(.Lrk2_%=-.Lrk1_%=)                                                                                 \
	RKI_ASM_U64(.Lrk4_%=)                                                                                          \
	".popsection\n"                                                                                                \
	RKI_ASM_ENTRY(__rseq_cs_ptr_array, RKI_ASM_U64(.Lrk3_%=))                                                      \
	RKI_ASM_DECLARE(.Lrk1_%=, .Lrk1_%=)

#define RK_ASM_C(label) RKI_ASM_STR_(%l[label])
#define RK_ASM_END(label) RKI_ASM_L(2)

/* The table's entries for exits. A port defines RK_ASM_HERE and RK_ASM_EXIT_VALUE. */
#define RKI_ASM_EXITS(entries) RKI_ASM_ENTRY(__rseq_exit_point_array, entries)
#define RKI_ASM_EXIT_(place) RKI_ASM_EXITS(RKI_ASM_U64(.Lrk1_%=) RKI_ASM_U64(place))
#define RK_ASM_EXIT(label) RKI_ASM_U64(.Lrk1_%=) RKI_ASM_U64(%l[label])

/* An abort handler that sets the outcome, and then goes to the end of the asm statement. */
#define RKI_ASM_ABORT_TELLING(code) RKI_ASM_ABORT(RKI_ASM_TELL(code, RKI_ASM_L(4))) RKI_ASM_UNWIND_TELL(RKI_ASM_L(4))

/* The values of enum rk_result, as text for the assembler. */
#define RK_ASM_UNEQUAL "1"
#define RK_ASM_ABORTED "2"
#define RK_ASM_NO_RSEQ "4"
#define RK_ASM_CLOSED "5"

/*
 * If an asm statement isn't marked `inline`, compilers estimate its size by the length of its text when they decide what to
 * inline.
 */
#if (defined(__clang__) && __clang_major__ >= 11) || (!defined(__clang__) && __GNUC__ >= 9)
#define RKI_ASM_QUALIFIERS __volatile__ __inline__
#else
#define RKI_ASM_QUALIFIERS __volatile__
#endif

/*
 * The asm statement of an operation. `exits` are RK_ASM_EXIT entries. `body` has the primitives from the index to the commit.
 * `inputs` is a list of operands, and `uses` is one of RK_USES_*. The other arguments are the C labels; `aborted` isn't among
 * them, because this macro adds it. There are no outputs, because gcc before 11.5, 12.4, 13.3 and 14.1 uses wrong values for
 * the outputs of an asm goto.
 */
#define RK_SECTION(exits, body, inputs, uses, ...)                                                                     \
	__asm__ RKI_ASM_QUALIFIERS goto(                                                                               \
		RKI_ASM_TABLE RKI_ASM_EXITS(exits) RKI_ASM_BEGIN body                                                  \
			RKI_ASM_ABORT(RKI_ASM_GO(RK_ASM_C(aborted)))                                                   \
			RKI_ASM_UNWIND(RKI_ASM_L(4), RKI_ASM_L(4) "e")                                                 \
		:                                                                                                      \
		: [area] "r"(rk_area_offset), inputs                                                                   \
		: "memory", "cc", uses                                                                                 \
		: aborted, __VA_ARGS__)

/*
 * The asm statement of an operation that reads a value. It is no asm goto, so that the value can be in a register. Otherwise
 * the section would store the value to the caller's memory, and the caller would load it again. This store and this load take
 * longer than the rest of the section. Set `result` to RK_DONE before the statement. If `result` is still RK_DONE after the
 * statement, `read` has the value. `exits` are RK_ASM_EXIT_VALUE entries.
 */
#define RK_SECTION_VALUE(result, read, exits, body, inputs, uses)                                                      \
	__asm__ RKI_ASM_QUALIFIERS(RKI_ASM_TABLE exits RKI_ASM_BEGIN body RKI_ASM_DONE_VALUE                           \
				   RKI_ASM_ABORT_TELLING(RK_ASM_ABORTED)                                               \
				  : [outcome] RKI_OUTCOME(result), [value] "=&r"(read)                                 \
				  : [area] "r"(rk_area_offset), inputs                                                 \
				  : "memory", "cc", uses)

/*
 * The asm statement of an operation that reads an address. `token` becomes the address or an outcome. Because every address
 * is greater than every outcome, one register and one test are enough for both. After RK_ASM_INDEX_GATE_TOKEN, a token of 0
 * means that the gate was closed.
 */
#define RK_SECTION_TOKEN(token, exits, body, inputs, uses)                                                             \
	__asm__ RKI_ASM_QUALIFIERS(RKI_ASM_TABLE exits RKI_ASM_BEGIN body RKI_ASM_DONE_TOKEN                           \
				   RKI_ASM_ABORT_TELLING(RK_ASM_ABORTED)                                               \
				  : [outcome] "=&r"(token)                                                             \
				  : [area] "r"(rk_area_offset), inputs                                                 \
				  : "memory", "cc", uses)

/*
 * Like RK_SECTION_TOKEN, but `token` becomes 0 instead of an outcome. It is 0 from the beginning, so each exit is a near jump
 * to the end.
 */
#define RK_SECTION_OR_NULL(token, body, inputs, uses)                                                                  \
	do {                                                                                                           \
		(token) = 0;                                                                                           \
		__asm__ RKI_ASM_QUALIFIERS(RKI_ASM_TABLE RKI_ASM_BEGIN body RKI_ASM_DONE_TOKEN                         \
					   RKI_ASM_ABORT_TELLING("0")                                                  \
					  : [outcome] "+&r"(token)                                                     \
					  : [area] "r"(rk_area_offset), inputs                                         \
					  : "memory", "cc", uses);                                                     \
	} while (0)

#endif /* RSEQKIT_ARCH_SECTION_H */
