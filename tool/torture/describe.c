/* SPDX-License-Identifier: MIT */
/*
 * describe.c - describes an ELF file's critical sections and their instructions, for `rseqkit torture`. The functions run in a
 * child process that catalog.c starts.
 */
#define _GNU_SOURCE
#include "describe.h"

#include <stdlib.h>
#include <string.h>

#include "common/output.h"
#include "common/source.h"
#include "arch/machine.h"
#include "sections/lines.h"
#include "sections/section.h"

/* The file that is described. */
struct described {
	struct image *image;
	struct found found;
	struct decoder *decoder;
	struct lines *lines;
};

#define PAGE 4096 /* the smallest page of the supported architectures */

static bool put(FILE *out, const void *bytes, size_t size)
{
	return fwrite(bytes, 1, size, out) == size;
}

static void put_source(char source[SOURCE_MAX], struct lines *lines, uint64_t address)
{
	int line = 0;
	const char *file = lines_find(lines, address, &line), *slash;
	char text[SOURCE_MAX - 12];

	source[0] = '\0';
	if (file == NULL)
		return;
	slash = strrchr(file, '/');
	copy_printable(text, sizeof(text), slash != NULL ? slash + 1 : file);
	snprintf(source, SOURCE_MAX, "%s:%d", text, line);
}

/*
 * Copies the `size` bytes at this address of the image to `code`, and fills the rest of `code` with zeros. If the image lacks
 * these bytes, all of `code` becomes 0.
 */
static void put_code(uint8_t code[CODE_MAX], const struct image *image, uint64_t address, size_t size)
{
	const uint8_t *bytes;

	memset(code, 0, CODE_MAX);
	bytes = size <= CODE_MAX ? image_at(image, address, size) : NULL;
	if (bytes != NULL)
		memcpy(code, bytes, size);
}

/*
 * Returns the address to which an edge leads, or 0 if it isn't known. An edge is a way from a section's instruction to the next
 * one (tool/sections/section.h). If the edge leaves the section (EDGE_OUT), returns `outside`.
 */
static uint64_t edge_address(const struct section *section, const struct node *node, int edge, uint64_t outside)
{
	if (edge >= 0)
		return section->nodes[edge].insn.address;
	if (edge == EDGE_END)
		return section->end;
	if (edge == EDGE_CROSSES)
		return node->insn.address + node->insn.size;
	return edge == EDGE_OUT ? outside : 0;
}

static void describe_store(const struct image *image, const struct node *node, struct torture_store *store)
{
	const struct insn_memory *memory;
	unsigned which = 0;

	if (!node_stores(node, &which) || node_stores_to_stack(node, image->arch))
		return;
	memory = &node->insn.memory[which];
	if (memory->unknown_address || memory->width == 0 || memory->width > STORE_MAX)
		return;
	*store = (struct torture_store){
		.width = (uint8_t)memory->width,
		.thread = memory->thread,
		.repeated = memory->repeated,
		.base = memory->base,
		.index = memory->index,
		.factor = memory->factor,
		.displacement = memory->displacement,
	};
}

static int compare_nodes(const void *left, const void *right)
{
	const struct torture_insn *a = (const struct torture_insn *)left, *b = (const struct torture_insn *)right;

	return a->address < b->address ? -1 : a->address > b->address;
}

/* Adds the section's instructions to the list *insns. `number` is the section's index in the description. */
static bool add_insns(const struct described *file, const struct section *section, uint32_t number, struct torture_insn **insns,
		      uint32_t *count)
{
	struct torture_insn *more = (struct torture_insn *)realloc(*insns, (*count + section->count) * sizeof(**insns));

	if (more == NULL)
		return false;
	*insns = more;
	for (size_t i = 0; i < section->count; i++) {
		const struct node *node = &section->nodes[i];
		struct torture_insn *insn = &more[*count];

		if (node->insn.size == 0)
			continue;
		memset(insn, 0, sizeof(*insn));
		insn->address = node->insn.address;
		insn->section = number;
		insn->size = node->insn.size;
		put_code(insn->code, file->image, insn->address, insn->size);
		insn->last = node_is_last(section, node);
		insn->declared = node->declared;
		insn->next = edge_address(section, node, node->next, node->insn.address + node->insn.size);
		insn->jump = edge_address(section, node, node->jump, node->insn.target);
		if (!insn->last && !insn->declared)
			describe_store(file->image, node, &insn->store);
		put_source(insn->source, file->lines, insn->address);
		++*count;
	}
	return true;
}

