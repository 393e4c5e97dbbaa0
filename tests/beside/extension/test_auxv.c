/* SPDX-License-Identifier: MIT */
/*
 * test_auxv.c - tests the library on simulated kernels that announce other feature sizes and alignments than this kernel. The
 * library is linked with a getauxval() and a syscall() that simulate these kernels. The test checks the registered length, and
 * the fields that the library reports as valid. Everything must also work if the kernel refuses a length that it announced.
 *
 * AREA in the environment says which area the library uses: own or libc.
 */
#include <rseqkit/ops_cid.h>
#include "calls.h"

#define FEATURE_SIZE 27 /* AT_RSEQ_FEATURE_SIZE of include/uapi/linux/auxvec.h */
#define ALIGNMENT 28

unsigned long __real_getauxval(unsigned long type);
unsigned long __wrap_getauxval(unsigned long type);

/* Takes the values from the environment, because the library calls this function before main(). */
unsigned long __wrap_getauxval(unsigned long type)
{
	const char *value = type == FEATURE_SIZE ? getenv("FEATURE_SIZE") : type == ALIGNMENT ? getenv("ALIGNMENT") : NULL;

	return value == NULL ? __real_getauxval(type) : strtoul(value, NULL, 10);
}

/* Makes the library's system calls. With ONLY_ORIGINAL, simulates a kernel that accepts only the length 32. */
static long called(long number, const long arguments[6])
{
	if (number == SYS_rseq && (uint32_t)arguments[1] != RK_AREA_LENGTH_ORIGINAL && getenv("ONLY_ORIGINAL") != NULL) {
		errno = EINVAL;
		return -1;
	}
	return really(number, arguments);
}

struct kernel {
	const char *name;
	uint32_t feature_size, alignment; /* as announced */
	bool only_original;
	uint32_t length, valid; /* the right values for an area of our own */
};

static const struct kernel kernels[] = {
	{"before 6.3, nothing announced", 0, 0, false, 32, 20},
	{"with the node id", 24, 32, false, 32, 24},
	{"with the concurrency id", 28, 32, false, 32, 28},
	{"with the slice extension", 33, 64, false, 33, 33},
	{"that needs no more alignment for it", 33, 32, false, 33, 33},
	{"that needs more alignment than a block has", 33, 128, false, 32, 28},
	{"whose area just fits", 40, 64, false, 40, 40},
	{"whose area doesn't fit", 41, 64, false, 32, 28},
	{"that doesn't take what it announced", 33, 64, true, 33, 0},
};

#define KERNELS ((int)(sizeof(kernels) / sizeof(kernels[0])))

static struct rk_counter *counter;

static void *count(void *arg)
{
	for (int i = 0; i < 1000; i++)
		rk_counter_add(counter, 1);
	return arg;
}

/*
 * Returns true if the real kernel accepts this length. Tries to register a separate area between rk_vfork_begin() and
 * rk_vfork_end(), where this thread isn't registered.
 */
static bool kernel_takes(uint32_t length)
{
	static unsigned char area[4096] __attribute__((__aligned__(4096)));
	bool takes;

	CHECK(rk_vfork_begin() == 0);
	takes = syscall(quiet_rseq(), area, length, 0, RK_SIGNATURE) == 0;
	CHECK(!takes || syscall(quiet_rseq(), area, length, 1, RK_SIGNATURE) == 0);
	CHECK(rk_vfork_end() == 0);
	return takes;
}

/* Checks that a section by concurrency id runs only if the kernel has this id. The slots lie RK_STRIDE bytes apart. */
static void check_cid(bool has_cid)
{
	static intptr_t slots[RK_STRIDE / sizeof(intptr_t) * 8];
	enum rk_result outcome;

	if (has_cid && (!RK_HAVE_SECTIONS || rk_cid() >= 8))
		return;
	do
		outcome = rk_cid_add(slots, 1);
	while (outcome == RK_ABORTED);
	CHECK(outcome == (has_cid ? RK_DONE : RK_NO_RSEQ));
	CHECK(slots[0] == (has_cid ? 1 : 0));
}

/* Runs in its own program, which was started with the simulated kernel. */
static int check(const struct kernel *kernel)
{
	bool own = strcmp(getenv("AREA"), "own") == 0, refused = own && !kernel_takes(kernel->length);
	uint32_t length = own ? kernel->length : 32, valid = own ? kernel->valid : kernel->feature_size;
	struct rk_process_info info = process_info();
	pthread_t threads[4];

	CHECK(!own || !kernel->only_original || refused);
	if (!own)
		valid = valid == 0 ? 20 : valid > 28 ? 28 : valid;
	CHECK(info.feature_size == (kernel->feature_size ? kernel->feature_size : 20));
	CHECK(info.alignment == (kernel->alignment ? kernel->alignment : 32));
	CHECK(info.length == length);
	if (refused) {
		CHECK(rk_thread_prepare() == -EINVAL && rk_thread_reason() == RK_REASON_AREA);
		CHECK(rk_thread_area() == NULL && !kernel_says_any());
	} else {
		CHECK(info.valid == valid && rk_area_valid == valid);
		CHECK(rk_thread_prepare() == 0 && kernel_says_registered(rk_thread_area(), length));
		CHECK(!own || (uintptr_t)rk_thread_area() % (kernel->alignment == 64 ? 64 : 32) == 0);
		CHECK((rk_cid() >= 0) == (valid >= RK_FIELD_END_MM_CID));
	}
	check_cid(!refused && valid >= RK_FIELD_END_MM_CID);
	CHECK(rk_counter_create(&counter) == 0);
	for (int i = 0; i < 4; i++)
		CHECK(pthread_create(&threads[i], NULL, count, NULL) == 0);
	for (int i = 0; i < 4; i++)
		CHECK(pthread_join(threads[i], NULL) == 0);
	CHECK(rk_counter_sum(counter) == 4000);
	return 0;
}

static void set(const char *name, uint32_t value)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", value);
	setenv(name, text, 1);
}

static void on_kernel(void **state)
{
	const struct kernel *kernel = *state;
	char number[16];
	pid_t pid;

	snprintf(number, sizeof(number), "%d", (int)(kernel - kernels));
	pid = fork();
	if (pid == 0) {
		set("FEATURE_SIZE", kernel->feature_size);
		set("ALIGNMENT", kernel->alignment);
		if (kernel->only_original)
			setenv("ONLY_ORIGINAL", "1", 1);
		execl("/proc/self/exe", "test_auxv", number, NULL);
		_exit(126);
	}
	assert_int_equal(exit_status_of(pid), 0);
}

int main(int argc, char **argv)
{
	struct CMUnitTest tests[KERNELS];

	if (argc > 1)
		return check(&kernels[atoi(argv[1])]);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	alarm(TEST_SECONDS);
	for (int i = 0; i < KERNELS; i++)
		tests[i] = (struct CMUnitTest){
			.name = kernels[i].name,
			.test_func = on_kernel,
			.initial_state = (void *)(uintptr_t)&kernels[i],
		};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
