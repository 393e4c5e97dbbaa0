/* SPDX-License-Identifier: MIT */
/*
 * short_process.c - a process that uses malloc() a little: 200 objects of 20 sizes, half of which it frees. The script `compare`
 * measures how long this process takes from its fork to its end.
 */
#include <stdlib.h>

int main(void)
{
	char *objects[200];

	for (size_t i = 0; i < 200; i++) {
		objects[i] = malloc(16 + i % 20 * 32);
		if (objects[i] == NULL)
			return 1;
		*(volatile char *)objects[i] = 1;
	}
	for (int i = 0; i < 200; i += 2)
		free(objects[i]);
	return 0;
}
