/* SPDX-License-Identifier: MIT */
/* json.h - makes JSON, so that programs can read the results. Numbers are JSON numbers, and unknown values are null. */
#ifndef RK_TOOL_JSON_H
#define RK_TOOL_JSON_H

#include <json-c/json.h>
#include <stdint.h>

/*
 * The json_put functions add a member to an object, and json_add() adds an element to an array. json_new() makes an empty object,
 * and json_new_array() an empty array. If memory is short, each of these functions ends the program with EXIT_USAGE. json_put()
 * makes null of NULL, but json_add() takes NULL for a lack of memory.
 *
 * json_put_string() makes null of NULL. A file's name can have bytes that aren't UTF-8, and JSON can't. Each such byte becomes
 * the character U+FFFD.
 */
void json_put(json_object *object, const char *key, json_object *value);
void json_put_string(json_object *object, const char *key, const char *text); /* see above */
void json_put_number(json_object *object, const char *key, uint64_t number);
void json_put_seconds(json_object *object, const char *key, double seconds);
json_object *json_new(void);
void json_add(json_object *array, json_object *value);
json_object *json_new_array(void);

/*
 * Returns an object as text without a final newline. The text belongs to the object, and is valid until the object changes or
 * is released.
 */
const char *json_text(json_object *object);

/* Prints and releases an object. */
void json_print(json_object *object);

#endif /* RK_TOOL_JSON_H */
