/* SPDX-License-Identifier: MIT */
/* x86_64_relocation.c - what each relocation of x86-64 stores. Unknown ones store nothing. */
#include <elf.h>

#include "x86_64_insn.h"
#include "relocation.h"

void x86_relocate(const struct relocation *r)
{
	uint64_t sum = r->symbol + (uint64_t)r->addend;

	switch (r->type) {
	case R_X86_64_64:
		relocation_put(r, sum, 8);
		break;
	case R_X86_64_32:
	case R_X86_64_32S:
		relocation_put(r, sum, 4);
		break;
	case R_X86_64_PC32:
	case R_X86_64_PLT32:
		relocation_put(r, sum - r->at, 4);
		break;
	case R_X86_64_PC64:
		relocation_put(r, sum - r->at, 8);
		break;
	case R_X86_64_GOTPCREL:
	case R_X86_64_GOTPCRELX:
	case R_X86_64_REX_GOTPCRELX:
		relocation_put(r, r->slot + (uint64_t)r->addend - r->at, 4);
		break;
	case R_X86_64_PC8:
		relocation_put(r, sum - r->at, 1);
		break;
	case R_X86_64_TPOFF32:
	case R_X86_64_DTPOFF32:
		relocation_put(r, r->thread + (uint64_t)r->addend, 4);
		break;
	case R_X86_64_TPOFF64:
	case R_X86_64_DTPOFF64:
		relocation_put(r, r->thread + (uint64_t)r->addend, 8);
		break;
	default:
		break;
	}
}