static void describe_section(struct described *file, const struct section *section, struct torture_section *out)
{
	const struct symbol *symbol = image_symbol(file->image, section->start);
	struct insn handler;

	*out = (struct torture_section){
		.start = section->start,
		.end = section->end,
		.abort = section->abort,
		.descriptor = section->descriptor->address,
		.complete = section->complete,
		.declares = section->declares,
	};
	if (symbol != NULL) {
		char name[SYMBOL_MAX - 20];

		source_name(name, sizeof(name), symbol->name);
		snprintf(out->symbol, sizeof(out->symbol), "%s+0x%llx", name,
			 (unsigned long long)(section->start - symbol->address));
	} else {
		snprintf(out->symbol, sizeof(out->symbol), "0x%llx", (unsigned long long)section->start);
	}
	put_source(out->source, file->lines, section->start);
	put_code(out->end_code, file->image, section->end, machine_trap_size);
	if (image_decode(file->image, file->decoder, section->abort, &handler)) {
		out->handler_next = handler.kind == INSN_PLAIN || handler.kind == INSN_BRANCH ? section->abort + handler.size : 0;
		out->handler_jump = handler.kind == INSN_JUMP || handler.kind == INSN_BRANCH || handler.kind == INSN_CALL
					    ? handler.target
					    : 0;
	}
}

/* Returns the address of a global function that the file defines, or 0 if the file defines no such function. */
static uint64_t find_function(const struct image *image, const char *wanted)
{
	for (Elf_Scn *section = elf_nextscn(image->elf, NULL); section != NULL; section = elf_nextscn(image->elf, section)) {
		GElf_Shdr header;
		Elf_Data *data = NULL;
		GElf_Sym symbol;

		if (gelf_getshdr(section, &header) != NULL && (header.sh_type == SHT_DYNSYM || header.sh_type == SHT_SYMTAB))
			data = elf_getdata(section, NULL);
		for (int i = 1; data != NULL && gelf_getsym(data, i, &symbol) != NULL; i++) {
			const char *name = elf_strptr(image->elf, header.sh_link, symbol.st_name);

			if (name != NULL && symbol.st_shndx != SHN_UNDEF && GELF_ST_TYPE(symbol.st_info) == STT_FUNC &&
			    GELF_ST_BIND(symbol.st_info) != STB_LOCAL && strcmp(name, wanted) == 0)
				return symbol.st_value;
		}
	}
	return 0;
}

/* Does the instruction certainly do the same at another address? */
static bool is_movable(const struct insn *insn)
{
	if (insn->unknown || (insn->kind != INSN_PLAIN && insn->kind != INSN_INDIRECT))
		return false;
	for (unsigned i = 0; i < insn->memories; i++)
		if (insn->memory[i].unknown_address ||
		    (insn->memory[i].base == NO_REGISTER && insn->memory[i].index == NO_REGISTER && !insn->memory[i].thread))
			return false;
	/* An instruction that computes an address in the file has a constant as its result. */
	return insn->sum.to == NO_REGISTER || insn->sum.first.source != SOURCE_NONE || insn->sum.second.source != SOURCE_NONE ||
	       insn->sum.constant == 0;
}

/*
 * Finds FUNCTIONS * CODE_MAX unused bytes after the end of the file's code, and returns their address. They are in the last page
 * of this code, so they are mapped as code, too. Returns 0 if the page has fewer unused bytes.
 */
static uint64_t find_room(const struct image *image)
{
	uint64_t start = 0, end = 0;
	GElf_Phdr header;
	size_t headers = 0;

	(void)elf_getphdrnum(image->elf, &headers);
	for (size_t i = 0; i < headers && start == 0; i++)
		if (gelf_getphdr(image->elf, (int)i, &header) != NULL && header.p_type == PT_LOAD &&
		    (header.p_flags & PF_X) != 0 && header.p_filesz == header.p_memsz) {
			start = (header.p_vaddr + header.p_filesz + CODE_MAX - 1) & ~(uint64_t)(CODE_MAX - 1);
			end = (header.p_vaddr + header.p_filesz + PAGE - 1) & ~(uint64_t)(PAGE - 1);
		}
	for (size_t i = 0; i < headers; i++)
		if (gelf_getphdr(image->elf, (int)i, &header) != NULL && header.p_type == PT_LOAD && header.p_vaddr < end &&
		    header.p_vaddr + header.p_memsz > start)
			return 0;
	return start + FUNCTIONS * CODE_MAX <= end ? start : 0;
}

