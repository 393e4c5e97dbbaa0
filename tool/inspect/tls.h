/* SPDX-License-Identifier: MIT */
/* tls.h - finds the TLS of a module in a running process, by the module's relocations. */
#ifndef RK_TOOL_INSPECT_TLS_H
#define RK_TOOL_INSPECT_TLS_H

#include <gelf.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Offsets in bytes from the thread pointer, which are the same in all threads. */
struct inspect_tls {
	bool has_base, has_symbol;
	int64_t base;   /* beginning of the module's TLS */
	int64_t symbol; /* the object that the module uses by this name; another module may define it */
};

/*
 * Reads the memory of a process, by way of a living thread, for the module of `elf`. `bias` is the distance from addresses
 * in the file to addresses in the process. Unknown members stay unset. A module that reaches its TLS only by calls has no
 * such relocations.
 */
void inspect_tls_read(pid_t tid, Elf *elf, GElf_Addr bias, const char *symbol, struct inspect_tls *tls);

/* Computes the beginning of an executable's own TLS, which the ABI defines. Returns false if that isn't known. */
bool inspect_tls_executable(Elf *elf, int64_t *base);

#endif /* RK_TOOL_INSPECT_TLS_H */
