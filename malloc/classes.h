/* SPDX-License-Identifier: MIT */
/*
 * classes.h - the size classes, to which the allocator rounds sizes up: classes of small objects, and classes of objects that
 * take one to four whole pages of 64 KiB.
 *
 * A small object has at most 32 KiB. Small objects of one class share a span, which is one page of 64 KiB. The classes' sizes
 * are multiples of 16 up to 1024 bytes, and above that multiples of 128. Two tables therefore give the class of a small size.
 * Each power of two is the size of a class, and objects of this class are aligned to their size. Above 4096 bytes the sizes
 * divide a span with little left over.
 */
#ifndef MALLOC_CLASSES_H
#define MALLOC_CLASSES_H

#include <stddef.h>
#include <stdint.h>
#include <rseqkit/api.h>

#pragma GCC visibility push(hidden) /* so that code needs no symbol lookup */

#define SPAN_SHIFT 16
#define SPAN_SIZE ((size_t)1 << SPAN_SHIFT)
#define SMALL_MAX ((size_t)32768)
#define FINE_MAX ((size_t)1024)
#define FINE 16
#define COARSE 128

/* Each entry is: the class's number, the size of the previous class, the class's size. */
#define FINE_CLASSES(X)                                                                                                \
	X(1, 0, 16) X(2, 16, 32) X(3, 32, 48) X(4, 48, 64) X(5, 64, 80) X(6, 80, 96) X(7, 96, 112) X(8, 112, 128)      \
	X(9, 128, 160) X(10, 160, 192) X(11, 192, 224) X(12, 224, 256) X(13, 256, 320) X(14, 320, 384)                 \
	X(15, 384, 448) X(16, 448, 512) X(17, 512, 640) X(18, 640, 768) X(19, 768, 896) X(20, 896, 1024)

#define COARSE_CLASSES(X)                                                                                              \
	X(21, 1024, 1280) X(22, 1280, 1536) X(23, 1536, 1792) X(24, 1792, 2048)                                        \
	X(25, 2048, 2560) X(26, 2560, 3072) X(27, 3072, 3584) X(28, 3584, 4096)                                        \
	X(29, 4096, 4608) X(30, 4608, 5376) X(31, 5376, 6528) X(32, 6528, 7168)                                        \
	X(33, 7168, 8192) X(34, 8192, 9344) X(35, 9344, 10880) X(36, 10880, 13056)                                     \
	X(37, 13056, 16384) X(38, 16384, 21760) X(39, 21760, 32768)

/* The classes whose objects take one to four whole pages. Such an object is alone in its span. */
#define SPAN_CLASSES(X) X(40, SMALL_MAX, 65536) X(41, 65536, 131072) X(42, 131072, 196608) X(43, 196608, 262144)

#define SMALL_CLASSES 39
#define CLASSES 44 /* class 0 means no class */
#define CLASSES_MAX (4 * SPAN_SIZE)

/* The size of each class, and the numbers that show whether an offset is a multiple of it (classes.c). */
struct size_class {
	uint32_t size;
	uint32_t inverse; /* 2^32 / size, rounded up */
	uint32_t last;    /* where the last object of a span begins */
};

extern const uint8_t fine_classes[FINE_MAX / FINE + 1], coarse_classes[SMALL_MAX / COARSE + 1];
extern const struct size_class size_classes[CLASSES];

/* Returns the class of a size, or 0 if the size is too large for a class. */
static inline unsigned class_of(size_t size)
{
	if (size <= FINE_MAX)
		return fine_classes[(size + FINE - 1) / FINE];
	if (size <= SMALL_MAX)
		return coarse_classes[(size + COARSE - 1) / COARSE];
	return size <= CLASSES_MAX ? SMALL_CLASSES + (unsigned)((size + SPAN_SIZE - 1) / SPAN_SIZE) : 0;
}

/*
 * Returns the size of the largest class that has at most a third more than `size`, or `size` if there is no such class. An object
 * of this class stays where it is if realloc() is called with `size`. `size` must be at most SMALL_MAX.
 */
static inline size_t with_reserve(size_t size)
{
	size_t most = size + size / 3, above = size_classes[class_of(most)].size;
	size_t reserved = above <= most ? above : size_classes[class_of(most) - 1].size;

	return reserved > size ? reserved : size;
}

/*
 * Returns whether the address's offset in its page of 64 KiB is a multiple of the size of the class with this inverse. Offsets
 * and small sizes have 16 bits, so a product of 32 bits is enough: it is less than the inverse exactly if the offset is a
 * multiple. Classes of whole pages have the inverse 1: only the offset 0 is a multiple. For inverse 0 the result is always false.
 */
static inline int is_multiple(uint32_t inverse, const void *address)
{
	return (uint32_t)((uintptr_t)address % SPAN_SIZE) * inverse < inverse;
}

/* Returns whether an object of the class can begin at the address. Returns false for class 0. */
static inline int begins_object(unsigned class, const void *address)
{
	return is_multiple(size_classes[class].inverse, address) && (uintptr_t)address % SPAN_SIZE <= size_classes[class].last;
}

#pragma GCC visibility pop

#endif /* MALLOC_CLASSES_H */
