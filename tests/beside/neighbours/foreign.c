/* SPDX-License-Identifier: MIT */
/*
 * foreign.c - a component that follows no protocol and expects to be alone. It registers a private area, as runtimes and
 * programs with their own rseq code do. By default the cpu_id of an unregistered area is 0. If the kernel refuses a
 * registration, the component works without rseq. Two macros change this:
 *
 * MARKED      the cpu_id of an unregistered area is RK_CPU_ID_UNINITIALIZED, as the kernel's header demands
 * DEMANDING   if the kernel refuses a registration after it accepted an earlier one, the component aborts the process
 */
#define _GNU_SOURCE
#include "foreign.h"

#include <errno.h>
#include <stdlib.h>
#include "owner.h"

/* The areas are in static TLS, so that they stay valid after a dlclose() of the module. */
#define AREA __attribute__((__aligned__(32), __tls_model__("initial-exec")))

static __thread struct rk_area zeroed AREA;
static __thread struct rk_area marked AREA = {.cpu_id = (uint32_t)RK_CPU_ID_UNINITIALIZED};

static volatile struct rk_area *area_of(enum foreign_form form)
{
	return form == FOREIGN_ZEROED ? &zeroed : &marked;
}

int foreign_registers(enum foreign_form form, uint32_t signature)
{
	return syscall(SYS_rseq, area_of(form), RK_AREA_LENGTH_ORIGINAL, 0, signature) == 0 ? 0 : -errno;
}

const volatile void *foreign_area(enum foreign_form form)
{
	return area_of(form);
}

#ifdef MARKED
#define FORM FOREIGN_MARKED
#else
#define FORM FOREIGN_ZEROED
#endif

static volatile void *area(void)
{
	return area_of(FORM);
}

static bool take(void)
{
	bool got = foreign_registers(FORM, RK_SIGNATURE) == 0;
#ifdef DEMANDING
	static bool succeeded;

	if (!got && __atomic_load_n(&succeeded, __ATOMIC_RELAXED))
		abort();
	if (got)
		__atomic_store_n(&succeeded, true, __ATOMIC_RELAXED);
#endif
	return got;
}
