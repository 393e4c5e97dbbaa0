/* SPDX-License-Identifier: MIT */
/* insn.c - decodes instructions with capstone, and lets the port of the architecture fill in what they do. */
#include "insn.h"

#include <stdlib.h>

struct decoder {
	const struct arch *arch;
	csh engine;
	cs_insn *decoded;
};

const struct arch *arch_find(unsigned machine)
{
	static const struct arch *const all[] = {&arch_x86, &arch_aarch64};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (all[i]->machine == machine)
			return all[i];
	return NULL;
}

struct decoder *decoder_open(const struct arch *arch)
{
	struct decoder *decoder = (struct decoder *)calloc(1, sizeof(*decoder));

	if (decoder == NULL)
		return NULL;
	decoder->arch = arch;
	if (cs_open(arch->engine, arch->mode, &decoder->engine) == CS_ERR_OK &&
	    cs_option(decoder->engine, CS_OPT_DETAIL, CS_OPT_ON) == CS_ERR_OK)
		decoder->decoded = cs_malloc(decoder->engine);
	if (decoder->decoded != NULL)
		return decoder;
	decoder_close(decoder);
	return NULL;
}

void decoder_close(struct decoder *decoder)
{
	if (decoder == NULL)
		return;
	if (decoder->decoded != NULL)
		cs_free(decoder->decoded, 1);
	if (decoder->engine != 0)
		cs_close(&decoder->engine);
	free(decoder);
}

bool decode(struct decoder *decoder, const uint8_t *code, size_t size, uint64_t address, struct insn *insn)
{
	static const struct insn none = {
		.memory = {{.base = NO_REGISTER, .index = NO_REGISTER}, {.base = NO_REGISTER, .index = NO_REGISTER}},
		.sum = {.to = NO_REGISTER},
	};
	const struct arch *arch = decoder->arch;
	const uint8_t *first = code;
	size_t whole = size;
	uint64_t at = address;

	*insn = none;
	insn->address = address;
	if (!cs_disasm_iter(decoder->engine, &code, &size, &at, decoder->decoded))
		return arch->convert_undecoded != NULL && arch->convert_undecoded(first, whole, insn);
	insn->size = (uint8_t)decoder->decoded->size;
	arch->convert(decoder->decoded, insn);
	if (insn->kind == INSN_TRAP && arch->trap_size != NULL)
		insn->size = arch->trap_size(first, whole, insn->size);
	return true;
}
