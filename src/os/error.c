/* SPDX-License-Identifier: MIT */
/* error.c - texts for the error numbers that this library's functions return. */
#include <rseqkit/api.h>

#include <errno.h>
#include <stddef.h>

/* Each text is right for every function that returns the error number. The function's comment in its public header says more. */
static const struct {
	int error;
	const char *text;
} errors[] = {
	{0, "it was done"},
	{E2BIG, "this library doesn't know an option that is set, or there is too little room for the kernel's data"},
	{EACCES, "the thread's area is registered with another signature"},
	{EADDRINUSE, "the copies of rseqkit in this process can't agree on an area"},
	{EAGAIN, "try again later: a limit is reached, or an interrupted thread stands in the way"},
	{EALREADY, "it was done before: the object is killed, or the worker is started or stopped"},
	{EBUSY, "it is in use: by a thread, a reader, a worker, interrupted code, or another component that registers"},
	{ECANCELED, "the program asked for no registration, or another component broke a bracket of vfork"},
	{EDEADLK, "the calling thread would wait for itself"},
	{EEXIST, "it is open already"},
	{EHOSTUNREACH, "there is no fence: membarrier is missing or refused, and the thread may not run on all CPUs"},
	{EINTR, "a signal interrupted the wait"},
	{EINVAL, "a parameter is NULL, out of range, a negative time, or not an object of this kind"},
	{EMSGSIZE, "the record is longer than this ring takes"},
	{ENOBUFS, "there is no room in the ring: the record was dropped and counted"},
	{ENODATA, "a system call filter returned success, but nothing was done"},
	{ENOENT, "the object has no references any more"},
	{ENOMEM, "there is too little memory or address space"},
	{ENOSYS, "the kernel lacks the system call, or this library has no critical sections for this architecture"},
	{ENOTSUP, "the C library or the owner of the registration doesn't allow it"},
	{ENXIO, "the kernel has no KTLS, or no part of this process registers threads"},
	{EOVERFLOW, "it is counted or nested too often"},
	{EPERM, "the calling thread doesn't hold it, or the system refuses it (a system call filter, or missing rights)"},
	{ESHUTDOWN, "the thread is about to end"},
	{ESRCH, "the C library registers threads, but this one isn't registered"},
	{ESTALE, "an earlier fence failed, and failed again; nothing was changed"},
	{ETIMEDOUT, "the time limit is over"},
	{EUCLEAN, "per-CPU memory was written to after it was freed, or past its end (found by RK_PERCPU_DEBUG)"},
};

const char *rk_error_text(int error)
{
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		if (errors[i].error == error || -errors[i].error == error)
			return errors[i].text;
	return "unknown";
}
