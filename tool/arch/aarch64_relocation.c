/* SPDX-License-Identifier: MIT */
/* aarch64_relocation.c - what each relocation of aarch64 stores. Unknown ones store nothing. */
#include <elf.h>
#include <stdbool.h>

#include "aarch64_insn.h"
#include "relocation.h"

/* Stores a number in the field of `count` bits from bit `low` on of an instruction of aarch64. */
static void put_field(const struct relocation *relocation, uint64_t value, unsigned low, unsigned count)
{
	uint32_t word, mask = (uint32_t)(((UINT64_C(1) << count) - 1) << low);

	if (relocation->room < sizeof(word))
		return;
	memcpy(&word, relocation->place, sizeof(word));
	word = (word & ~mask) | ((uint32_t)(value << low) & mask);
	memcpy(relocation->place, &word, sizeof(word));
}

/* Stores a distance in adr or adrp. The lowest two bits of the distance have a field of their own. */
static void put_address(const struct relocation *relocation, uint64_t distance)
{
	put_field(relocation, distance, 29, 2);
	put_field(relocation, distance >> 2, 5, 19);
}

/*
 * Applies a relocation whose result is the distance of a thread-local variable. Returns false for a relocation of another type.
 */
static bool apply_aarch64_thread(const struct relocation *r)
{
	uint64_t sum = r->thread + (uint64_t)r->addend;

	switch (r->type) {
	case R_AARCH64_TLSLE_ADD_TPREL_HI12:
	case R_AARCH64_TLSLD_ADD_DTPREL_HI12:
		put_field(r, sum >> 12, 10, 12);
		return true;
	case R_AARCH64_TLSLE_ADD_TPREL_LO12:
	case R_AARCH64_TLSLE_ADD_TPREL_LO12_NC:
	case R_AARCH64_TLSLE_LDST8_TPREL_LO12:
	case R_AARCH64_TLSLE_LDST8_TPREL_LO12_NC:
	case R_AARCH64_TLSLD_ADD_DTPREL_LO12:
	case R_AARCH64_TLSLD_ADD_DTPREL_LO12_NC:
		put_field(r, sum & 0xfff, 10, 12);
		return true;
	case R_AARCH64_TLSLE_LDST16_TPREL_LO12:
	case R_AARCH64_TLSLE_LDST16_TPREL_LO12_NC:
		put_field(r, (sum & 0xfff) >> 1, 10, 12);
		return true;
	case R_AARCH64_TLSLE_LDST32_TPREL_LO12:
	case R_AARCH64_TLSLE_LDST32_TPREL_LO12_NC:
		put_field(r, (sum & 0xfff) >> 2, 10, 12);
		return true;
	case R_AARCH64_TLSLE_LDST64_TPREL_LO12:
	case R_AARCH64_TLSLE_LDST64_TPREL_LO12_NC:
		put_field(r, (sum & 0xfff) >> 3, 10, 12);
		return true;
	case R_AARCH64_TLSLE_MOVW_TPREL_G0:
	case R_AARCH64_TLSLE_MOVW_TPREL_G0_NC:
		put_field(r, sum & 0xffff, 5, 16);
		return true;
	case R_AARCH64_TLSLE_MOVW_TPREL_G1:
	case R_AARCH64_TLSLE_MOVW_TPREL_G1_NC:
		put_field(r, sum >> 16 & 0xffff, 5, 16);
		return true;
	default:
		return false;
	}
}

void arm_relocate(const struct relocation *r)
{
	uint64_t sum = r->symbol + (uint64_t)r->addend, slot = r->slot + (uint64_t)r->addend;

	if (apply_aarch64_thread(r))
		return;
	switch (r->type) {
	case R_AARCH64_ABS64:
		relocation_put(r, sum, 8);
		break;
	case R_AARCH64_ABS32:
		relocation_put(r, sum, 4);
		break;
	case R_AARCH64_PREL64:
		relocation_put(r, sum - r->at, 8);
		break;
	case R_AARCH64_PREL32:
		relocation_put(r, sum - r->at, 4);
		break;
	case R_AARCH64_ADR_PREL_LO21:
		put_address(r, sum - r->at);
		break;
	case R_AARCH64_ADR_PREL_PG_HI21:
	case R_AARCH64_ADR_PREL_PG_HI21_NC:
		put_address(r, (sum >> 12) - (r->at >> 12));
		break;
	case R_AARCH64_ADR_GOT_PAGE:
		put_address(r, (slot >> 12) - (r->at >> 12));
		break;
	case R_AARCH64_LD64_GOT_LO12_NC:
		put_field(r, (slot & 0xfff) >> 3, 10, 12);
		break;
	case R_AARCH64_ADD_ABS_LO12_NC:
	case R_AARCH64_LDST8_ABS_LO12_NC:
		put_field(r, sum & 0xfff, 10, 12);
		break;
	case R_AARCH64_LDST16_ABS_LO12_NC:
		put_field(r, (sum & 0xfff) >> 1, 10, 12);
		break;
	case R_AARCH64_LDST32_ABS_LO12_NC:
		put_field(r, (sum & 0xfff) >> 2, 10, 12);
		break;
	case R_AARCH64_LDST64_ABS_LO12_NC:
		put_field(r, (sum & 0xfff) >> 3, 10, 12);
		break;
	case R_AARCH64_LDST128_ABS_LO12_NC:
		put_field(r, (sum & 0xfff) >> 4, 10, 12);
		break;
	case R_AARCH64_JUMP26:
	case R_AARCH64_CALL26:
		put_field(r, (sum - r->at) >> 2, 0, 26);
		break;
	case R_AARCH64_LD_PREL_LO19:
	case R_AARCH64_CONDBR19:
		put_field(r, (sum - r->at) >> 2, 5, 19);
		break;
	case R_AARCH64_TSTBR14:
		put_field(r, (sum - r->at) >> 2, 5, 14);
		break;
	default:
		break;
	}
}
