/* SPDX-License-Identifier: MIT */
/*
 * far.c - operations in the middle of much text, for the test `far`. Each operation runs in a thread of which it believes that
 * the thread has no rseq, and then in one that has. The area is a variable of this program, which the kernel doesn't know. The
 * program therefore also runs where the kernel has no rseq, as in an emulator of one process. Only one thread runs, so no
 * operation needs to be aborted.
 *
 * PAD is the number of bytes of text before and after the operations. TEXT is the ELF section with the text, or isn't defined.
 * PART is 1 for the text before and main(), 2 for the operations, and 3 for the text after. If PART isn't defined, the file has
 * all three. PAD_FUNCTION is the number of bytes in long_function(), or isn't defined.
 */
#include <os/thread_pointer.h>
#include <rseqkit.h>
#include <rseqkit/ops.h>
#include <stdio.h>

#ifdef TEXT
#define IN_TEXT __attribute__((__noinline__, __section__(TEXT)))
#else
#define IN_TEXT __attribute__((__noinline__))
#endif

/* gcc's option -fno-toplevel-reorder emits functions in the order of their first declarations. */
IN_TEXT void pad_before(void);

#if !defined(PART) || PART == 1
IN_TEXT void pad_before(void)
{
	__asm__ __volatile__(".space %c0" : : "i"(PAD));
}
#endif

#if !defined(PART) || PART == 2
static __thread uint32_t area[16] __attribute__((__aligned__(64))); /* the second word is cpu_id */
static __thread intptr_t number = 7;
static int left;

#ifdef __x86_64__
#define JUMP "jmp"
#else
#define JUMP "b"
#endif

/* The variables and functions of the library that operations use. */
__attribute__((__used__)) ptrdiff_t offset_of_area __asm__("rk_area_offset");
__attribute__((__used__)) ptrdiff_t offset_of_number __asm__("rki_number_offset");
__attribute__((__used__)) uint32_t valid __asm__("rk_area_valid") = 64;
__attribute__((__used__)) uint32_t limit_of_cpu_id __asm__("rk_cid_limit") = 1U << 31;

IN_TEXT enum rk_result rki_leave(void)
{
	left++;
	return RK_NO_RSEQ;
}

IN_TEXT enum rk_result rki_leave_at(int cpu)
{
	(void)cpu;
	left++;
	return RK_NO_RSEQ;
}

IN_TEXT int rki_lock_here_slow(struct rk_lock *lock, int64_t nanoseconds, void **data, enum rk_result outcome)
{
	(void)lock;
	(void)nanoseconds;
	*data = NULL;
	return -(int)outcome;
}

static void *slots; /* CPU 0's slot */
static intptr_t words[8];

static int failed(const char *what, int expected, int outcome)
{
	printf("%s: outcome %d instead of %d\n", what, outcome, expected);
	return 1;
}

