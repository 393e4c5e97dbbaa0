/* SPDX-License-Identifier: MIT */
/*
 * modules.c - shows hazards of modules that are loaded and unloaded, and of areas that another component registered. The
 * program itself contains nothing of the library. A module is a naive component, which has no safeguards (module.c), or
 * contains a copy of the library (../coexist/copy.c).
 *
 *	modules CASE [MODULE...]
 */
#include "interrupt.h"
#include <dlfcn.h>
#include <sys/rseq.h>
#include "../coexist/copy.h"
#include "module.h"

/*
 * The alignment of static TLS at the program's start limits the TLS alignment of modules that are loaded later. On x86-64 the
 * libc itself asks for an alignment of 64. On other machines only this variable does.
 */
static __thread volatile char room[64] __attribute__((__aligned__(64)));

static const struct naive_module *naive;
static const struct copy *ours;
static struct rk_counter *counter;
static struct naive_area private; /* used in the initial thread only; reads "CPU 0" before it is registered */
static int64_t words[CPU_SETSIZE];

/* Loads a module of either kind, and sets `naive` or `ours`. */
static void *load(const char *path)
{
	void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	naive_function *its_naive;
	copy_function *its_copy;

	if (handle == NULL) {
		printf("%s\n", dlerror());
		exit(UNLOADABLE);
	}
	*(void **)&its_naive = dlsym(handle, "naive_module");
	*(void **)&its_copy = dlsym(handle, "copy_of_rseqkit");
	naive = its_naive != NULL ? its_naive() : NULL;
	ours = its_copy != NULL ? its_copy() : NULL;
	CHECK((naive == NULL) != (ours == NULL));
	return handle;
}

static volatile int alarms;

static void on_alarm(int signo)
{
	(void)signo;
	alarms++;
}

/*
 * Makes the kernel write the ids and check rseq_cs. The kernel writes the ids when a thread that slept runs again. Before Linux
 * 7.0 it also checks rseq_cs at this time. Since 7.0 it checks rseq_cs only before it delivers a signal, and in optimised mode
 * only if the signal interrupted user code.
 */
static void be_preempted(void)
{
	struct itimerval on = storm_interval(1000), off = storm_interval(0);
	struct sigaction action = {.sa_handler = on_alarm};

	for (int i = 0; i < 10; i++)
		usleep(100);
	alarms = 0;
	CHECK(sigaction(SIGALRM, &action, NULL) == 0 && setitimer(ITIMER_REAL, &on, NULL) == 0);
	while (alarms < 3)
		;
	CHECK(setitimer(ITIMER_REAL, &off, NULL) == 0);
}

static int just_load(char **modules)
{
	load(modules[0]);
	return RIGHT;
}

/*
 * Two modules, whose components register one thread, one after the other. The results with index 0 are those of the initial
 * thread. The results with index 1 are those of a new thread, in which the modules register in reverse order.
 */
static char **both;
static int first_said[2], second_said[2];

static int enter(const char *module)
{
	load(module);
	if (naive != NULL)
		return naive->enter();
	if (ours->prepare() != 0)
		return -EINVAL;
	CHECK(ours->owner() == RK_OWNER_SELF);
	return 0;
}

static void *enter_both(void *arg)
{
	int reversed = arg != NULL;

	first_said[reversed] = enter(both[reversed]);
	second_said[reversed] = enter(both[!reversed]);
	return NULL;
}

static int two_in_a_thread(char **modules)
{
	pthread_t thread;

	both = modules;
	enter_both(NULL);
	CHECK(pthread_create(&thread, NULL, enter_both, both) == 0 && pthread_join(thread, NULL) == 0);
	printf("main: %d, then %d; a thread in the other order: %d, then %d\n", first_said[0], second_said[0],
	       first_said[1], second_said[1]);
	CHECK(first_said[0] == 0 && first_said[1] == 0);
	if (second_said[0] == 0 && second_said[1] == 0)
		return RIGHT;
	return second_said[0] == -EINVAL && second_said[1] == -EINVAL ? REFUSED : WRONG;
}

/* Allocates often, and returns a block of zeros that covers `address`, or NULL. */
static char *heap_over(volatile struct rk_area *address, size_t size)
{
	for (int i = 0; i < 10000; i++) {
		char *block = calloc(1, size);

		if ((char *)(uintptr_t)address >= block && (char *)(uintptr_t)(address + 1) <= block + size)
			return block;
	}
	return NULL;
}

/*
 * Unloads the first module, and then loads the second. The libc frees the first module's TLS only when it prepares the thread
 * for the TLS of the second module. The second module's TLS can get the same memory.
 */
static int unloaded_with_its_tls(char **modules)
{
	void *handle = load(modules[0]);
	volatile struct rk_area *area;
	uint32_t length = RK_AREA_LENGTH_ORIGINAL;
	size_t size = 64;
	struct rk_process_info info;

	if (naive != NULL) {
		CHECK(naive->enter() == 0);
		area = naive->area();
		size = naive->tls;
	} else {
		CHECK(ours->prepare() == 0 && ours->query(&info, sizeof(info)) == 0);
		area = (volatile struct rk_area *)(uintptr_t)ours->area();
		length = info.length;
	}
	CHECK(dlclose(handle) == 0);
	load(modules[1]);
	CHECK(kernel_says_registered(area, length));
	if (naive->area() != area && heap_over(area, size) == NULL)
		return RIGHT;
	*(volatile uint32_t *)(uintptr_t)&area->cpu_id = 0x55555555; /* the new owner of the memory writes to it */
	be_preempted();
	printf("0x55555555 became 0x%x in memory that was given out again\n", (unsigned)area->cpu_id);
	return area->cpu_id == 0x55555555 ? RIGHT : WRITTEN;
}

