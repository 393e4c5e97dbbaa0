/* SPDX-License-Identifier: MIT */
/*
 * kernel.h - functions for the system calls that this library makes, and functions that find out facts by such calls.
 *
 * A function whose system call fails returns a negative errno. Every function leaves errno as it was, so all functions of this
 * file are async-signal-safe.
 */
#ifndef RK_SRC_KERNEL_H
#define RK_SRC_KERNEL_H

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <rseqkit/abi.h>
#include "arch/arch.h"

#ifndef SYS_rseq
#define SYS_rseq __NR_rseq
#endif

/* Flags of rseq(2). Every kernel takes 0 for a registration, and RSEQ_FLAG_UNREGISTER (include/uapi/linux/rseq.h) to undo it. */
#define RK_RSEQ_REGISTER 0
#define RK_RSEQ_UNREGISTER 1

/*
 * These values are from include/uapi/linux/rseq.h of kernels with KTLS: the patch series in kernel/ makes the kernel register
 * threads. With the flag RK_RSEQ_KTLS, the last argument of rseq(2) is one of the commands below, and not a signature.
 */
#define RK_RSEQ_KTLS (1 << 2)
#define RK_KTLS_GET_LAYOUT 1
#define RK_KTLS_SET_SIG 3
#define RK_KTLS_SET_THREAD 4
#define RK_KTLS_SET_OFFSET_AUTO 7

/* Makes a system call by the libc's syscall(). Returns a negative errno if the call fails. Leaves errno as it was. */
#define RK_SYSCALL(...)                                                                                                \
	__extension__({                                                                                                \
		int rk_errno_ = errno;                                                                                 \
		long rk_result_ = syscall(__VA_ARGS__);                                                                \
		if (rk_result_ == -1)                                                                                  \
			rk_result_ = -errno;                                                                           \
		errno = rk_errno_;                                                                                     \
		rk_result_;                                                                                            \
	})

/*
 * rk_kernel_set_signals() sets the calling thread's signal mask, which has RK_SIGSET_SIZE bytes. rk_kernel_block_signals()
 * adds to the mask all signals that can be blocked without harm. Both functions return 0 and store the earlier mask in
 * *before, or return a negative errno. They make raw calls, because the libc's functions never block two signals that the
 * libc itself uses.
 *
 * rk_kernel_block_signals() doesn't block the signals that an instruction can cause. If an instruction causes a signal that
 * is blocked, the kernel ends the process (force_sig_info_to_task() in the kernel's signal.c). SIGSYS is one of these
 * signals, because a filter with SECCOMP_RET_TRAP sends it, and its handler answers the system call.
 */
#define RKI_SIGNAL_BIT(signal) (1UL << ((signal)-1))
#define RK_SYNCHRONOUS_SIGNALS                                                                                         \
	(RKI_SIGNAL_BIT(SIGILL) | RKI_SIGNAL_BIT(SIGTRAP) | RKI_SIGNAL_BIT(SIGBUS) | RKI_SIGNAL_BIT(SIGFPE) |          \
	 RKI_SIGNAL_BIT(SIGSEGV) | RKI_SIGNAL_BIT(SIGSYS))
_Static_assert(RK_SIGSET_SIZE == _NSIG / 8, "the kernel accepts no other size of a set of signals");

static inline int rk_kernel_set_signals(const void *signals, void *before)
{
	return (int)RK_SYSCALL(SYS_rt_sigprocmask, SIG_SETMASK, signals, before, RK_SIGSET_SIZE);
}

static inline int rk_kernel_block_signals(void *before)
{
	unsigned long blocked[RK_SIGSET_SIZE / sizeof(long)];

	for (size_t i = 0; i < RK_SIGSET_SIZE / sizeof(long); i++)
		blocked[i] = ~0UL;
	blocked[0] &= ~RK_SYNCHRONOUS_SIGNALS;
	return (int)RK_SYSCALL(SYS_rt_sigprocmask, SIG_BLOCK, blocked, before, RK_SIGSET_SIZE);
}

/* Returns whether the calling thread blocks the signal. */
static inline bool rk_kernel_is_blocked(int signal)
{
	unsigned long blocked[RK_SIGSET_SIZE / sizeof(long)] = {0};

	(void)rk_kernel_set_signals(NULL, blocked);
	return (blocked[0] & RKI_SIGNAL_BIT(signal)) != 0;
}

/*
 * rk_kernel_now() returns the time of the monotonic clock, in nanoseconds. rk_kernel_end_of() returns the time on this clock
 * that is `nanoseconds` from now. If the result is INT64_MAX, that time never comes.
 */
