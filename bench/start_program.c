/* SPDX-License-Identifier: MIT */
/*
 * start_program.c - the program of the bench `start`. It is built twice: alone, and with START_LINKED, linked with librseqkit.
 *
 * usage: start_program            does nothing
 *        start_program counter    makes a counter and adds to it once (START_LINKED)
 *        start_program NAME       prints the path of a loaded object whose file name begins with NAME
 *
 * Exit status: 0; 1 if the counter couldn't be made, or if there is no such object.
 */
#define _GNU_SOURCE
#include <link.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#ifdef START_LINKED
#include <rseqkit.h>

static int count_once(void)
{
	struct rk_counter *counter;

	if (rk_counter_create(&counter) != 0)
		return 1;
	rk_counter_add(counter, 1);
	return rk_counter_sum(counter) != 1;
}
#else
static int count_once(void)
{
	return 1;
}
#endif

static int print_if_named(struct dl_phdr_info *object, size_t size, void *name)
{
	const char *slash = strrchr(object->dlpi_name, '/'), *file = slash != NULL ? slash + 1 : object->dlpi_name;
	size_t length = strlen(object->dlpi_name);

	(void)size;
	return strncmp(file, name, strlen(name)) == 0 &&
	       write(STDOUT_FILENO, object->dlpi_name, length) == (ssize_t)length;
}

int main(int argc, char **argv)
{
	if (argc < 2)
		return 0;
	if (strcmp(argv[1], "counter") == 0)
		return count_once();
	return dl_iterate_phdr(print_if_named, argv[1]) == 0;
}