/* Returns this thread's registered area, for sections. If the libc doesn't register, first registers an area of the program. */
static volatile struct rk_area *usual_area(void)
{
	static __thread struct naive_area area;

	if (__rseq_size != 0)
		return rk_area_at(__rseq_offset);
	CHECK(naive_rseq(&area, 32, 0, RK_SIGNATURE) == 0);
	return &area.area;
}

#define ATTEMPTS 20
#define ATTEMPTS_MAX 1000 /* attempts at most, as long as the module is unloaded without harm */
#define GONE 78           /* the module was unloaded without harm */

static const char *the_module;

/* Unloads the module while the thread's rseq_cs points to a descriptor in the module. */
static int unload_with_sections(void)
{
	void *handle = load(the_module);

	if (naive != NULL) {
		volatile struct rk_area *area = usual_area();

		CHECK(naive->add(area, &area->cpu_id, &area->cpu_id, words));
	} else {
		CHECK(ours->create(&counter) == 0);
		CHECK(ours->prepare() == 0);
		ours->add(counter, 1);
	}
	CHECK(dlclose(handle) == 0);
	be_preempted();
	return dlopen(the_module, RTLD_NOW | RTLD_NOLOAD) == NULL ? GONE : RIGHT;
}

/*
 * If the thread is preempted before the module is unloaded, the kernel clears the thread's rseq_cs, and unloading does no harm.
 * This function therefore tries several times, and more often if the module was unloaded without harm.
 */
static int unloaded_with_its_sections(char **modules)
{
	int ending = RIGHT, attempts = 0;

	the_module = modules[0];
	while ((ending == RIGHT && attempts < ATTEMPTS) || (ending == GONE && attempts < ATTEMPTS_MAX)) {
		ending = in_child(unload_with_sections);
		attempts++;
	}
	printf("attempt %d ended with %d\n", attempts, ending);
	return ending;
}

static volatile int64_t handled;

static void on_timer(int signo)
{
	(void)signo;
	handled++;
	if (ours != NULL)
		ours->add(counter, 1);
}

static void storm(long microseconds)
{
	struct itimerval interval = storm_interval(microseconds);
	struct sigaction action = {.sa_handler = on_timer};

	CHECK(sigaction(SIGALRM, &action, NULL) == 0);
	setitimer(ITIMER_REAL, &interval, NULL);
}

/*
 * The libc's spare area is registered with another component's signature, so the first abort of a naive section kills the
 * process. A copy must recognise the signature and use the fallback.
 */
static int other_signature(char **modules)
{
	volatile struct rk_area *area = rk_area_at(__rseq_offset);
	const int64_t adds = ROUNDS(1000000);

	CHECK(naive_rseq(area, 32, 0, 0x12345678) == 0);
	load(modules[0]);
	if (ours != NULL) {
		CHECK(ours->create(&counter) == 0);
		CHECK(ours->reason() == RK_REASON_SIGNATURE);
	}
	storm(50);
	for (int64_t i = 0; i < adds || handled < (ours != NULL ? 100 : 10000); i++) {
		if (ours == NULL)
			CHECK(naive->add(area, &area->cpu_id, &area->cpu_id, words));
		else if (i < adds)
			ours->add(counter, 1);
	}
	storm(0);
	return ours != NULL && ours->sum(counter) == adds + handled ? RIGHT : LOST;
}

/*
 * An area is zero before it is registered. A component finds the registered area in one thread, and assumes that every thread
 * has a registered area at this offset. as_a_new_thread() makes this thread look like one that never registered: its area has
 * its initial contents.
 */
static void as_a_new_thread(void)
{
	CHECK(naive_rseq(&private.area, 32, 1, RK_SIGNATURE) == 0);
	memset(&private, 0, sizeof(private));
}

static void adopt_and_add(void)
{
	CHECK(naive_add(&private.area, &private.area.cpu_id, &private.area.cpu_id, words));
}

static int judge_words(void)
{
	return words[0] == 2 ? RIGHT : LOST;
}

static void add_with_ours(void)
{
	ours->add(counter, 1);
}

static int judge_counter(void)
{
	return !kernel_says_any() && ours->sum(counter) == 2 ? RIGHT : LOST;
}

static int zero_area(char **modules)
{
	static const struct interrupted by_adoption = {as_a_new_thread, adopt_and_add, adopt_and_add, judge_words, true};
	static const struct interrupted by_copy = {as_a_new_thread, add_with_ours, add_with_ours, judge_counter, false};

	CHECK(naive_rseq(&private.area, 32, 0, RK_SIGNATURE) == 0);
	if (modules[0] == NULL)
		return interrupt_everywhere(&by_adoption);
	load(modules[0]);
	CHECK(ours->prepare() == -EBUSY && ours->owner() == RK_OWNER_FOREIGN);
	CHECK(ours->create(&counter) == 0);
	return interrupt_everywhere(&by_copy);
}

static const struct {
	const char *name;
	int (*run)(char **modules);
} cases[] = {
	{"load", just_load},
	{"two", two_in_a_thread},
	{"tls", unloaded_with_its_tls},
	{"sections", unloaded_with_its_sections},
	{"signature", other_signature},
	{"zero", zero_area},
};

int main(int argc, char **argv)
{
	room[0] = 1; /* so that the compiler keeps `room` */
	for (size_t i = 0; argc >= 2 && i < sizeof(cases) / sizeof(cases[0]); i++)
		if (strcmp(argv[1], cases[i].name) == 0)
			return cases[i].run(argv + 2);
	return USAGE;
}
