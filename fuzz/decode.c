/* SPDX-License-Identifier: MIT */
/*
 * decode.c - fuzzes the decoding of instructions, and what `rseqkit lint` concludes from them. An input isn't an ELF file, but
 * machine code with one or two critical sections.
 *
 * Byte 0 chooses the architecture and the number of sections. Bytes 1 to 5 are the start, length and abort handler of the first
 * section, and the start of the second one. The rest is the code, at the address CODE. The descriptors are at the address DATA.
 * A section begins with an instruction that stores its descriptor's address in the thread's struct rseq. This file adds no such
 * instruction to the code, so the fuzzer has to find one.
 */
#include <stdlib.h>
#include <string.h>

#include "lint/judge.h"
#include "lint/lint_report.h"

enum { HEAD = 6, CODE = 0x10000, DATA = 0x20000, CODE_MAX = 0x4000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/*
 * The next four functions replace lines.c, which reads a file's debug information. There is no file, so no address has a line.
 * lines_is_unsaved() returns true for one half of the addresses, so that lint meets both results.
 */
struct lines *lines_open(const struct image *image, int fd)
{
	(void)image;
	(void)fd;
	return NULL;
}

void lines_close(struct lines *lines)
{
	(void)lines;
}

const char *lines_find(struct lines *lines, uint64_t address, int *line)
{
	(void)lines;
	(void)address;
	(void)line;
	return NULL;
}

bool lines_is_unsaved(struct lines *lines, uint64_t address, int number)
{
	(void)lines;
	return ((address + (uint64_t)number) & 1) != 0;
}

static void put_descriptor(uint8_t *place, uint64_t start, uint64_t length, uint64_t abort_ip)
{
	const uint64_t words[4] = {0, start, length, abort_ip};

	memcpy(place, words, sizeof(words));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct lint_settings settings = {.json = false, .all = true};
	struct image image = {.arch = size > 0 && (data[0] & 1) != 0 ? &arch_aarch64 : &arch_x86};
	struct report report = {.settings = &settings, .name = "fuzz"};
	uint64_t step = image.arch->step, start, length, handler, other;
	uint8_t *code, *table;

	if (size <= HEAD || size > CODE_MAX)
		return 0;
	start = CODE + data[1] * step;
	length = (data[2] + 256 * (uint64_t)(data[5] & 3)) * step;
	handler = CODE + (data[3] + 256 * (uint64_t)(data[5] >> 2 & 3)) * step;
	other = CODE + data[4] * step;
	image.regions = (struct region *)calloc(2, sizeof(struct region));
	code = (uint8_t *)malloc(size - HEAD);
	table = (uint8_t *)malloc(64);
	report.out = fopen("/dev/null", "w");
	if (image.regions != NULL && code != NULL && table != NULL && report.out != NULL) {
		memcpy(code, data + HEAD, size - HEAD);
		put_descriptor(table, start, length, handler);
		put_descriptor(table + 32, other, 8 * step, handler);
		image.regions[0] = (struct region){.address = CODE, .size = size - HEAD, .bytes = code, .code = true};
		image.regions[1] = (struct region){.address = DATA, .size = (data[0] & 2) != 0 ? 64 : 32, .bytes = table};
		strcpy(image.regions[1].name, "__rseq_cs");
		image.region_count = 2;
		check_image(&image, -1, &report);
	}
	if (report.out != NULL)
		fclose(report.out);
	free(code);
	free(table);
	image_close(&image);
	return 0;
}
