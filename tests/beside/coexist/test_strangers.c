/* SPDX-License-Identifier: MIT */
/*
 * test_strangers.c - tests strangers: components that register threads on an area of their own, beginning with a worker thread.
 * If such a stranger later finds a thread that our library registered, it ends the process.
 *
 * If this library is linked from the start (LINKED, with areas of our own), it registers every thread first, so the stranger's
 * first attempt fails. A copy that is loaded late looks at the modules' exports and code to decide whether to register threads.
 */
#include "test.h"
#include <link.h>
#include <sched.h>
#include <sys/mman.h>
#include <threads.h>
#include "../neighbours/foreign.h"
#include "load.h"

static int (*stranger)(enum foreign_form form, uint32_t signature);

static void load_stranger(void)
{
	void *handle;

	*(void **)&stranger = load_neighbours_function("foreign", LOCAL, "foreign_registers", &handle);
	CHECK(stranger != NULL);
}

#ifdef LINKED
static void *try_stranger(void *arg)
{
	CHECK(kernel_says_any() && stranger(FOREIGN_MARKED, RK_SIGNATURE) == -EINVAL);
	return arg;
}

static int try_stranger_c11(void *arg)
{
	(void)try_stranger(arg);
	return 0;
}

/*
 * Creates threads in three ways: in this program, in another library, and by C11's function. This function is also called in a
 * new thread.
 */
static void *create_more(void *arg)
{
	const struct copy *copy = arg;
	pthread_t thread;
	thrd_t c11;

	CHECK(pthread_create(&thread, NULL, try_stranger, NULL) == 0 && pthread_join(thread, NULL) == 0);
	CHECK(copy->create_thread(&thread, NULL, try_stranger, NULL) == 0 && pthread_join(thread, NULL) == 0);
	CHECK(thrd_create(&c11, try_stranger_c11, NULL) == thrd_success && thrd_join(c11, NULL) == thrd_success);
	return NULL;
}

static int every_thread_is_registered_first(void)
{
	const struct copy *copy;
	pthread_t thread;
	void *handle;

	load_stranger();
	/* The module isn't linked with our library, so it refers to pthread_create with the libc's symbol version. */
	copy = load_copy_of_rseqkit(getenv("COPY"), LOCAL, &handle);
	CHECK(copy != NULL);
	(void)create_more((void *)(uintptr_t)copy);
	CHECK(pthread_create(&thread, NULL, create_more, (void *)(uintptr_t)copy) == 0 && pthread_join(thread, NULL) == 0);
	return 0;
}
#else
/* On other machines the library doesn't know how code makes system calls (src/thread/callers.c). */
#if defined(__x86_64__) || defined(__aarch64__)
#define FINDS_CODE true
#else
#define FINDS_CODE false
#endif

static volatile bool ended;

static void *wait_for_the_end(void *arg)
{
	while (!ended)
		sched_yield();
	return arg;
}

/* Loads a copy and checks whether it registers this thread, as `registers` says. */
static void check_copy(bool registers)
{
	const struct copy *copy;
	struct rk_counter *counter;
	void *handle;

	copy = load_copy_of_rseqkit(getenv("COPY"), LOCAL, &handle);
	CHECK(copy != NULL);
	CHECK(copy->prepare() == (registers ? 0 : -EBUSY));
	CHECK(copy->reason() == (registers ? RK_REASON_NONE : RK_REASON_STRANGER));
	CHECK(kernel_says_any() == registers);
	CHECK(copy->create(&counter) == 0);
	copy->add(counter, 7);
	CHECK(copy->sum(counter) == 7);
}

static void check_beside_a_thread(bool registers)
{
	pthread_t thread;

	CHECK(pthread_create(&thread, NULL, wait_for_the_end, NULL) == 0);
	check_copy(registers);
	ended = true;
	CHECK(pthread_join(thread, NULL) == 0);
}

static int no_stranger(void)
{
	check_beside_a_thread(true);
	return 0;
}

/* The stranger exports no symbol of rseq, but the copy finds code that makes the system call. */
static int a_stranger_with_code_alone(void)
{
	load_stranger();
	check_beside_a_thread(!FINDS_CODE);
	return 0;
}

static void *register_and_end(void *arg)
{
	CHECK(stranger(FOREIGN_MARKED, RK_SIGNATURE) == 0);
	return arg;
}

/*
 * The stranger registers a thread, which ends before the copy is loaded. From then on the stranger expects to register every
 * thread. If the copy registered this thread, glibc would register the second thread before the stranger.
 */
