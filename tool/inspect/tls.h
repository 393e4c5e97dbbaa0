/* SPDX-License-Identifier: MIT */
/* tls.h - where a running process has the TLS of a module, as its own relocations tell. */
#ifndef RK_TOOL_INSPECT_TLS_H
#define RK_TOOL_INSPECT_TLS_H

#include <gelf.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* In bytes from the thread pointer, the same in all threads. */
struct inspect_tls {
	bool has_base, has_symbol;
	int64_t base;   /* where the module's TLS begins */
	int64_t symbol; /* where the object is that the module uses under a name, whoever defines it */
};

/*
 * Asks the memory of a process, by a thread of it that lives, about the module of `elf`, whose addresses there are `bias`
 * above the file's. What can't be told is left out: a module that uses its TLS by calls alone has nothing to tell.
 */
void inspect_tls_read(pid_t tid, Elf *elf, GElf_Addr bias, const char *symbol, struct inspect_tls *tls);

/* The same for an executable's own TLS, which is where the ABI says; false where that isn't known. */
bool inspect_tls_executable(Elf *elf, int64_t *base);

#endif /* RK_TOOL_INSPECT_TLS_H */
