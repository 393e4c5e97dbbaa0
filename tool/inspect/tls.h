/* SPDX-License-Identifier: MIT */
/* tls.h - finds the thread-local storage (TLS) of a module in a running process, by the module's relocations. */
#ifndef RK_TOOL_INSPECT_TLS_H
#define RK_TOOL_INSPECT_TLS_H

#include <gelf.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Offsets in bytes from the thread pointer, which are the same in all threads. */
struct inspect_tls {
	bool has_base, has_symbol;
	int64_t base;   /* the offset of the beginning of the module's TLS */
	int64_t symbol; /* the offset of the variable that the module uses by this name. Another module can define it */
};

/*
 * Finds the TLS of the module `elf` in the memory of the process that has the living thread `tid`. `bias` is the distance
 * from addresses in the file to addresses in the process. If an offset can't be found, has_base or has_symbol is false. For
 * example, a module that accesses its TLS only by __tls_get_addr() has no relocations with offsets.
 */
void inspect_tls_read(pid_t tid, Elf *elf, GElf_Addr bias, const char *symbol, struct inspect_tls *tls);

/* Computes where an executable's own TLS begins, which the ABI defines. Returns false if the beginning can't be computed. */
bool inspect_tls_executable(Elf *elf, int64_t *base);

#endif /* RK_TOOL_INSPECT_TLS_H */