/* True if the call has another outcome than expected. */
#define FAILED(expected, ...)                                                                                          \
	__extension__({                                                                                                \
		int outcome_ = (int)(__VA_ARGS__);                                                                     \
                                                                                                                       \
		outcome_ != (int)(expected) && failed(#__VA_ARGS__, (int)(expected), outcome_);                        \
	})

/* Runs the operations of one kind of index that return a value. Those on banks find the slot's word in a bank. */
#define VALUES(kind, where_and, at_end, out)                                                                           \
	{                                                                                                              \
		intptr_t read = 0;                                                                                     \
		void *pointer = NULL;                                                                                  \
                                                                                                                       \
		words[0] = 5;                                                                                          \
		words[1] = 2;                                                                                          \
		words[2] = words[3] = 11;                                                                              \
		bad += FAILED(out, kind##load(slots, where_and &read at_end));                                         \
		bad += FAILED(1, read == ((out) ? 0 : 5));                                                             \
		read = 5;                                                                                              \
		bad += FAILED(out, kind##compare_exchange(slots, where_and &read, 6 at_end));                          \
		bad += FAILED((out) ? (out) : RK_UNEQUAL, kind##compare_exchange_release(slots, where_and &read, 4 at_end)); \
		bad += FAILED((out) ? 5 : 6, (int)words[0]);                                                           \
		words[0] = (intptr_t)&words[2];                                                                        \
		bad += FAILED((out) ? (out) : RK_UNEQUAL, kind##pop(slots, where_and words[0], 0, &pointer at_end));   \
		bad += FAILED(out, kind##pop(slots, where_and 0, 0, &pointer at_end));                                 \
		bad += FAILED(1, pointer == ((out) ? NULL : &words[2]) && ((out) || words[0] == 11));                  \
		words[0] = 1;                                                                                          \
		bad += FAILED(out, kind##array_pop(slots, where_and &pointer at_end));                                 \
		bad += FAILED(1, pointer == ((out) ? NULL : (void *)words[2]));                                        \
		words[0] = 0;                                                                                          \
		bad += FAILED((out) ? (out) : RK_UNEQUAL, kind##array_pop(slots, where_and &pointer at_end));          \
		words[0] = 5;                                                                                          \
		bad += FAILED(out, kind##add(slots, where_and 3 at_end));                                              \
		bad += FAILED((out) ? (out) : RK_UNEQUAL, kind##store_if_equal(slots, where_and 99, 1 at_end));        \
	}
#define COMMA ,

IN_TEXT static int values(enum rk_result out)
{
	int bad = 0;

	slots = words;
	VALUES(rk_cpu_, , , out)
	VALUES(rk_cid_, , , out)
	VALUES(rk_at_, , COMMA 0, out)
	return bad;
}

IN_TEXT static int bank_values(intptr_t bank, enum rk_result out)
{
	int bad = 0;

	slots = &bank;
	VALUES(rk_cpu_bank_, 0 COMMA, , out)
	VALUES(rk_cid_bank_, 0 COMMA, , out)
	VALUES(rk_at_bank_, 0 COMMA, COMMA 0, out)
	return bad;
}

IN_TEXT static int tokens(int is_registered)
{
	int bad = 0, out = is_registered ? 0 : RK_NO_RSEQ;
	intptr_t gate = (intptr_t)words, lock[8] = {0};
	void *item, *data;

	words[0] = 0;
	bad += FAILED(out, rk_gate_enter(&gate, &item));
	bad += FAILED(1, item == (out ? NULL : words) && words[0] == !out);
	bad += FAILED(out, rk_gate_add(&gate, 8, 1));
	bad += FAILED(-out, rk_lock_here((struct rk_lock *)lock, &data));
	bad += FAILED(1, lock[0] == (out ? 0 : 7));
	gate = 0;
	lock[1] = 1;
	bad += FAILED(out ? out : RK_CLOSED, rk_gate_enter(&gate, &item));
	bad += FAILED(out ? out : RK_CLOSED, rk_gate_add(&gate, 0, 1));
	bad += FAILED(out ? -out : -RK_UNEQUAL, rk_lock_here((struct rk_lock *)lock, &data));
	return bad;
}

/* With -freorder-blocks-and-partition, gcc moves code that calls a cold function to .text.unlikely. */
static __attribute__((__cold__, __noinline__)) int unequal_words(void)
{
	__asm__ __volatile__("");
	return RK_UNEQUAL;
}

/* An operation whose exits are much farther on in the same function. */
IN_TEXT int long_function(void *base);
IN_TEXT int long_function(void *base)
{
	const intptr_t expected = 1, value = 2;

	RK_SECTION(RK_ASM_EXIT(leave) RK_ASM_EXIT(unequal),
		   RK_ASM_INDEX_CPU(RK_ASM_C) RK_ASM_UNLESS_EQUAL(RK_ASM_SLOT, expected, unequal) RK_ASM_COMMIT_STORE(value),
		   RK_LIST(RK_IN(base), RK_IN_WORD(expected), RK_IN_WORD(value)), RK_USES_SLOT, leave, unequal);
#ifdef PAD_FUNCTION
	__asm__ __volatile__(JUMP " 1f\n\t.space %c0\n1:" : : "i"(PAD_FUNCTION));
#endif
	return RK_DONE;
aborted:
	return RK_ABORTED;
unequal:
	return unequal_words();
leave:
	return RK_NO_RSEQ;
}

/* Compilers take these variables for constants, so another function sets them before operations read them. */
IN_TEXT void set_up(void);
IN_TEXT void set_up(void)
{
	offset_of_area = (char *)area - rk_thread_pointer();
	offset_of_number = (char *)&number - rk_thread_pointer();
}

IN_TEXT int operations(void);
IN_TEXT int operations(void)
{
	volatile uint32_t *cpu_id = &area[1];
	int bad = 0, leaves;

	*cpu_id = (uint32_t)RK_CPU_ID_UNINITIALIZED;
	slots = words;
	words[0] = 1;
	bad += FAILED(RK_NO_RSEQ, long_function(words));
	bad += values(RK_NO_RSEQ) + bank_values((intptr_t)words, RK_NO_RSEQ) + tokens(0);
	leaves = left;
	*cpu_id = 0;
	words[0] = 1;
	bad += FAILED(RK_DONE, long_function(words)) + FAILED(RK_UNEQUAL, long_function(words));
	bad += values(RK_DONE) + bank_values((intptr_t)words, RK_DONE) + bank_values(0, RK_CLOSED) + tokens(1);
	bad += FAILED(1, leaves > 0 && left == leaves);
	return bad;
}
#endif

#if !defined(PART) || PART == 3
IN_TEXT void pad_after(void);
IN_TEXT void pad_after(void)
{
	__asm__ __volatile__(".space %c0\n\t.globl end_of_pads\nend_of_pads:" : : "i"(PAD));
}
#endif

#if !defined(PART) || PART == 1
void set_up(void);
int operations(void);
void pad_after(void);
int main(int count, char **arguments)
{
	(void)arguments;
	if (count > 9) {
		pad_before();
		pad_after();
	}
	set_up();
	return operations();
}
#endif
