/* SPDX-License-Identifier: MIT */
/*
 * test_inspect.c - runs `rseqkit inspect` on processes with known threads. The JSON must describe each thread correctly. This
 * test is a program, so that it also runs in guests (emulated machines, see tests/system), where inspect.bats can't run.
 * Targets are programs of this directory that print "ready".
 *
 * Environment: RSEQKIT (the tool) and HELPERS (the folder of the programs), as for inspect.bats.
 */
#include "look.h"
#include <rseqkit/detail/agreement.h>
#include <sys/auxv.h>
#include <sys/ptrace.h>

#define GET_RSEQ_CONFIGURATION 0x420f /* include/uapi/linux/ptrace.h */

/* How often the tests run inspect on a program that must not be disturbed. */
#define LOOKS (SLOWNESS() > 1 ? 2 : 5)
#define LOOKS_MAX 200 /* at most this many runs of inspect, until one finds no thread that has just begun */

extern const unsigned int __rseq_size __attribute__((__weak__));

static bool libc_registers(void)
{
	return &__rseq_size != NULL && __rseq_size != 0;
}

static const char *signature(void)
{
	static char text[16];

	snprintf(text, sizeof(text), "0x%08x", (unsigned)RK_SIGNATURE);
	return text;
}

/*
 * Checks that each thread is registered at the same place, with `size` bytes, and runs on an existing CPU. There must be no
 * findings.
 *
 * On a busy machine one new thread can still be unregistered after inspect has waited for it. The function accepts one such
 * thread and then returns false. Without such a thread it returns true.
 */
static bool check_all_alike(const struct look *look, const char *owner, int size)
{
	int registered = count_of(look, "owner", owner);
	bool beginning = registered > 0 && registered == look->count - 1;

	assert_int_equal(registered + beginning, look->count);
	assert_int_equal(count_of(look, "signature", signature()), registered);
	if (beginning && strcmp(owner, "libc") == 0)
		check_findings(look, 1, "thread-without-rseq");
	else
		check_findings(look, 0, beginning ? "thread-not-yet" : "");
	for (int i = 0; i < look->count; i++) {
		if (beginning && json_object_get_string(of_thread(look, i, "address")) == NULL)
			continue;
		assert_int_equal(number_of(look, i, "offset"), number_of(look, 0, "offset"));
		assert_int_equal(number_of(look, i, "size"), size);
		assert_true(number_of(look, i, "cpu_id") >= 0);
		assert_true(number_of(look, i, "cpu_id") < sysconf(_SC_NPROCESSORS_CONF));
		assert_int_equal(number_of(look, i, "cpu_id"), number_of(look, i, "cpu_id_start"));
	}
	return !beginning;
}

/*
 * Runs in a child: asks the kernel about the parent what inspect asks about its target. When the child ends, the kernel releases
 * the parent.
 */
static int ask_parent(void)
{
	uint64_t configuration[4];
	pid_t pid = getppid();

	return ptrace(PTRACE_SEIZE, pid, NULL, NULL) != 0 || ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) != 0 ||
	       waitpid(pid, NULL, __WALL) != pid ||
	       ptrace(GET_RSEQ_CONFIGURATION, pid, sizeof(configuration), configuration) < 0;
}

#define NEEDS_TRACING()                                                                                                \
	do {                                                                                                           \
		if (in_child(ask_parent) != 0)                                                                         \
			SKIP("processes can't be traced here, or the kernel doesn't tell of rseq");                    \
	} while (0)

#define NEEDS_PRELOADING()                                                                                             \
	do {                                                                                                           \
		if (SANITIZED)                                                                                         \
			SKIP("a sanitizer wants to be preloaded first");                                               \
	} while (0)

static void the_libcs(void **state)
{
	struct target target = {.name = "inspected"};
	int looks = 0, alike = 0;

	(void)state;
	NEEDS_TRACING();
	if (!libc_registers())
		SKIP("the libc doesn't register rseq here");
	start(&target);
	for (; looks < LOOKS || (alike == 0 && looks < LOOKS_MAX); looks++) {
		struct look look = look_at(&target);

		assert_true(look.count >= 17);
		alike += check_all_alike(&look, "libc", number_of(&look, 0, "size"));
		forget(&look);
	}
	printf("# %d of %d times no thread was at its beginning\n", alike, looks);
	assert_true(alike > 0);
	end_undisturbed(&target);
}

/*
 * Threads of the target that never count don't use the library. The libc can register them, because it registers a new thread
 * whose creator is registered.
 */
static void the_librarys(void **state)
{
	struct target target = {.name = "inspected", .off = true};

	(void)state;
	NEEDS_TRACING();
	start(&target);
	for (int i = 0; i < LOOKS; i++) {
		struct look look = look_at(&target);

		assert_true(look.status <= 1);
		assert_true(count_of(&look, "owner", "self") >= 3);
		assert_int_equal(count_of(&look, "owner", "self") + count_of(&look, "owner", "none"), look.count);
		forget(&look);
	}
	end_undisturbed(&target);
}