/*
 * Is this file the C library, or a static program, which contains the C library? In such a file, sigaction() and the others are
 * the C library's functions. Other files can define functions with these names, too.
 */
static bool has_library(const struct image *image)
{
	return find_function(image, "__libc_start_main") != 0 ||
	       find_function(image, "__pthread_initialize_minimal") != 0; /* libpthread of glibc before 2.34 */
}

static void describe_function(const struct described *file, const char *name, uint64_t room, struct torture_function *function)
{
	struct insn insn;

	function->address = find_function(file->image, name);
	if (function->address == 0 && strcmp(name, "_Fork") == 0) /* if both exist, fork() calls _Fork() */
		function->address = find_function(file->image, "fork");
	if (function->address == 0)
		return;
	put_code(function->code, file->image, function->address, machine_trap_size);
	if (!image_decode(file->image, file->decoder, function->address, &insn) || insn.size > CODE_MAX)
		return;
	function->size = insn.size;
	function->movable = is_movable(&insn);
	function->room = room;
	put_code(function->code, file->image, function->address, insn.size);
}

/* Several sections can contain the same address. Keeps only the first instruction at each address. */
static void drop_copies(struct torture_insn *insns, uint32_t *count)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < *count; i++)
		if (kept == 0 || insns[i].address != insns[kept - 1].address)
			insns[kept++] = insns[i];
	*count = kept;
}

/* Decodes each section whose descriptor the kernel accepts, and writes the description. */
static bool describe(struct described *file, FILE *out)
{
	static const char *const functions[FUNCTIONS] = {"_dl_debug_state", "ptrace",		"sigaction",
							 "pthread_sigmask", "prctl", "_Fork"};
	struct torture_section *sections = (struct torture_section *)calloc(file->found.count + 1, sizeof(*sections));
	struct torture_insn *insns = NULL;
	struct contents contents = {.segments = 0};
	const uint64_t room = find_room(file->image);
	GElf_Phdr header;
	size_t headers = 0;
	bool done = sections != NULL && elf_getphdrnum(file->image->elf, &headers) == 0;
	struct segment segments[64];

	for (size_t i = 0; i < (has_library(file->image) ? FUNCTIONS : 1); i++)
		describe_function(file, functions[i], room != 0 ? room + i * CODE_MAX : 0, &contents.functions[i]);
	for (size_t i = 0; i < headers; i++)
		if (gelf_getphdr(file->image->elf, (int)i, &header) != NULL && header.p_type == PT_TLS)
			contents.thread_local = header.p_memsz + header.p_align;
	for (size_t i = 0; i < headers && contents.segments < 64; i++)
		if (gelf_getphdr(file->image->elf, (int)i, &header) != NULL && header.p_type == PT_LOAD &&
		    (header.p_flags & PF_X) != 0)
			segments[contents.segments++] = (struct segment){header.p_offset, header.p_filesz, header.p_vaddr};
	for (size_t i = 0; done && i < file->found.count; i++) {
		struct section section;

		section_begin(&section, file->image, &file->found.descriptors[i]);
		if (section.fault != SECTION_RIGHT)
			continue;
		done = section_decode(&section, file->image, &file->found, file->decoder);
		if (done) {
			describe_section(file, &section, &sections[contents.sections]);
			done = add_insns(file, &section, contents.sections, &insns, &contents.insns);
			contents.sections++;
		}
		section_forget(&section);
	}
	if (done && contents.insns > 0)
		qsort(insns, contents.insns, sizeof(*insns), compare_nodes);
	drop_copies(insns, &contents.insns);
	done = done && put(out, &contents, sizeof(contents)) && put(out, segments, contents.segments * sizeof(segments[0])) &&
	       put(out, sections, contents.sections * sizeof(*sections)) && put(out, insns, contents.insns * sizeof(*insns));
	free(sections);
	free(insns);
	return done;
}

bool describe_image(struct image *image, int fd, FILE *out)
{
	struct described file = {.image = image};
	bool done = find_sections(image, &file.found);

	if (done && file.found.count > 0) {
		image_read_symbols(image);
		file.lines = lines_open(image, fd);
	}
	file.decoder = decoder_open(image->arch);
	done = done && file.decoder != NULL && describe(&file, out);
	lines_close(file.lines);
	decoder_close(file.decoder);
	forget_sections(&file.found);
	return done;
}
