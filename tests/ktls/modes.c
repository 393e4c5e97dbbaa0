/* SPDX-License-Identifier: MIT */
/*
 * modes.c - sets up a mode. The mode says which component registers threads in this process. KTLS is data that the kernel keeps
 * for each thread, with the patches in kernel/.
 *
 *	stock     the C library, unchanged; rseqkit isn't in the process
 *	emulated  rseqkit, because the C library doesn't
 *	flag      the kernel, for threads cloned with CLONE_RSEQ_KTLS; this program has set KTLS up by system calls
 *	auto      the kernel, for all threads; rseqkit has set KTLS up
 *
 * The program is built with rseqkit (WITH_LIBRARY) for emulated and auto, and without it for stock and flag.
 */
#define _GNU_SOURCE
#include "modes.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <rseqkit.h>
#include "../../src/os/vdso.h"

#define AT_FEATURE_SIZE 27 /* AT_RSEQ_FEATURE_SIZE */

const char *const mode_names[MODES] = {[STOCK] = "stock", [EMULATED] = "emulated", [FLAG] = "flag", [AUTO] = "auto"};
struct place place;
enum mode mode;
static const char no_functions[] = "the vDSO has no functions for KTLS";

/* Reads the kernel's description of the blob. Returns false if the kernel has no KTLS. */
static bool ask_for_layout(struct rk_ktls_layout *layout)
{
	return raw_ktls(RAW_KTLS_GET_LAYOUT, layout, sizeof(*layout)) == 0;
}

/*
 * Finds the kernel's own functions for thread id and CPU. judge() checks their results separately, because the library's
 * functions can use another source.
 */
static void ask_kernel(int which)
{
	place.tid[which] = (int (*)(long))(uintptr_t)rk_vdso_find("__vdso_rseq_ktls_tid");
	place.cpu[which] = (int (*)(long))(uintptr_t)rk_vdso_find("__vdso_rseq_ktls_cpu");
}

#ifdef WITH_LIBRARY
static int library_tid(long blob)
{
	return rk_ktls_tid(blob);
}

static int library_cpu(long blob)
{
	return rk_ktls_cpu(blob);
}

static const char *set_up(bool *broken)
{
	enum rk_ktls expected = mode == AUTO ? RK_KTLS_KERNEL : RK_KTLS_LIBRARY;
	struct rk_ktls_layout layout;
	struct rk_process_info info;

	if (mode == AUTO && !ask_for_layout(&layout))
		return "this kernel has no KTLS";
	if (rk_process_init() != 0 && !judge_has_registration())
		return "there is no rseq here";
	*broken = true;
	if (rk_ktls_provider() != expected)
		return "somebody else registers threads, see rk_ktls_provider()";
	if (rk_process_query(&info, sizeof(info)) != 0)
		return "rk_process_query() failed";
	place = (struct place){.offset = info.offset, .length = info.length, .blob = rk_ktls_offset()};
	place.tid[0] = library_tid;
	place.cpu[0] = library_cpu;
	if (mode == AUTO)
		ask_kernel(1);
	return mode != AUTO || (place.tid[1] != NULL && place.cpu[1] != NULL) ? NULL : no_functions;
}

int mode_first_operation(void)
{
	return rk_thread_prepare();
}
#else
#define ROOM 256

/* Room for the blob in static TLS: at one offset in all threads, and mapped as long as the thread lives. */
static __thread char room[ROOM] __attribute__((__aligned__(64), __tls_model__("initial-exec")));

#ifdef __GLIBC__
extern const ptrdiff_t __rseq_offset __attribute__((__weak__));
extern const unsigned int __rseq_size __attribute__((__weak__));

/*
 * glibc publishes how much of the area is valid (__rseq_size), but not the length of the registration, so this function tries
 * all possible lengths.
 */
