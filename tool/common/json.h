/* SPDX-License-Identifier: MIT */
/* json.h - results for programs: JSON with numbers as numbers, and null for what isn't known. */
#ifndef RK_TOOL_JSON_H
#define RK_TOOL_JSON_H

#include <json-c/json.h>
#include <stdint.h>

/* Adds to an object; out of memory ends the program with EXIT_USAGE, as there is nothing left to say. */
void json_put(json_object *object, const char *key, json_object *value);
void json_put_string(json_object *object, const char *key, const char *text); /* NULL becomes null */
void json_put_number(json_object *object, const char *key, uint64_t number);
void json_put_seconds(json_object *object, const char *key, double seconds);
json_object *json_new(void);

/* An object as text, without a newline at its end. It is the object's, and there until that changes. */
const char *json_text(json_object *object);

/* Prints an object, and releases it. */
void json_print(json_object *object);

#endif /* RK_TOOL_JSON_H */
