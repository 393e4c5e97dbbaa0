/* SPDX-License-Identifier: MIT */
/*
 * ktls.h - kernel-maintained per-thread data (KTLS): the kernel registers new threads, without a system call of their own.
 *
 * Experimental: no released kernel has KTLS. The symbols have a version of their own, RSEQKIT_EXPERIMENTAL. The symbols can
 * change in any release, without a change of the soname.
 *
 * A kernel with the patch series in kernel/ registers threads itself. The area is in a memory block, the blob, which is at the
 * same offset from the thread pointer in all threads of a process. The blob also has the thread id. With such a kernel, threads
 * have rseq from their first instruction on. This includes threads of raw clone() that were given a thread pointer
 * (CLONE_THREAD | CLONE_SETTLS), threads that the C library makes for itself, and vfork children. It doesn't include other
 * threads and processes that share the memory, vfork children of vfork children, and threads whose blob the kernel can't write.
 * The initial thread is registered by a system call of this library.
 *
 * With other kernels the library keeps the same contract in user space as far as possible. The offset is the same in all
 * threads, and a thread is registered when it first needs rseq. The function rk_ktls_provider() says which component registers
 * threads.
 *
 * At process start the library decides where the areas are, and whether the kernel registers threads. Code that runs before any
 * constructor must call rk_process_init() first. For KTLS the process needs
 *   - a kernel that has KTLS;
 *   - a C library that doesn't register threads (GLIBC_TUNABLES=glibc.pthread.rseq=0, or glibc before 2.35);
 *   - only one thread at the time of the decision;
 *   - room for the blob in static TLS. A program that is linked with librseqkit-ktls has room. The preloaded object has room
 *     too, and its room is used if the program is started with RSEQKIT_AREA=ktls, as `rseqkit exec --ktls` does.
 *
 * This kind of KTLS (RSEQ_KTLS_SET_OFFSET_AUTO) needs no support from the C library. The library never uses it with musl, because
 * a detached thread of musl unmaps its memory while the kernel still writes to that memory. KTLS on musl would need support in
 * musl itself (doc/ktls.md).
 */
#ifndef RSEQKIT_KTLS_H
#define RSEQKIT_KTLS_H

#include <rseqkit/thread.h>

/* The provider is the component that registers threads. Numbers are ABI. */
enum rk_ktls {
	RK_KTLS_NONE = 0,    /* no provider: rseq is missing or refused, or the area is foreign; see rk_thread_reason() */
	RK_KTLS_KERNEL = 1,  /* the kernel, in every thread that is created with a thread pointer of its own and has room */
	RK_KTLS_LIBC = 2,    /* the C library, in every thread that it creates, itself or through the kernel */
	RK_KTLS_LIBRARY = 3, /* this library: if preloaded, before the start routine; otherwise when a thread needs rseq */
	RK_KTLS_OTHERS = 4   /* another component that registers threads: librseq, in threads that call it */
};

/* The known facts of the blob. All other contents of the blob belong to the provider. */
struct rk_ktls_layout {
	uint32_t size;        /* bytes */
	uint32_t alignment;   /* bytes */
	uint64_t rseq_offset; /* bytes from the beginning to the area, struct rseq */
};

RKI_BEGIN_DECLS

/*
 * Asks the kernel whether the kernel could register the threads of a program that has room for the blob. "Room" means the room
 * that the preloaded object and librseqkit-ktls of this version have. The function asks the kernel even if the provider of this
 * process isn't the kernel.
 *
 * If the kernel has KTLS, the function fills `layout` as rk_ktls_query() does, and returns 0, -E2BIG or -ENOTSUP. If the
 * function returns any other value, `layout` is unchanged.
 *
 * Returns
 *   0          the kernel could register the threads
 *   -EINVAL    layout is NULL, or size is 0
 *   -ENXIO     this kernel has no KTLS, or has none for such programs (rseq answers EINVAL, ENOSYS or EOPNOTSUPP)
 *   -E2BIG     the blob needs more room, or a larger alignment
 *   -ENOTSUP   the library never uses KTLS with this C library
 *   -ENODATA   a filter answered 0 but filled nothing, or it answered ENXIO or E2BIG
 *   another negative errno is a filter's answer
 * Context: any thread, signal handler, after fork, vfork child. Cost: one system call.
 */
