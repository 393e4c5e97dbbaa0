/* SPDX-License-Identifier: MIT */
/*
 * operators.h - what C++'s operators new do if there is no memory. malloc.c has the operators themselves.
 *
 * A component of the program can define operators of its own, as jemalloc does. Such an operator can get memory by a function
 * of this allocator, such as aligned_alloc(), but the component's operator delete frees it in the component's allocator. This
 * allocator therefore defines all operators of C++17 and C++20, and another allocator's operators are never called.
 *
 * If there is no memory, an operator has to call the program's new handler, and to throw std::bad_alloc. Only the C++ library
 * can do this, so the C++ library's operator of the same kind takes over, and calls malloc() or aligned_alloc() in a loop.
 */
#ifndef MALLOC_OPERATORS_H
#define MALLOC_OPERATORS_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Calls the C++ library's operator new after an allocation has failed. Returns an object, if the library's operator finds
 * memory, or throws. Without a C++ library in the process, returns NULL if `or_null`, and otherwise ends the process.
 */
__attribute__((__visibility__("hidden"), __cold__)) void *operators_fail(size_t alignment, size_t size, bool or_null);

#endif /* MALLOC_OPERATORS_H */