static inline int64_t rk_kernel_now(void)
{
	struct timespec time = {0, 0};
	int saved = errno;

	/*
	 * A read of this clock can take a system call, which a filter can refuse. A read of the coarse clock takes no system
	 * call if the vDSO has that clock.
	 */
	if (clock_gettime(CLOCK_MONOTONIC, &time) != 0)
		(void)clock_gettime(CLOCK_MONOTONIC_COARSE, &time);
	errno = saved;
	return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static inline int64_t rk_kernel_end_of(int64_t nanoseconds)
{
	int64_t now = nanoseconds == INT64_MAX ? 0 : rk_kernel_now(); /* rk_kernel_now() can make a system call */

	return now > INT64_MAX - nanoseconds ? INT64_MAX : now + nanoseconds;
}

/* Commands of futex(2) for words that only this process uses (FUTEX_PRIVATE_FLAG of include/uapi/linux/futex.h is included). */
#define RK_FUTEX_WAIT 128
#define RK_FUTEX_WAKE 129

#ifndef SYS_futex /* on 32-bit machines that have always had 64-bit time */
#define SYS_futex SYS_futex_time64
typedef int64_t rk_futex_time;
#else
typedef long rk_futex_time; /* the type in the kernel's old timespec, which the libc's time_t isn't always */
#endif

/* Sleeps while *word is `value`, for at most `nanoseconds`. Returns 0 or a negative errno. */
static inline long rk_futex_wait(const uint32_t *word, uint32_t value, int64_t nanoseconds)
{
	int64_t seconds = nanoseconds / 1000000000;
	rk_futex_time time[2] = {(rk_futex_time)(seconds < INT32_MAX ? seconds : INT32_MAX),
				 (rk_futex_time)(nanoseconds % 1000000000)};

	return RK_SYSCALL(SYS_futex, word, RK_FUTEX_WAIT, value, time, NULL, 0);
}

static inline void rk_futex_wake(const uint32_t *word, int threads)
{
	(void)RK_SYSCALL(SYS_futex, word, RK_FUTEX_WAKE, threads, NULL, NULL, 0);
}

/*
 * Returns an entry of the auxiliary vector, or 0 if the vector has no such entry. Leaves errno as it was. The libc's
 * getauxval() would set errno if there is no entry.
 */
static inline unsigned long rk_auxiliary(unsigned long type)
{
	int saved = errno;
	unsigned long value = getauxval(type);

	errno = saved;
	return value;
}

static inline size_t rk_page_size(void)
{
#ifdef RK_PAGE_SIZE
	return RK_PAGE_SIZE;
#else
	return (size_t)getauxval(AT_PAGESZ);
#endif
}

/* Linux 6.3 and later have these entries (include/uapi/linux/auxvec.h). */
#ifndef AT_RSEQ_FEATURE_SIZE
#define AT_RSEQ_FEATURE_SIZE 27
#define AT_RSEQ_ALIGN 28
#endif

/* Returns the feature size that the kernel announces, in bytes, or the original feature size if the kernel announces none. */
static inline uint32_t rk_feature_size(void)
{
	unsigned long announced = rk_auxiliary(AT_RSEQ_FEATURE_SIZE);

	return announced != 0 ? (uint32_t)announced : RK_FEATURE_SIZE_ORIGINAL;
}

/*
 * In src/, only functions of this file call rk_sys_rseq(), and each has one purpose (scripts/check-layers). No other file of
 * src/ therefore knows the flags and the signature of a registration. embed.h has its own call.
 *
 * The code of this function has the complement of the system call's number, which the compiler can't fold. Other copies of this
 * library therefore don't take this copy for a component that registers threads itself (callers.c).
 */
static inline int rk_sys_rseq(volatile void *area, uint32_t length, int flags, uint32_t signature)
{
	long complement = ~(long)SYS_rseq;

	__asm__("" : "+r"(complement));
	return (int)RK_SYSCALL(~complement, area, length, flags, signature);
}

/*
 * rk_kernel_register() registers the calling thread at this area (struct rseq). rk_kernel_unregister() undoes the registration,
 * if area, length and signature are those of the registration. Both return 0 or a negative errno.
 */
static inline int rk_kernel_register(volatile void *area, uint32_t length)
{
	return rk_sys_rseq(area, length, RK_RSEQ_REGISTER, RK_SIGNATURE);
}

static inline int rk_kernel_unregister(volatile void *area, uint32_t length)
{
	return rk_sys_rseq(area, length, RK_RSEQ_UNREGISTER, RK_SIGNATURE);
}

/* Gives the kernel one of the commands of KTLS. */
static inline int rk_kernel_ktls(uint32_t command, volatile void *argument, uint32_t size)
{
	return rk_sys_rseq(argument, size, RK_RSEQ_KTLS, command);
}

/* Registers the calling thread at the process's KTLS offset. */
static inline int rk_kernel_ktls_register(void)
{
	return rk_kernel_ktls(RK_KTLS_SET_THREAD, NULL, 0);
}

/* The time slice extension of Linux 7.0 and later, from include/uapi/linux/prctl.h. */
#define RK_PRCTL_SLICE_EXTENSION 79
#define RK_PRCTL_SLICE_EXTENSION_SET 2
#define RK_PRCTL_SLICE_EXTENSION_ENABLE 1
#define RK_SYS_SLICE_YIELD 471 /* rseq_slice_yield(2), the same on every machine */

/* Switches the slice extension on for the calling thread. Returns 0, or a negative errno of the kernel or a filter. */
static inline int rk_kernel_slice_on(void)
{
	return (int)RK_SYSCALL(SYS_prctl, RK_PRCTL_SLICE_EXTENSION, RK_PRCTL_SLICE_EXTENSION_SET, RK_PRCTL_SLICE_EXTENSION_ENABLE,
			       0, 0);
}

/*
 * Returns whether the calling thread has a registration, at any address: 1 if it has one, 0 if not, a negative errno if the
 * kernel doesn't say. This function tries to register an address that is never user memory. The kernel checks for an earlier
 * registration before it checks the address, so the error shows whether there is a registration.
 *
 * A 32-bit process on a 64-bit kernel has no such address, so 32-bit processes pass NULL. Old kernels accept NULL, and leave
 * the thread as it is. On 64-bit machines no kernel can accept the address, but a filter can report success for a call that
 * isn't made. On 64-bit machines, success therefore becomes -EPERM.
 */
static inline int rk_kernel_has_registration(void)
{
	volatile void *address = (volatile void *)(sizeof(void *) == 8 ? -(uintptr_t)4096 : 0);
	int r = rk_kernel_register(address, RK_AREA_LENGTH_ORIGINAL);

	return r == -EINVAL ? 1 : r == -EFAULT ? 0 : r == 0 && sizeof(void *) == 8 ? -EPERM : r;
}

/*
 * Returns whether the calling thread is registered at exactly this area (struct rseq) and length. This function tries to
 * unregister the area with a wrong signature. The attempt never succeeds, and the kernel answers EPERM only if the area and the
 * length are right. A filter can answer EPERM to every call. In that case nothing is known, and this function returns false.
 */
static inline bool rk_kernel_registered_at(volatile void *area, uint32_t length)
{
	return rk_sys_rseq(area, length, RK_RSEQ_UNREGISTER, ~(uint32_t)RK_SIGNATURE) == -EPERM &&
	       rk_kernel_has_registration() == 1;
}

/*
 * Returns whether the calling thread's registration at this area has our signature. This function tries to register the thread
 * again, which changes nothing. The kernel answers EPERM if the signature differs. If a filter may have answered EPERM, this
 * function returns true.
 */
static inline bool rk_kernel_signature_is_ours(volatile void *area, uint32_t length)
{
	return rk_kernel_register(area, length) != -EPERM || rk_kernel_has_registration() != 1;
}

/*
 * Returns whether the memory at this address can be read. The second system call passes the address as that of a new signal
 * mask, and an invalid first argument. The kernel reads the mask before it checks the first argument, so the call changes
 * nothing, and causes no fault. A seccomp filter can answer every call with EINVAL, too. The first system call, which has no
 * mask, fails in that case (rk_kernel_tells_readable()).
 */
static inline bool rk_kernel_tells_readable(void)
{
	return RK_SYSCALL(SYS_rt_sigprocmask, 0, NULL, NULL, RK_SIGSET_SIZE) == 0;
}

static inline bool rk_kernel_reads(const void *address)
{
	return RK_SYSCALL(SYS_rt_sigprocmask, -1, address, NULL, RK_SIGSET_SIZE) == -EINVAL;
}

static inline bool rk_kernel_can_read(const void *address)
{
	return rk_kernel_tells_readable() && rk_kernel_reads(address);
}

/*
 * Maps memory as mmap() does, and a file from its beginning. Returns the address, or a negative errno. On 32-bit machines an
 * address can be negative, too, so callers use RK_MAP_FAILED. Unlike mmap(), which programs interpose, this function can be
 * called in constructors of a preloaded object (string.c).
 *
 * On 32-bit machines, mmap2 replaces mmap, because mmap2 takes its arguments in registers. syscall() reads each argument as a
 * long. On x86-64 the last one is on the stack, where an int would leave half of the long undefined.
 */
static inline long rk_kernel_map_at(const void *address, size_t size, int protection, int flags, int fd)
{
#ifdef SYS_mmap2
	return RK_SYSCALL(SYS_mmap2, address, size, protection, flags, fd, 0L);
#elif RK_MAP_TAKES_BLOCK
	const long arguments[6] = {(long)address, (long)size, protection, flags, fd, 0};

	return RK_SYSCALL(SYS_mmap, arguments);
#else
	return RK_SYSCALL(SYS_mmap, address, size, protection, flags, fd, 0L);
#endif
}

/* Whether rk_kernel_map_at() failed. Other negative values are high addresses of 32-bit machines. */
#define RK_MAP_FAILED(mapped) ((mapped) < 0 && (mapped) >= -4095)

/* rk_kernel_map() maps private memory that is zero, and returns NULL on failure. rk_kernel_unmap() unmaps it. */
static inline void *rk_kernel_map(size_t size)
{
	long mapped = rk_kernel_map_at(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);

	return RK_MAP_FAILED(mapped) ? NULL : (void *)(uintptr_t)mapped;
}

static inline void rk_kernel_unmap(void *memory, size_t size)
{
	(void)RK_SYSCALL(SYS_munmap, memory, size);
}

/*
 * RK_FOURTH_WIDE passes a 64-bit value as the fourth argument of a system call. Such an argument takes one or two registers.
 * On some machines, the first of two registers must have an even number (RK_PAIRS_ARE_EVEN).
 */
#if __SIZEOF_LONG__ == 4 && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define RK_WIDE(value) 0L, (value)
#else
#define RK_WIDE(value) (value), 0L
#endif
#if RK_PAIRS_ARE_EVEN
#define RK_FOURTH_WIDE(value) 0L, RK_WIDE(value)
#else
#define RK_FOURTH_WIDE(value) RK_WIDE(value)
#endif

/*
 * Reads from the file, beginning at `position`. Doesn't use the descriptor's own position, because a child shares that
 * position with its parent. A signal handler between the open and the read can fork, and the child can read from the same
 * descriptor. Returns -EINTR only if 100 attempts fail with this error, for example because a filter answers so.
 */
static inline long rk_kernel_read_at(long fd, void *buffer, size_t size, long position)
{
	long r = -EINTR;

	for (int i = 0; i < 100 && r == -EINTR; i++)
		r = RK_SYSCALL(SYS_pread64, (int)fd, buffer, size, RK_FOURTH_WIDE(position));
	return r;
}

/*
 * Returns whether the process's limit allows a file of this size. If a write exceeds the limit, the kernel refuses it, and
 * also ends the process by SIGXFSZ. If the limit isn't known, returns false.
 */
static inline bool rk_kernel_file_may_have(uint64_t size)
{
	struct {
		uint64_t now, most;
	} limit = {0, 0}; /* initialised, because MemorySanitizer doesn't know what system calls write */

	return RK_SYSCALL(SYS_prlimit64, 0, RLIMIT_FSIZE, NULL, &limit) == 0 && limit.now >= size;
}

/*
 * Returns whether the calling thread runs on another thread's TLS, as a vfork child does: 1 if it does, 0 if not, a
 * negative errno if the kernel doesn't say.
 *
 * glibc sets a robust list for each thread that it creates, and for the child of fork(). The kernel never passes a robust list
 * on to a new thread, so with glibc a thread without a robust list runs on another thread's TLS.
 *
 * musl keeps the thread id in TLS, and its gettid() returns the kept id. A thread therefore runs on another thread's TLS if the
 * system call returns another id than gettid().
 */
static inline int rk_kernel_is_vfork_child(void)
{
#ifndef __GLIBC__
	pid_t kept;
	bool differs;

	/*
	 * If a signal handler forks between the two reads, the child has other ids than its parent, so both ids are read again.
	 */
	do {
		kept = gettid();
		differs = RK_SYSCALL(SYS_gettid) != kept;
	} while (kept != gettid());
	return differs;
#else
	void *head = NULL;
	size_t length = 0;
	int r = (int)RK_SYSCALL(SYS_get_robust_list, 0, &head, &length);

	return r < 0 ? r : head == NULL;
#endif
}

#endif /* RK_SRC_KERNEL_H */
