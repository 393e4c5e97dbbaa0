/* SPDX-License-Identifier: MIT */
/* stranger.c - see stranger.h. */
#define _GNU_SOURCE
#include "stranger.h"

#include <errno.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

struct area {
	uint32_t cpu_id_start, cpu_id;
	uint64_t rseq_cs;
	uint32_t flags, padding[3];
} __attribute__((__aligned__(32)));

/* Static TLS, as any that outlives a dlclose(); what it reads before a registration is the stranger's business. */
static __thread struct area zeroed __attribute__((__tls_model__("initial-exec")));
static __thread struct area marked __attribute__((__tls_model__("initial-exec"))) = {.cpu_id = UINT32_MAX};

static struct area *area_of(enum stranger_form form)
{
	return form == STRANGER_ZEROED ? &zeroed : &marked;
}

__attribute__((__visibility__("default"))) int stranger_registers(enum stranger_form form, uint32_t signature)
{
	return syscall(SYS_rseq, area_of(form), 32, 0, signature) == 0 ? 0 : -errno;
}

__attribute__((__visibility__("default"))) const volatile void *stranger_area(enum stranger_form form)
{
	return area_of(form);
}
