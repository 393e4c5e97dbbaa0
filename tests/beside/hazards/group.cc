// SPDX-License-Identifier: MIT
// group.cc - a C++ inline function with a critical section. Two files of a program contain the function, and the linker drops
// one of the two. It also drops this function's descriptor if the descriptor's ELF section is in the function's COMDAT group.
// -DFLAGS gives the flags of this ELF section.
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
