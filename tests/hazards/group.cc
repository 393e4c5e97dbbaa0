// SPDX-License-Identifier: MIT
// group.cc - a section in an inline function of C++, in two files of a program: the linker keeps one of the functions,
// and of the other its descriptor, unless that is in the function's group. -DFLAGS is the descriptor's section's.
#ifdef SECOND
#define NAME second
#else
#define NAME first
#endif

inline __attribute__((__noinline__)) void add(long *slot)
{
	__asm__ __volatile__("0:\t.pushsection naive_cs, \"" FLAGS "\", @progbits\n\t"
			     ".balign 32\n\t"
			     ".long 0, 0\n\t"
			     ".quad 1f, 2f - 1f, 3f\n\t"
			     ".popsection\n"
			     "1:\tincq %0\n"
			     "2:\tnop\n\t"
			     ".byte 0x0f, 0xb9, 0x3d\n\t"
			     ".long 0x53053053\n"
			     "3:\n\t"
			     : "+m"(*slot));
}

void first(long *slot);
void second(long *slot);

void NAME(long *slot)
{
	add(slot);
}

#ifndef SECOND
int main()
{
	return 0;
}
#endif