RKI_API int rk_ktls_query_kernel(struct rk_ktls_layout *layout, size_t size);

/*
 * Returns the provider of this process. The library decides the provider when it decides where the areas are. After the decision
 * the provider is constant.
 *
 * Whatever the provider is, a thread has no rseq if a filter refuses the system call, or if another component has registered the
 * thread in a private area. The function rk_thread_owner() tells this for each thread. If at the decision the process has only
 * one thread, and this thread can't have rseq, the provider is RK_KTLS_NONE. If the kernel has no rseq, the provider is always
 * RK_KTLS_NONE.
 * Context: any thread, signal handler, after fork, vfork child. Cost: nanoseconds, no system call.
 */
RKI_API enum rk_ktls rk_ktls_provider(void);
RKI_API const char *rk_ktls_name(enum rk_ktls provider); /* in static storage; "unknown" for other values */

/*
 * Fills `layout` with the kernel's answer. If the provider isn't the kernel, `layout` describes a blob that has only the area.
 * Writes `size` bytes; the caller passes sizeof *layout. Members that this library doesn't know become 0.
 *
 * Returns 0; -EINVAL when layout is NULL or size is 0; -ENXIO when the provider is RK_KTLS_NONE.
 * Context and cost: as rk_ktls_provider().
 */
RKI_API int rk_ktls_query(struct rk_ktls_layout *layout, size_t size);

/*
 * Returns the offset in bytes from the thread pointer to the blob. The offset is the same in every thread, and constant from
 * the constructor on. If the provider is RK_KTLS_NONE, returns 0, which is never a blob's offset.
 * Context and cost: as rk_ktls_provider().
 */
RKI_API ptrdiff_t rk_ktls_offset(void);

/*
 * rk_ktls_tid() returns the calling thread's id, as gettid() returns it in the thread's PID namespace. rk_ktls_cpu() returns
 * the thread's CPU. When the caller uses the CPU number, the thread can be on another CPU already. `offset` must be the value
 * that rk_ktls_offset() returned; otherwise the behaviour is undefined. If the kernel maintains the blob, rk_ktls_tid() and
 * rk_ktls_cpu() call functions of the vDSO, and need not know the layout of the blob.
 *
 * If the thread isn't registered, and this library registers threads, rk_ktls_cpu() registers the thread. If the vDSO gives no
 * answer, rk_ktls_tid() calls gettid(). In a thread without rseq, rk_ktls_cpu() calls the libc's sched_getcpu(), and returns 0
 * if sched_getcpu() fails.
 *
 * In a vfork child (CLONE_VM | CLONE_VFORK, no CLONE_SETTLS), thread id and CPU are right if the provider is RK_KTLS_KERNEL.
 * With another provider the thread id is right, but the CPU can be the parent's.
 *
 * Some children that clone(2) makes with CLONE_VM are neither vfork children nor threads. Such a child can read its parent's
 * blob, or a duplicate of that blob. Then the thread id and the CPU can be the parent's. They can also be another task's where
 * the kernel can't write the blob (doc/ktls.md, "Limits"). In such tasks, call gettid().
 *
 * Context: any thread; signal handler; after fork; a vfork child as described. Cost: a few nanoseconds if the kernel maintains
 * the blob and the vDSO has the functions. Otherwise rk_ktls_cpu() costs as much as rk_cpu(), and rk_ktls_tid() takes a system
 * call.
 */
RKI_API int rk_ktls_tid(ptrdiff_t offset);
RKI_API int rk_ktls_cpu(ptrdiff_t offset);

RKI_END_DECLS

#endif /* RSEQKIT_KTLS_H */
