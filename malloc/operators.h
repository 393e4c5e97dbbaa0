/* SPDX-License-Identifier: MIT */
/*
 * operators.h - C++'s operators new and delete, without a C++ library.
 *
 * A component of the program possibly brings operators of its own, as jemalloc does. These get memory by functions of this
 * allocator, such as aligned_alloc(), and give it back to their own allocator. So this allocator defines all operators of C++17
 * and C++20. Another allocator's operators are never called.
 *
 * If there is no memory, an operator has to call the program's new handler, and to throw std::bad_alloc. Only the C++ library
 * can do so. Its operator of the same kind then takes over. That operator calls malloc() or aligned_alloc(), in a loop.
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

/*
 * The operators new: OF(name, parameters, symbol, symbol of the operator for arrays). The symbols are those of C++'s ABI for a
 * size_t of 64 bits (Itanium C++ ABI, section 5.1).
 */
#define OPERATORS_NEW(OF)                                                                                              \
	OF(new_object, (size_t size), "_Znwm", "_Znam")                                                                \
	OF(new_aligned_object, (size_t size, size_t alignment), "_ZnwmSt11align_val_t", "_ZnamSt11align_val_t")        \
	OF(new_or_null, (size_t size, const void *nothrow), "_ZnwmRKSt9nothrow_t", "_ZnamRKSt9nothrow_t")              \
	OF(new_aligned_or_null, (size_t size, size_t alignment, const void *nothrow),                                  \
	   "_ZnwmSt11align_val_tRKSt9nothrow_t", "_ZnamSt11align_val_tRKSt9nothrow_t")

/* The operators delete, all of which are free(): OF(name, symbol). */
#define OPERATORS_DELETE(OF)                                                                                           \
	OF(delete_object, "_ZdlPv")                                                                                    \
	OF(delete_sized, "_ZdlPvm")                                                                                    \
	OF(delete_nothrow, "_ZdlPvRKSt9nothrow_t")                                                                     \
	OF(delete_aligned, "_ZdlPvSt11align_val_t")                                                                    \
	OF(delete_sized_aligned, "_ZdlPvmSt11align_val_t")                                                             \
	OF(delete_aligned_nothrow, "_ZdlPvSt11align_val_tRKSt9nothrow_t")                                              \
	OF(delete_array, "_ZdaPv")                                                                                     \
	OF(delete_array_sized, "_ZdaPvm")                                                                              \
	OF(delete_array_nothrow, "_ZdaPvRKSt9nothrow_t")                                                               \
	OF(delete_array_aligned, "_ZdaPvSt11align_val_t")                                                              \
	OF(delete_array_sized_aligned, "_ZdaPvmSt11align_val_t")                                                       \
	OF(delete_array_aligned_nothrow, "_ZdaPvSt11align_val_tRKSt9nothrow_t")

#endif /* MALLOC_OPERATORS_H */