static int a_stranger_whose_thread_has_ended(void)
{
	pthread_t thread;

	load_stranger();
	CHECK(pthread_create(&thread, NULL, register_and_end, NULL) == 0 && pthread_join(thread, NULL) == 0);
	check_copy(!FINDS_CODE);
	CHECK(!FINDS_CODE || (pthread_create(&thread, NULL, register_and_end, NULL) == 0 && pthread_join(thread, NULL) == 0));
	return 0;
}

/*
 * An early adopter (a component that defines __rseq_abi) is loaded with RTLD_LOCAL. Other modules can't see its symbols, but
 * the adopter is able to register threads.
 */
static int an_adopter_that_is_not_seen(void)
{
	CHECK(load_neighbour("tagged", LOCAL) != NULL);
	check_beside_a_thread(false);
	return 0;
}

/*
 * If the copy uses glibc's area, it can register the only thread, because glibc then registers the threads that this thread
 * creates. If the copy uses an area of our own, it doesn't see threads start, and registers no thread.
 */
static int an_adopter_in_a_process_with_one_thread(void)
{
	CHECK(load_neighbour("tagged", LOCAL) != NULL);
	check_copy(getenv("RSEQKIT_AREA") == NULL && strcmp(getenv("LIBC_AREA"), "true") == 0);
	return 0;
}

static int unreadable_pages; /* how many pages of the module's code can't be read */

/* Makes pages of libm's code unreadable: the second and third, and the last whole page. */
static int hide_code(struct dl_phdr_info *info, size_t size, void *unmaps)
{
	const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

	(void)size;
	for (int i = 0; i < info->dlpi_phnum && strstr(info->dlpi_name, "libm.so") != NULL; i++) {
		const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
		uintptr_t start = (info->dlpi_addr + segment->p_vaddr + page - 1) & ~(page - 1);
		uintptr_t end = (info->dlpi_addr + segment->p_vaddr + segment->p_filesz) & ~(page - 1);
		const uintptr_t hidden[] = {start + page, start + 2 * page, end - page};

		for (size_t k = 0; k < 3 && segment->p_type == PT_LOAD && (segment->p_flags & PF_X) && end - start > 5 * page; k++) {
			CHECK((*(bool *)unmaps ? munmap((void *)hidden[k], page) : mprotect((void *)hidden[k], page, PROT_NONE)) == 0);
			unreadable_pages++;
		}
	}
	return 0;
}

static int code_that_is(bool unmapped)
{
	if (dlopen("libm.so.6", RTLD_NOW | RTLD_LOCAL) == NULL)
		return 0; /* with musl, the libc is the only library */
	(void)dl_iterate_phdr(hide_code, &unmapped);
	CHECK(unreadable_pages == 3);
	check_beside_a_thread(true);
	_exit(0); /* libm's destructors may be unmapped */
}

static int code_that_cannot_be_read(void)
{
	return code_that_is(false);
}

static int code_that_is_unmapped(void)
{
	return code_that_is(true);
}

static int told_to_leave_it_to_others(void)
{
	char area[] = "RSEQKIT_AREA=others", tunable[] = "GLIBC_TUNABLES=glibc.pthread.rseq=0";
	char *const environment[] = {area, tunable, NULL};
	pid_t pid = fork();

	if (pid == 0) {
		execle("/proc/self/exe", "told", getenv("MODULES"), getenv("COPY"), NULL, environment);
		_exit(1);
	}
	CHECK(exit_status_of(pid) == 0);
	return 0;
}

static int told(char **arguments)
{
	const struct copy *copy;
	void *handle;

	setenv("MODULES", arguments[1], 1);
	copy = load_copy_of_rseqkit(arguments[2], LOCAL, &handle);
	CHECK(copy != NULL && copy->prepare() == -ECANCELED && copy->reason() == RK_REASON_TOLD && !kernel_says_any());
	return 0;
}
#endif

static void run_one(void **state)
{
	int (*body)(void);

	*(void **)&body = *state;
	assert_int_equal(in_child(body), 0);
}

#define TEST(body) {.name = #body, .test_func = run_one, .initial_state = (void *)(uintptr_t)(body)}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
#ifdef LINKED
		TEST(every_thread_is_registered_first),
#else
		TEST(no_stranger), TEST(a_stranger_with_code_alone), TEST(a_stranger_whose_thread_has_ended),
		TEST(code_that_cannot_be_read), TEST(code_that_is_unmapped),
		TEST(an_adopter_that_is_not_seen),
		TEST(an_adopter_in_a_process_with_one_thread), TEST(told_to_leave_it_to_others),
#endif
	};

#ifndef LINKED
	if (strcmp(argv[0], "told") == 0)
		return told(argv);
#endif
	(void)argc;
	(void)argv;
	cmocka_set_message_output(CM_OUTPUT_TAP);
	alarm(240);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