/*
 * Every thread is registered with the kernel's whole feature size, if an area of this size fits the library's TLS, struct
 * rk_thread_block, and otherwise with 32 bytes. The program contains its own copy of the library.
 */
static void of_full_size(void **state)
{
	struct target target = {.name = "inspected", .full_size = true};
	unsigned long size = getauxval(27 /* AT_RSEQ_FEATURE_SIZE */);
	int looks = 0, alike = 0;

	(void)state;
	NEEDS_TRACING();
	NEEDS_PRELOADING();
	if (size < 32 || size > sizeof(((struct rk_thread_block *)NULL)->u.room) ||
	    getauxval(28 /* AT_RSEQ_ALIGN */) > 64)
		size = 32;
	start(&target);
	for (; looks < LOOKS || (alike == 0 && looks < LOOKS_MAX); looks++) {
		struct look look = look_at(&target);

		alike += check_all_alike(&look, "self", (int)size);
		forget(&look);
	}
	printf("# %d of %d times no thread was at its beginning\n", alike, looks);
	assert_true(alike > 0);
	end_undisturbed(&target);
}

static void with_another_signature(void **state)
{
	struct target target = {.name = "registrant", .argument = "signature", .off = true};
	struct look look;

	(void)state;
	NEEDS_TRACING();
	start(&target);
	look = look_at(&target);
	check_findings(&look, 1, "other-signature");
	assert_int_equal(count_of(&look, "signature", "0x12345678"), 1);
	forget(&look);
	end(&target);
}

/*
 * The second thread isn't registered yet, but a component can still register it at its first use of rseq. The exit status of
 * inspect is therefore 0.
 */
static void one_not_yet(void **state)
{
	struct target target = {.name = "registrant", .argument = "partly", .off = true};
	struct look look;

	(void)state;
	NEEDS_TRACING();
	start(&target);
	look = look_at(&target);
	check_findings(&look, 0, "thread-not-yet");
	/* A sanitizer can have its own thread. */
	assert_true(look.count == 2 || (SANITIZED && look.count > 2));
	assert_int_equal(count_of(&look, "owner", "self"), 1);
	assert_int_equal(count_of(&look, "owner", "none"), look.count - 1);
	forget(&look);
	end(&target);
}

/* If the libc registers, inspect must report a thread that isn't registered. */
static void one_left_out(void **state)
{
	struct target target = {.name = "registrant", .argument = "undone"};
	struct look look;

	(void)state;
	NEEDS_TRACING();
	if (!libc_registers())
		SKIP("the libc doesn't register rseq here");
	start(&target);
	look = look_at(&target);
	check_findings(&look, 1, "thread-without-rseq");
	assert_int_equal(count_of(&look, "owner", "none"), 1);
	assert_int_equal(count_of(&look, "owner", "libc"), look.count - 1);
	forget(&look);
	end(&target);
}

static void inside_a_section(void **state)
{
	struct target target = {.name = "registrant", .argument = "section", .off = true};
	json_object *active = NULL, *place, *symbol;
	struct look look = {0};

	(void)state;
	NEEDS_TRACING();
	start(&target);
	/* Inspect may look before the thread enters the section, or while the section restarts. */
	for (int i = 0; i < 500 && active == NULL; i++) {
		forget(&look);
		look = look_at(&target);
		check_findings(&look, 0, "");
		active = of_thread(&look, 0, "section");
		if (active != NULL && json_object_object_get_ex(active, "state", &place) &&
		    strcmp(json_object_get_string(place), "active") != 0)
			active = NULL;
	}
	assert_non_null(active);
	assert_true(json_object_object_get_ex(active, "start", &place));
	assert_true(json_object_object_get_ex(place, "symbol", &symbol));
	assert_string_equal(json_object_get_string(symbol), "spin_in_section");
	forget(&look);
	end(&target);
}

static void an_early_adopters(void **state)
{
	struct target target = {.name = "early", .off = true};
	struct look look;

	(void)state;
	NEEDS_TRACING();
	start(&target);
	look = look_at(&target);
	assert_true(check_all_alike(&look, "early", 32));
	forget(&look);
	end(&target);
}

static void a_strangers(void **state)
{
	struct target target = {.name = "early", .preload = "foreign.so", .off = true};
	struct look look;

	(void)state;
	NEEDS_TRACING();
	NEEDS_PRELOADING();
	start(&target);
	look = look_at(&target);
	check_findings(&look, 1, "foreign-owner");
	assert_int_equal(count_of(&look, "owner", "foreign"), 1);
	forget(&look);
	end(&target);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(the_libcs),
	cmocka_unit_test(the_librarys),
	cmocka_unit_test(of_full_size),
	cmocka_unit_test(with_another_signature),
	cmocka_unit_test(one_not_yet),
	cmocka_unit_test(one_left_out),
	cmocka_unit_test(inside_a_section),
	cmocka_unit_test(an_early_adopters),
	cmocka_unit_test(a_strangers),
};

RUN(tests)
