/* SPDX-License-Identifier: MIT */
/*
 * without_libc.c - tests threads of a program without a C library. Only the kernel can register these threads.
 *
 *	without_libc stock | flag | auto
 *
 * The program makes its own thread data: a page for each thread, with the thread pointer in the middle of the page. After the
 * thread pointer is the blob, in which the kernel keeps the thread's area. For `flag` and `auto` the program sets this up
 * (KTLS, see kernel/) by three system calls. Only for `flag` it clones with CLONE_RSEQ_KTLS. Prints TAP as scenarios.c does.
 */
#define RAW_DEFINE
#include "judge.h"

#include <elf.h>
#include <stdarg.h>
#include "../../src/os/vdso.h"

#define THREADS 8
#define DATA_BYTES 4096
#define STACK_BYTES 16384

unsigned long getauxval(unsigned long type);
int *__errno_location(void);
int strcmp(const char *one, const char *other);
void *memset(void *to, int byte, size_t size);
size_t strlen(const char *text);

static const unsigned long *auxiliary; /* the auxiliary vector: pairs of type and value */
static struct place place;
static char data[THREADS + 1][DATA_BYTES] __attribute__((__aligned__(DATA_BYTES)));
static char stacks[THREADS][STACK_BYTES] __attribute__((__aligned__(16)));
static volatile int faults, judged;
static int number, failures;
static bool asks; /* true: threads are cloned with CLONE_RSEQ_KTLS */

/* The functions that compiled code calls, and those that the search of the vDSO calls. */
unsigned long getauxval(unsigned long type)
{
	for (const unsigned long *entry = auxiliary; entry[0] != AT_NULL; entry += 2)
		if (entry[0] == type)
			return entry[1];
	return 0;
}

int *__errno_location(void)
{
	static int error;

	return &error;
}

int strcmp(const char *one, const char *other)
{
	while (*one != '\0' && *one == *other) {
		one++;
		other++;
	}
	return *one - *other;
}

void *memset(void *to, int byte, size_t size)
{
	for (volatile char *at = to; size > 0; size--)
		*at++ = (char)byte;
	return to;
}

size_t strlen(const char *text)
{
	size_t length = 0;

	while (text[length] != '\0')
		length++;
	return length;
}

/* Writes the words to standard output. The last argument is NULL. */
static void say(const char *word, ...)
{
	va_list words;

	va_start(words, word);
	for (; word != NULL; word = va_arg(words, const char *))
		(void)RAW3(__NR_write, 1, word, strlen(word));
	va_end(words);
}

static const char *decimal(int value)
{
	static char digits[12];
	char *at = &digits[11];

	do
		*--at = (char)('0' + value % 10);
	while ((value /= 10) > 0);
	return at;
}

static char *thread_data(int index)
{
	char *pointer = data[index] + DATA_BYTES / 2;

	*(char **)(void *)pointer = pointer;
	return pointer;
}

static void start(void *argument)
{
	(void)argument;
	__atomic_fetch_or(&faults, judge(&place, true), __ATOMIC_RELAXED);
	__atomic_fetch_add(&judged, 1, __ATOMIC_RELEASE);
}

/* Runs the threads of a scenario, all at once. */
static void run(bool by_clone3)
{
	static volatile int alive[THREADS];

	for (int i = 0; i < THREADS; i++) {
		struct raw_clone_args args = {
			.flags = RAW_CLONE_THREAD_FLAGS | RAW_CLONE_SETTLS | RAW_CLONE_CHILD_CLEARTID |
				 (asks ? RAW_CLONE_RSEQ_KTLS : 0),
			.child_tid = (uintptr_t)&alive[i],
			.stack = (uintptr_t)stacks[i],
			.stack_size = STACK_BYTES,
			.tls = (uintptr_t)thread_data(i),
		};
		long id;

		alive[i] = 1;
		if (by_clone3)
			id = raw_clone3(&args, sizeof(args), start, NULL);
		else
			id = raw_clone(args.flags, stacks[i] + STACK_BYTES, thread_data(i), &alive[i], start, NULL);
		if (id < 0)
			alive[i] = 0;
	}
	for (int i = 0; i < THREADS; i++)
		raw_wait_for_end(&alive[i]);
}