static const char *find_libc(void)
{
	uint32_t feature_size = (uint32_t)getauxval(AT_FEATURE_SIZE);
	const uint32_t lengths[] = {32, feature_size, (feature_size + 31) & ~31U};

	if (&__rseq_offset == NULL || __rseq_size == 0)
		return "the C library doesn't register here";
	place.offset = __rseq_offset;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		place.length = lengths[i];
		if (judge_is_registered_at(raw_thread_pointer() + place.offset, place.length))
			return NULL;
	}
	return "the C library's registration can't be found";
}
#else
/* musl doesn't register threads, so judge() finds every thread unregistered, whatever values `place` has. */
static const char *find_libc(void)
{
	place.offset = room - raw_thread_pointer();
	place.length = 32;
	return judge_has_registration() ? "somebody has registered the initial thread" : NULL;
}
#endif

static const char *set_ktls_up(bool *broken)
{
	struct rk_ktls_layout layout;
	int64_t offset = room - raw_thread_pointer();
	uint32_t signature = RAW_SIGNATURE;

	if (!ask_for_layout(&layout))
		return "this kernel has no KTLS";
	*broken = true;
	if (judge_has_registration())
		return "the C library has registered the initial thread: set GLIBC_TUNABLES=glibc.pthread.rseq=0";
	if (layout.size > sizeof(room) || layout.alignment > 64)
		return "the kernel asks for more room than there is";
	if (raw_ktls(RAW_KTLS_SET_OFFSET, &offset, sizeof(offset)) != 0)
		return "RSEQ_KTLS_SET_OFFSET failed";
	if (raw_ktls(RAW_KTLS_SET_SIG, &signature, sizeof(signature)) != 0)
		return "RSEQ_KTLS_SET_SIG failed";
	if (raw_ktls(RAW_KTLS_SET_THREAD, NULL, 0) != 0)
		return "RSEQ_KTLS_SET_THREAD failed";
	place.offset = offset + (ptrdiff_t)layout.rseq_offset;
	place.length = (uint32_t)getauxval(AT_FEATURE_SIZE);
	place.blob = offset;
	ask_kernel(0);
	return place.tid[0] != NULL && place.cpu[0] != NULL ? NULL : no_functions;
}

static const char *set_up(bool *broken)
{
	return mode == STOCK ? find_libc() : set_ktls_up(broken);
}

int mode_first_operation(void)
{
	return 1;
}
#endif

const char *mode_set_up(const char *name, bool *broken)
{
	const char *why;

	*broken = true;
	for (mode = 0; mode < MODES && strcmp(mode_names[mode], name) != 0; mode++)
		;
#ifdef WITH_LIBRARY
	if (mode != EMULATED && mode != AUTO)
		return "this program, which has rseqkit in it, knows the modes emulated and auto";
#else
	if (mode != STOCK && mode != FLAG)
		return "this program, which has no rseqkit in it, knows the modes stock and flag";
#endif
	*broken = false;
	why = set_up(broken);
	if (why != NULL && !*broken && getenv("KTLS_REQUIRED") != NULL)
		*broken = true;
	return why;
}

/*
 * Creates thread data for a raw thread, which is a thread that no C library made (ways_raw.c).
 *
 * glibc has a function for components that create threads themselves: _dl_allocate_tls(). As for any new thread, it returns
 * static TLS with the initial contents of all modules, and a thread descriptor of zeros. With musl all bytes of the memory are
 * 0xff, because raw threads use none of its contents. With both libraries, the word at the thread pointer contains the thread
 * pointer.
 */
char *mode_thread_data(void)
{
#ifdef __GLIBC__
	void *(*allocate)(void *) = (void *(*)(void *))(uintptr_t)dlsym(RTLD_DEFAULT, "_dl_allocate_tls");
	char *pointer = allocate != NULL ? allocate(NULL) : NULL;

	if (pointer == NULL)
		return NULL;
	memcpy(pointer + 40, raw_thread_pointer() + 40, 16); /* the stack guard and the pointer guard */
	((char **)(void *)pointer)[2] = pointer;
#else
	enum { SIZE = 1 << 16 };
	char *memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *pointer = memory + SIZE / 2 + (uintptr_t)raw_thread_pointer() % 64; /* TLS is aligned relative to the pointer */

	if (memory == MAP_FAILED)
		return NULL;
	memset(memory, 0xff, SIZE);
#endif
	((char **)(void *)pointer)[0] = pointer;
	return pointer;
}
