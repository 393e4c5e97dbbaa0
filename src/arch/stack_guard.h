/* SPDX-License-Identifier: MIT */
/*
 * stack_guard.h - makes the references of the compiler's stack protector weak, on machines where the protector's secret is a
 * variable of the dynamic linker. By a strong reference a module would need the dynamic linker (thread/libc.c). The build
 * includes this file in each source file.
 */
__asm__(".weak __stack_chk_guard");