static void tell(const char *scenario, int expected_judged, bool expected)
{
	bool all = judged == expected_judged, yes = faults == 0 && all;
	bool ok = yes ? expected : !expected && all && faults == NOT_REGISTERED;
	const char *why;

	failures += !ok;
	say(ok ? "ok " : "not ok ", decimal(++number), NULL);
	why = yes ? "\n" : !all ? "not all ran\n" : faults & NOT_REGISTERED ? "not registered\n" : "wrong\n";
	say(" - ", scenario, yes ? " | yes | " : " | no | ", why, NULL);
	faults = judged = 0;
}

static void scenario(const char *name, bool by_clone3, bool expected)
{
	run(by_clone3);
	tell(name, THREADS, expected);
}

/* Sets KTLS up. Returns NULL on success, "" if the kernel has no KTLS, or the reason for a failure. */
static const char *set_up(bool automatic)
{
	struct {
		uint32_t size, alignment;
		uint64_t rseq_offset;
	} layout = {0};
	int64_t offset = 512; /* after the thread pointer */
	uint32_t signature = RAW_SIGNATURE;

	if (raw_ktls(RAW_KTLS_GET_LAYOUT, &layout, sizeof(layout)) != 0)
		return "";
	if (layout.size > DATA_BYTES / 4 || layout.alignment > 512)
		return "the kernel asks for more room than there is";
	if (raw_ktls(automatic ? RAW_KTLS_SET_OFFSET_AUTO : RAW_KTLS_SET_OFFSET, &offset, sizeof(offset)) != 0 ||
	    raw_ktls(RAW_KTLS_SET_SIG, &signature, sizeof(signature)) != 0 || raw_ktls(RAW_KTLS_SET_THREAD, NULL, 0) != 0)
		return "KTLS can't be set up";
	place.blob = offset;
	place.offset = offset + (ptrdiff_t)layout.rseq_offset;
	place.length = (uint32_t)getauxval(27); /* AT_RSEQ_FEATURE_SIZE */
	place.tid[0] = (int (*)(long))(uintptr_t)rk_vdso_find("__vdso_rseq_ktls_tid");
	place.cpu[0] = (int (*)(long))(uintptr_t)rk_vdso_find("__vdso_rseq_ktls_cpu");
	return place.tid[0] == NULL || place.cpu[0] == NULL ? "the vDSO has no functions for KTLS" : NULL;
}

static bool is_set(char **environment, const char *name)
{
	size_t length = strlen(name);

	for (; *environment != NULL; environment++) {
		size_t i = 0;

		while (i < length && (*environment)[i] == name[i])
			i++;
		if (i == length && (*environment)[i] == '=')
			return true;
	}
	return false;
}

static int run_mode(const char *mode, char **environment)
{
	bool stock = strcmp(mode, "stock") == 0, automatic = strcmp(mode, "auto") == 0;
	const char *why;

	(void)RAW3(__NR_arch_prctl, 0x1002, thread_data(THREADS), 0); /* ARCH_SET_FS */
	place = (struct place){.offset = 512, .length = 32};
	why = stock ? NULL : set_up(automatic);
	if (why != NULL && *why == '\0' && !is_set(environment, "KTLS_REQUIRED")) {
		say("1..0 # SKIP this kernel has no KTLS\n", NULL);
		return 0;
	}
	if (why != NULL) {
		say("Bail out! ", *why == '\0' ? "this kernel has no KTLS" : why, "\n", NULL);
		return 1;
	}
	asks = !stock && !automatic;
	say("# none, ", mode, "\n", NULL);
	start(NULL);
	tell("the initial thread", 1, !stock);
	scenario("raw clone3", true, !stock);
	if (asks)
		say("# n/a - raw clone | n/a | clone has no room for the flag\n", NULL);
	else
		scenario("raw clone", false, !stock);
	say("1..", decimal(number), "\n", NULL);
	return failures > 0 ? 1 : 0;
}

__attribute__((__used__)) static void begin(long *stack)
{
	char **arguments = (char **)(stack + 1), **environment = arguments + stack[0] + 1, **end = environment;

	while (*end != NULL)
		end++;
	auxiliary = (const unsigned long *)(const void *)(end + 1);
	(void)RAW3(__NR_exit_group, stack[0] < 2 ? 2 : run_mode(arguments[1], environment), 0, 0);
}

__asm__(".globl _start\n"
	"_start:\n"
	"	xor %ebp, %ebp\n"
	"	mov %rsp, %rdi\n"
	"	and $-16, %rsp\n"
	"	call begin\n");
