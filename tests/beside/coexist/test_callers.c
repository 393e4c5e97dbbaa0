/* SPDX-License-Identifier: MIT */
/*
 * test_callers.c - tests which code counts as a call of rseq(2) (src/thread/callers.c). Each piece of code is put alone into a
 * page, which is shown to the search as a module. No piece of code runs.
 */
#include "test.h"
#include <sys/mman.h>
#include "../../../src/thread/callers.h"

/* Assembles code between two labels. Makes an array of the same name with the code's bounds. */
#define CODE(name, text)                                                                                               \
	__asm__(".pushsection .text\n.balign 16\n.L" #name ":\n" text "\n.L" #name "_end:\n.popsection\n"              \
		".pushsection .data.rel.local,\"aw\"\n.balign 8\n" #name ": .quad .L" #name ", .L" #name "_end\n.popsection"); \
	extern const char *const name[2] __attribute__((__visibility__("hidden")))

struct piece {
	const char *name, *const *code;
	bool found;
};

#define FOUND(name) {#name, name, true}
#define NOT_FOUND(name) {#name, name, false}
#define TIMES(n, text) ".rept " #n "\n" text "\n.endr\n"

#ifdef __x86_64__
CODE(direct, "mov $334,%eax; syscall");
CODE(by_register, "mov $334,%ebx; mov $32,%esi; xor %edx,%edx; mov %rbx,%rax; syscall");
CODE(by_late_register, "mov $334,%r12d; lea 8(%rdi),%rdi;" TIMES(40, "nop") "mov %r12,%rax; xor %edx,%edx; syscall");
CODE(by_other_form_of_mov, "mov $334,%ebx; .byte 0x8b,0xc3; syscall");
CODE(by_sign_extension, "mov $334,%ebx; movslq %ebx,%rax; syscall");
CODE(by_local, "movq $334,-8(%rbp); mov -16(%rbp),%rdi; mov -8(%rbp),%rax; mov -24(%rbp),%rsi; syscall");
CODE(by_far_local, "movl $334,-800(%rbp); mov -800(%rbp),%eax; syscall");
CODE(by_local_on_stack, "movq $334,24(%rsp); mov 24(%rsp),%rax; syscall");
CODE(by_local_at_top, "movq $334,(%rsp); mov (%rsp),%rax; syscall");
CODE(by_far_local_on_stack, "movq $334,800(%rsp); mov 800(%rsp),%rax; syscall");
CODE(by_two_locals, "movl $334,-4(%rbp); mov -4(%rbp),%eax; mov %eax,-48(%rbp); mov -48(%rbp),%eax; syscall");

CODE(no_copy, "mov $334,%ebx; mov %rcx,%rax; syscall");
CODE(no_copy_to_rax, "mov $334,%ebx; mov %rbx,%rsi; mov $1,%eax; syscall");
CODE(other_local, "movq $334,-8(%rbp); mov -16(%rbp),%rax; syscall");
CODE(other_base, "movq $334,8(%rsp); mov 8(%rbp),%rax; syscall");
CODE(other_far_local, "movq $334,-800(%rbp); mov -1056(%rbp),%rax; syscall");
CODE(other_number, "mov $334,%eax; mov %eax,%edi; mov $60,%eax; syscall");
CODE(register_loaded_again, "mov $334,%ebx; mov $335,%ebx; mov %rbx,%rax; syscall");
CODE(comparison, "cmp $334,%ebx; mov %rbx,%rax; syscall");
CODE(too_late, "mov $334,%ebx;" TIMES(140, "nop") "mov %rbx,%rax; syscall");
CODE(too_late_after_copy, "mov $334,%ebx; mov %rbx,%rax;" TIMES(50, "nop") "syscall");
CODE(kept_by_a_call, "mov $334,%edi; call . ; mov %rdi,%rax; syscall");
CODE(operand_like_a_call, "mov $334,%eax; mov -24(%rbp),%rdi; mov $0,%edx; mov $0,%esi; syscall");
CODE(operand_like_a_prefix, "movl $334,-20(%rbp); cmpl $0,8(%rbp); jne .+0x4e; mov -20(%rbp),%eax; syscall");
CODE(local_like_a_mov, "movl $334,-68(%rbp); mov -68(%rbp),%eax; syscall");
CODE(local_like_another_number, "mov $334,%eax; mov -72(%rbp),%rsi; mov $1,%edx; syscall");
CODE(operand_like_a_syscall, "mov $334,%eax; .byte 0xe9,0x94,0x0f,0x05,0");
CODE(operand_like_a_jump, "mov $334,%eax; and $15,%edx; mov %edx,%edx; syscall");
CODE(after_a_conditional_jump, "mov $334,%eax; .byte 0x0f,0x84,0x80,0,0,0; mov $1,%edx; syscall");
CODE(jump_like_a_syscall, "mov $334,%eax; .byte 0x0f,0x84,0x0f,0x05,0,0");

static const struct piece pieces[] = {
	FOUND(direct), FOUND(by_register), FOUND(by_late_register), FOUND(by_other_form_of_mov), FOUND(by_sign_extension),
	FOUND(by_local), FOUND(by_far_local), FOUND(by_local_on_stack), FOUND(by_local_at_top), FOUND(by_far_local_on_stack),
	FOUND(by_two_locals), FOUND(kept_by_a_call), FOUND(operand_like_a_call), FOUND(operand_like_a_prefix), FOUND(local_like_a_mov),
	FOUND(local_like_another_number), FOUND(operand_like_a_jump), FOUND(after_a_conditional_jump),
	NOT_FOUND(no_copy), NOT_FOUND(no_copy_to_rax), NOT_FOUND(other_local), NOT_FOUND(other_base), NOT_FOUND(other_far_local),
	NOT_FOUND(other_number), NOT_FOUND(register_loaded_again), NOT_FOUND(comparison),
	NOT_FOUND(too_late), NOT_FOUND(too_late_after_copy),
};
#elif defined(__aarch64__)
CODE(direct, "mov w8, #293; svc #0");
CODE(by_register, "mov x19, #293; mov x0, x1; mov x8, x19; svc #0");
CODE(by_late_register, "mov w19, #293;" TIMES(20, "nop") "mov w8, w19; svc #0");
CODE(by_local, "mov x8, #293; str x8, [sp, #40]; ldr x8, [sp, #72]; str x8, [sp, #32]; ldr x8, [sp, #40]; svc #0");
CODE(by_local_of_frame, "mov w0, #293; stur w0, [x29, #-4]; ldursw x8, [x29, #-4]; svc #0");
CODE(by_two_locals, "mov w8, #293; str w8, [sp, #44]; ldr w8, [sp, #44]; str w8, [sp, #40]; ldr w8, [sp, #40]; svc #0");
CODE(constant, "ldr x8, 1f; svc #0; ret; 1: .word 293, 0");

CODE(no_copy, "mov x19, #293; mov x8, x20; svc #0");
CODE(no_copy_to_x8, "mov x19, #293; mov x1, x19; mov x8, #64; svc #0");
CODE(other_local, "mov x9, #293; str x9, [sp, #40]; ldr x8, [sp, #72]; svc #0");
CODE(other_number, "mov w8, #293; mov w0, w8; mov w8, #93; svc #0");
CODE(other_constant, "ldr x8, 1f; svc #0; ret; 1: .word 292, 0");
CODE(kept_by_a_call, "mov w4, #293; bl . ; mov w8, w4; svc #0");
CODE(too_late, "mov w19, #293;" TIMES(40, "nop") "mov w8, w19; svc #0");
CODE(too_late_after_copy, "mov w19, #293; mov w8, w19;" TIMES(14, "nop") "svc #0");

static const struct piece pieces[] = {
	FOUND(direct), FOUND(by_register), FOUND(by_late_register), FOUND(by_local), FOUND(by_local_of_frame),
	FOUND(by_two_locals), FOUND(constant), FOUND(kept_by_a_call), NOT_FOUND(no_copy), NOT_FOUND(no_copy_to_x8),
	NOT_FOUND(other_local), NOT_FOUND(other_number), NOT_FOUND(other_constant), NOT_FOUND(too_late), NOT_FOUND(too_late_after_copy),
};
#endif

/* Returns whether the search finds a call in a module of one page that has nothing but this code at this place. */
static bool is_found(const char *const code[2], char *page, size_t place, size_t length)
{
	ElfW(Phdr) segment = {.p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_filesz = length, .p_memsz = length};
	struct dl_phdr_info info = {.dlpi_addr = (uintptr_t)page, .dlpi_name = "", .dlpi_phdr = &segment, .dlpi_phnum = 1};

	memset(page, 0, length);
	memcpy(page + place, code[0], (size_t)(code[1] - code[0]));
	return rk_calls_rseq(&info);
}

static void finds(void **state)
{
	const size_t length = (size_t)sysconf(_SC_PAGESIZE);
	char *page = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)state;
	assert_ptr_not_equal(page, MAP_FAILED);
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		const size_t size = (size_t)(pieces[i].code[1] - pieces[i].code[0]);
		bool in_the_middle = is_found(pieces[i].code, page, 256, length);
		bool at_the_end = is_found(pieces[i].code, page, length - size, length);

		if (in_the_middle != pieces[i].found || at_the_end != pieces[i].found)
			fail_msg("%s: %s in the middle, %s at the end", pieces[i].name, in_the_middle ? "found" : "not found",
				 at_the_end ? "found" : "not found");
	}
	munmap(page, length);
}

#ifdef __x86_64__
/* The distance of a jump has the bytes of a syscall. The jump leads into the module only if the module is large. */
static void looks_into_no_operand(void **state)
{
	const size_t length = 1 << 19;
	char *pages = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)state;
	assert_ptr_not_equal(pages, MAP_FAILED);
	assert_false(is_found(operand_like_a_syscall, pages, 256, length));
	assert_true(is_found(operand_like_a_syscall, pages, length - 256, length));
	assert_false(is_found(jump_like_a_syscall, pages, 256, length));
	munmap(pages, length);
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds),
#ifdef __x86_64__
		cmocka_unit_test(looks_into_no_operand),
#endif
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
