/* SPDX-License-Identifier: MIT */
/* error.c - what the error numbers of this library's functions mean. */
#include <rseqkit/api.h>

#include <errno.h>
#include <stddef.h>

/* Errors of which headers say more: one sentence that is right for each function that returns it. */
static const struct {
	int error;
	const char *text;
} errors[] = {
	{0, "it was done"},
	{E2BIG, "an option is set that this library doesn't know, or the kernel's data needs more room than there is"},
	{EACCES, "the thread's area is registered with another signature"},
	{EADDRINUSE, "the copies of rseqkit in this process can't agree on an area"},
	{EAGAIN, "not now: something that was interrupted stands in the way, or a limit is reached; try again later"},
	{EALREADY, "it was killed before; of a worker: it runs already, or it was stopped already"},
	{EBUSY, "it is held or in use, by the calling thread perhaps; of a registration: another component made it"},
	{ECANCELED, "the program asked for no registration, or another component broke a bracket of vfork"},
	{EDEADLK, "the calling thread holds it, and would wait for itself"},
	{EEXIST, "it was opened before"},
	{EHOSTUNREACH, "there is no fence: membarrier is missing or refused, and the thread may not visit all CPUs"},
	{EINTR, "a signal came while it waited"},
	{EINVAL, "a parameter is NULL, out of range, negative where it would have to wait, or not of this kind"},
	{EMSGSIZE, "the record is longer than this ring takes"},
	{ENOBUFS, "there is no room in the ring: the record was dropped and counted"},
	{ENODATA, "a system call filter said that all is well, and nothing was done"},
	{ENOENT, "there is no reference left to begin with"},
	{ENOMEM, "there is no memory, or no address space"},
	{ENOSYS, "the kernel has no such system call, or this library no critical sections for the architecture"},
	{ENOTSUP, "it can't be done here: the C library, or another owner of the registration, is in the way"},
	{ENXIO, "the kernel has no KTLS, or nothing registers threads here"},
	{EOVERFLOW, "it is counted or nested as often as it can be"},
	{EPERM, "the calling thread doesn't hold it; of a registration: a system call filter refuses it"},
	{ESHUTDOWN, "the thread is about to end"},
	{ESRCH, "the C library registers threads, but this one isn't registered"},
	{ESTALE, "a fence failed before, and failed again: nothing has changed"},
	{ETIMEDOUT, "the time is over"},
	{EUCLEAN, "per-CPU memory was written to after it was freed, or behind its end (RK_PERCPU_DEBUG)"},
};

const char *rk_error_text(int error)
{
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		if (errors[i].error == error || errors[i].error == -error)
			return errors[i].text;
	return "unknown";
}
