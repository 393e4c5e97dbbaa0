/* SPDX-License-Identifier: MIT */
/* json.c - makes and prints results as JSON, see json.h. */
#include "json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "output.h"
#include "tool.h"

/* Ends the program if an allocation has failed. */
static void *must(void *allocated)
{
	if (allocated == NULL) {
		complain("out of memory");
		exit(EXIT_USAGE);
	}
	return allocated;
}

json_object *json_new(void)
{
	return (json_object *)must(json_object_new_object());
}

json_object *json_new_array(void)
{
	return (json_object *)must(json_object_new_array());
}

void json_add(json_object *array, json_object *value)
{
	if (json_object_array_add(array, (json_object *)must(value)) != 0)
		(void)must(NULL);
}

void json_put(json_object *object, const char *key, json_object *value)
{
	if (json_object_object_add(object, key, value) != 0)
		(void)must(NULL);
}

void json_put_string(json_object *object, const char *key, const char *text)
{
	static const char replacement[] = "\xef\xbf\xbd"; /* U+FFFD */
	size_t used = 0, size;
	char *clean;

	if (text == NULL) {
		json_put(object, key, NULL);
		return;
	}
	clean = (char *)must(malloc(strlen(text) * strlen(replacement) + 1));
	for (; *text != '\0'; text += size > 0 ? size : 1) {
		size = character_size(text);
		memcpy(clean + used, size > 0 ? text : replacement, size > 0 ? size : strlen(replacement));
		used += size > 0 ? size : strlen(replacement);
	}
	clean[used] = '\0';
	json_put(object, key, (json_object *)must(json_object_new_string(clean)));
	free(clean);
}

void json_put_number(json_object *object, const char *key, uint64_t number)
{
	json_put(object, key, (json_object *)must(json_object_new_uint64(number)));
}

/* Writes nine digits. No clock is more exact, and further digits would only show the noise of a binary fraction. */
void json_put_seconds(json_object *object, const char *key, double seconds)
{
	char text[32];

	snprintf(text, sizeof(text), "%.9g", seconds);
	json_put(object, key, (json_object *)must(json_object_new_double_s(seconds, text)));
}

const char *json_text(json_object *object)
{
	const char *text = json_object_to_json_string_ext(object, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
									  JSON_C_TO_STRING_NOSLASHESCAPE);

	return (const char *)must((void *)(uintptr_t)text);
}

void json_print(json_object *object)
{
	puts(json_text(object));
	json_object_put(object);
}
