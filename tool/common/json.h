/* SPDX-License-Identifier: MIT */
/* json.h - results for programs: JSON with numbers as numbers, and null for unknown values. */
#ifndef RK_TOOL_JSON_H
#define RK_TOOL_JSON_H

#include <json-c/json.h>
#include <stdint.h>

/* Add a member to an object. If memory is short, the program ends with EXIT_USAGE. */
void json_put(json_object *object, const char *key, json_object *value);
void json_put_string(json_object *object, const char *key, const char *text); /* NULL becomes null */
void json_put_number(json_object *object, const char *key, uint64_t number);
void json_put_seconds(json_object *object, const char *key, double seconds);
json_object *json_new(void);

/* Returns an object as text without a final newline. The text belongs to the object, and is valid until the object changes. */
const char *json_text(json_object *object);

/* Prints and releases an object. */
void json_print(json_object *object);

#endif /* RK_TOOL_JSON_H */
