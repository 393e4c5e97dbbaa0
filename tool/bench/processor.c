/* SPDX-License-Identifier: MIT */
/* processor.c - the processor's name for figures of `rseqkit bench`. */
#include "bench.h"

#include <stdio.h>
#include <string.h>

#include "common/output.h"

enum { NAME, FAMILY, MODEL, IMPLEMENTER, PART, FIELDS };

/* Stores the value of the field, if the line is for this field. */
static void take_field(const char *line, const char *field, char *value, size_t size)
{
	size_t length = strlen(field);

	if (strncmp(line, field, length) == 0 && line[length + strspn(line + length, "\t ")] == ':')
		copy_printable(value, size, line + length + strspn(line + length, ": \t"));
}

void bench_processor(char *name, size_t size)
{
	static const char *const names[FIELDS] = {"model name", "cpu family", "model", "CPU implementer", "CPU part"};
	FILE *file = fopen("/proc/cpuinfo", "re");
	char line[256], fields[FIELDS][128] = {{0}};

	while (file != NULL && fgets(line, sizeof(line), file) != NULL && line[0] != '\n')
		for (int i = 0; i < FIELDS; i++)
			take_field(line, names[i], fields[i], sizeof(fields[i]));
	if (file != NULL)
		(void)fclose(file);
	if (fields[NAME][0] != '\0' && fields[FAMILY][0] != '\0' && fields[MODEL][0] != '\0')
		snprintf(name, size, "%.80s (family %.12s model %.12s)", fields[NAME], fields[FAMILY], fields[MODEL]);
	else if (fields[NAME][0] == '\0' && fields[IMPLEMENTER][0] != '\0')
		snprintf(name, size, "implementer %.40s part %.40s", fields[IMPLEMENTER], fields[PART]);
	else
		snprintf(name, size, "%s", fields[NAME]);
}
