/* SPDX-License-Identifier: MIT */
/*
 * x86_64.h - the port to x86-64: see section.h for what each primitive is.
 *
 * Register rax is the slot's address, and rcx is the word or address that was loaded or reached. Copies also use rsi and rdi. The
 * section itself applies %fs, so a fiber that moved to another thread between two operations keeps no stale area.
 *
 * Instructions are written twice, {AT&T|Intel}: with -masm=intel compilers print operands in the other form, and no macro says
 * which form it is.
 *
 * A section takes up to 12 of 15 registers (rk_at_copy_if_equal), and a frame pointer takes one more. If -ffixed-REGISTER leaves
 * fewer, compilers report impossible constraints.
 *
 * The form of each primitive is the fastest of those that were tried. The file bench/METHOD.md says how, and has the figures of
 * each processor. A section costs at least its two stores, to the area and to the slot.
 *
 * Intel's cores since Golden Cove forward a stored word to the next load of it without delay (memory renaming). They do so only
 * if both addresses are one register and nothing else, and only for some instructions. Otherwise the load takes six cycles more.
 * So:
 *   - the slot's address, and that of a word behind the slot, is computed into a register, and never uses an index;
 *   - a constant is added to memory in place, a variable by load, add and store (RK_IMMEDIATE).
 *
 * AMD's Zen 3 does so for any address, but not for an instruction that loads and computes. So a mov loads a word that was stored
 * a moment ago. Older Intel cores, and AMD's Zen 4, take the same time for all forms. Zen 5 gains from:
 *   - the descriptor's address as an immediate where the code model allows it, otherwise lea: one instruction fewer;
 *   - `movl; testl; js; shl` instead of `movslq; shl; js`: it is longer but faster, because the sign extension costs a cycle;
 *   - %fs:offset(register) instead of a pointer to the area in a register: as fast or faster.
 *
 * One variant was tried and dropped: to store the descriptor only if the area doesn't hold it already. It is a fifth faster in a
 * loop of one section, but three quarters slower as soon as two sections alternate.
 */
#ifndef RSEQKIT_ARCH_X86_64_H
#define RSEQKIT_ARCH_X86_64_H

#define RK_SIGNATURE 0x53053053

#ifndef RK_NO_SECTIONS
#include <rseqkit/arch/section.h>

#define RK_USES_SLOT "rax"
#define RK_USES_LOADED "rax", "rcx"
#define RK_USES_ARRAY "rax", "rcx", "rsi"
#define RK_USES_COPY "rax", "rcx", "rsi", "rdi"
#define RK_USES_LOG RK_USES_COPY, "rdx"

/* An instruction in both forms; one whose last or first operand is a place, which has two forms itself. */
#define RKI_ASM_X(att, intel) "{" att "|" intel "}\n\t"
#define RKI_ASM_TO(verb, from, place) "{" verb "q " from ", |" verb " qword ptr }" place "{|, " from "}"
#define RKI_ASM_FROM(verb, place, to) "{" verb "q |" verb " " to ", }" place "{, %%" to "|}\n\t"

/*
 * The store of the descriptor activates the section. The start label must follow at once: an interruption between the two would
 * clear the descriptor, and the section would run unprotected. Labels are in the text that both forms share, because clang
 * before 12 prints their numbers for both forms.
 */
#if !defined(__PIC__) && !defined(__PIE__) && defined(__code_model_small__)
#define RKI_ASM_BEGIN                                                                                                  \
	"{movq $|mov qword ptr fs:[%[area]+8], offset }" RKI_ASM_L(3) "{, %%fs:8(%[area])|}\n\t"                       \
	RKI_ASM_L(1) ":\n\t"
#else
#define RKI_ASM_BEGIN                                                                                                  \
	"{leaq |lea rax, [rip+}" RKI_ASM_L(3) "{(%%rip), %%rax|]}\n\t"                                                 \
	RKI_ASM_X("movq %%rax, %%fs:8(%[area])", "mov qword ptr fs:[%[area]+8], rax")                                  \
	RKI_ASM_L(1) ":\n\t"
#endif

#define RKI_ASM_PIN_HERE(here)                                                                                         \
	"endbr64\n\t"                                                                                                  \
	RKI_ASM_X("leaq " #here "(%%rip), %%rdi", "lea rdi, [rip+" #here "]")                                          \
	"jmp rk_pin_module@PLT\n\t"

#define RKI_ASM_SCALE                                                                                                  \
	RKI_ASM_X("shlq $" RKI_ASM_STR(RK_STRIDE_SHIFT) ", %%rax", "shl rax, " RKI_ASM_STR(RK_STRIDE_SHIFT))           \
	RKI_ASM_X("addq %[base], %%rax", "add rax, %[base]")

/* By current CPU: a negative cpu_id means that this thread has no rseq at the moment. */
#define RK_ASM_INDEX_CPU(to)                                                                                           \
	RKI_ASM_X("movl %%fs:4(%[area]), %%eax", "mov eax, dword ptr fs:[%[area]+4]")                                  \
	RKI_ASM_X("testl %%eax, %%eax", "test eax, eax")                                                               \
	"js " to(leave) "\n\t"                                                                                         \
	RKI_ASM_SCALE

/* By concurrency id: mm_cid of an unregistered thread reads 0, so this tests the sign of cpu_id as well. */
#define RK_ASM_INDEX_CID(to)                                                                                           \
	RKI_ASM_X("cmpl $0, %%fs:4(%[area])", "cmp dword ptr fs:[%[area]+4], 0")                                       \
	"js " to(leave) "\n\t"                                                                                         \
	RKI_ASM_X("movl %%fs:24(%[area]), %%eax", "mov eax, dword ptr fs:[%[area]+24]")                                \
	RKI_ASM_SCALE

/* By explicit CPU. The caller has checked that it isn't negative, so it never equals an unregistered thread's cpu_id. */
#define RK_ASM_INDEX_AT(to)                                                                                            \
	RKI_ASM_X("movl %%fs:4(%[area]), %%eax", "mov eax, dword ptr fs:[%[area]+4]")                                  \
	RKI_ASM_X("cmpl %[cpu], %%eax", "cmp eax, %[cpu]")                                                             \
	"jne " to(leave) "\n\t"                                                                                        \
	RKI_ASM_SCALE

/* By current CPU, in the item that a shared word names. That word goes to rcx, or becomes the outcome. */
#define RKI_ASM_INDEX_GATE(to, label, att, intel)                                                                      \
	RKI_ASM_X("movl %%fs:4(%[area]), %%eax", "mov eax, dword ptr fs:[%[area]+4]")                                  \
	RKI_ASM_X("testl %%eax, %%eax", "test eax, eax")                                                               \
	"js " to(leave) "\n\t"                                                                                         \
	RKI_ASM_X("movq (%[gate]), " att, "mov " intel ", [%[gate]]")                                                  \
	RKI_ASM_X("shlq $" RKI_ASM_STR(RK_STRIDE_SHIFT) ", %%rax", "shl rax, " RKI_ASM_STR(RK_STRIDE_SHIFT))           \
	RKI_ASM_X("testq " att ", " att, "test " intel ", " intel)                                                     \
	"jz " to(label) "\n\t"                                                                                         \
	RKI_ASM_X("addq " att ", %%rax", "add rax, " intel)
#define RK_ASM_INDEX_GATE(to, label) RKI_ASM_INDEX_GATE(to, label, "%%rcx", "rcx")
#define RK_ASM_INDEX_GATE_TOKEN(to, label) RKI_ASM_INDEX_GATE(to, label, "%[outcome]", "%[outcome]")
#define RK_ASM_UNLESS_FREE(to, label)                                                                                  \
	RKI_ASM_FROM("mov", RK_ASM_SLOT, "rcx")                                                                        \
	RKI_ASM_X("orq 8(%%rax), %%rcx", "or rcx, [rax+8]")                                                            \
	"jnz " to(label) "\n\t"
#define RK_ASM_TELL_SLOT RKI_ASM_X("movq %%rax, %[outcome]", "mov %[outcome], rax")
#define RK_ASM_BEHIND(where) RKI_ASM_X("addq %[" #where "], %%rax", "add rax, %[" #where "]")

/* Places. */
#define RK_ASM_SLOT "{(%%rax)|[rax]}"
#define RK_ASM_REACH(offset) RKI_ASM_X("leaq (%[" #offset "],%%rax), %%rcx", "lea rcx, [%[" #offset "]+rax]")
#define RK_ASM_REACHED(offset) "{(%%rcx)|[rcx]}"

#define RK_ASM_FOLLOW(label, offset)                                                                                   \
	RKI_ASM_FROM("mov", RK_ASM_SLOT, "rax")                                                                        \
	RKI_ASM_X("testq %%rax, %%rax", "test rax, rax")                                                               \
	"jz %l[" #label "]\n\t"                                                                                        \
	RKI_ASM_X("addq %[" #offset "], %%rax", "add rax, %[" #offset "]")
#define RK_ASM_ENTER(to, where, label)                                                                                 \
	RKI_ASM_FROM("mov", RK_ASM_SLOT, "rax")                                                                        \
	RKI_ASM_X("testb $1, %%al", "test al, 1")                                                                      \
	"jz " to(label) "\n\t"                                                                                         \
	RKI_ASM_X("addq %[" #where "], %%rax", "add rax, %[" #where "]")
#define RK_ASM_UNLESS_EQUAL(place, word, label)                                                                        \
	RKI_ASM_TO("cmp", "%[" #word "]", place) "\n\t"                                                                \
	"jne %l[" #label "]\n\t"

#define RK_ASM_LOAD RKI_ASM_FROM("mov", RK_ASM_SLOT, "rcx")
#define RK_ASM_IF_LOADED(to, word, label)                                                                              \
	RKI_ASM_X("cmpq %[" #word "], %%rcx", "cmp rcx, %[" #word "]")                                                 \
	"je " to(label) "\n\t"
#define RK_ASM_UNLESS_LOADED(to, word, label)                                                                          \
	RKI_ASM_X("cmpq %[" #word "], %%rcx", "cmp rcx, %[" #word "]")                                                 \
	"jne " to(label) "\n\t"
/* Most links are a node's first word, so an offset of 0 isn't added. */
#define RK_ASM_LOAD_THROUGH(offset)                                                                                    \
	".ifnc %[" #offset "], {$|}0\n\t"                                                                              \
	RKI_ASM_X("addq %[" #offset "], %%rcx", "add rcx, %[" #offset "]")                                             \
	".endif\n\t"                                                                                                   \
	RKI_ASM_X("movq (%%rcx), %%rcx", "mov rcx, [rcx]")
#define RK_ASM_KEEP RKI_ASM_X("movq %%rcx, %[value]", "mov %[value], rcx")
#define RK_ASM_STORE_LOADED(pointer) RKI_ASM_X("movq %%rcx, (%[" #pointer "])", "mov [%[" #pointer "]], rcx")
#define RK_ASM_STORE(place, word) RKI_ASM_TO("mov", "%[" #word "]", place) "\n\t"

/* Arrays: the low 16 bits of the slot's word are the length, the next word is the capacity, elements follow. */
#define RK_ASM_LOAD_LAST(to, read, label)                                                                              \
	RKI_ASM_X("movzwl %%cx, %k[" #read "]", "movzx %k[" #read "], cx")                                             \
	RKI_ASM_X("testl %k[" #read "], %k[" #read "]", "test %k[" #read "], %k[" #read "]")                           \
	"jz " to(label) "\n\t"                                                                                         \
	RKI_ASM_X("leaq 8(%%rax,%[" #read "],8), %[" #read "]", "lea %[" #read "], [rax+%[" #read "]*8+8]")            \
	RKI_ASM_X("movq (%[" #read "]), %[" #read "]", "mov %[" #read "], [%[" #read "]]")
#define RK_ASM_STORE_NEXT(to, word, label)                                                                             \
	RKI_ASM_X("movzwl %%cx, %%esi", "movzx esi, cx")                                                               \
	RKI_ASM_X("cmpq 8(%%rax), %%rsi", "cmp rsi, [rax+8]")                                                          \
	"jae " to(label) "\n\t"                                                                                        \
	RKI_ASM_X("leaq 16(%%rax,%%rsi,8), %%rsi", "lea rsi, [rax+rsi*8+16]")                                          \
	RKI_ASM_X("movq %[" #word "], (%%rsi)", "mov [rsi], %[" #word "]")
#define RK_ASM_STEP(number) RKI_ASM_X("addq %[" #number "], %%rcx", "add rcx, %[" #number "]")

/*
 * Copies words, from the last one, while more than 16 bytes are left. Then copies the last eight of the bytes left, and the first
 * eight; the two may overlap. Fewer than eight bytes are copied one by one. Eight to 16 bytes take one jump, because many records
 * are no longer.
 *
 * One register counts and indexes, so a word takes four instructions. Then the stores are the limit, and not the number of
 * instructions that a cycle can start. From RKI_COPY_STRING bytes on the string instruction is faster: on Zen 4 it takes 9 ns to
 * start, and then 0.07 ns for a word instead of 0.27.
 */
#define RKI_COPY_STRING 160
/* An address with a displacement, in both forms. For AT&T binutils before 2.36 accept no plus sign before it. */
#define RKI_ASM_WITH(at, at_intel, att, intel) "{" at "(" att ",%%rcx)|[" intel "+rcx" at_intel "]}"
#define RKI_ASM_COPY_WORD(at, at_intel, from, from_intel, to, to_intel, word)                                          \
	RKI_ASM_FROM("mov", RKI_ASM_WITH(at, at_intel, from, from_intel), word)                                        \
	"{movq %%" word ", |mov }" RKI_ASM_WITH(at, at_intel, to, to_intel) "{|, " word "}\n\t"
#define RKI_ASM_COPY(length, from, from_intel, to, to_intel, word, low)                                                \
	RKI_ASM_X("leaq -8(%[" #length "]), %%rcx", "lea rcx, [%[" #length "]-8]")                                     \
	RKI_ASM_X("cmpq $8, %%rcx", "cmp rcx, 8")                                                                      \
	"jbe " RKI_ASM_L(8) "\n\t"                                                                                     \
	RKI_ASM_X("cmpq $" RKI_ASM_STR(RKI_COPY_STRING) " - 8, %%rcx", "cmp rcx, " RKI_ASM_STR(RKI_COPY_STRING) " - 8")  \
	"jb " RKI_ASM_L(6) "\n\t"                                                                                      \
	RKI_ASM_X("addq $8, %%rcx", "add rcx, 8")                                                                      \
	"jz " RKI_ASM_L(9) "\n\t"                                                                                      \
	RKI_ASM_X("cmpq $8, %%rcx", "cmp rcx, 8")                                                                      \
	"jb " RKI_ASM_L(5) "\n\t"                                                                                      \
	RKI_ASM_X("movq " from ", %%rsi", "mov rsi, " from_intel)                                                      \
	RKI_ASM_X("movq " to ", %%rdi", "mov rdi, " to_intel)                                                          \
	"rep movsb\n\t"                                                                                                \
	"jmp " RKI_ASM_L(9) "\n"                                                                                       \
	RKI_ASM_L(5) ":\n\t"                                                                                           \
	"{movb |mov " low ", }" RKI_ASM_WITH("-1", "-1", from, from_intel) "{, %%" low "|}\n\t"                        \
	"{movb %%" low ", |mov }" RKI_ASM_WITH("-1", "-1", to, to_intel) "{|, " low "}\n\t"                            \
	RKI_ASM_X("decq %%rcx", "dec rcx")                                                                             \
	"jnz " RKI_ASM_L(5) "\n\t"                                                                                     \
	"jmp " RKI_ASM_L(9) "\n"                                                                                       \
	RKI_ASM_L(6) ":\n\t"                                                                                           \
	RKI_ASM_X("subq $8, %%rcx", "sub rcx, 8") "\n"                                                                 \
	RKI_ASM_L(7) ":\n\t"                                                                                           \
	RKI_ASM_COPY_WORD("8", "+8", from, from_intel, to, to_intel, word)                                             \
	RKI_ASM_X("subq $8, %%rcx", "sub rcx, 8")                                                                      \
	"jg " RKI_ASM_L(7) "\n\t"                                                                                      \
	RKI_ASM_X("addq $8, %%rcx", "add rcx, 8") "\n"                                                                 \
	RKI_ASM_L(8) ":\n\t"                                                                                           \
	RKI_ASM_COPY_WORD("", "", from, from_intel, to, to_intel, word)                                                \
	RKI_ASM_X("movq (" from "), %%" word, "mov " word ", [" from_intel "]")                                        \
	RKI_ASM_X("movq %%" word ", (" to ")", "mov [" to_intel "], " word) "\n"                                       \
	RKI_ASM_L(9) ":\n\t"
#define RK_ASM_COPY(offset, source, length)                                                                            \
	RKI_ASM_X("leaq (%[" #offset "],%%rax), %%rdi", "lea rdi, [%[" #offset "]+rax]")                               \
	RKI_ASM_COPY(length, "%[" #source "]", "%[" #source "]", "%%rdi", "rdi", "rsi", "sil")
#define RK_ASM_COPY_OUT(offset, target, length)                                                                        \
	RKI_ASM_X("leaq (%[" #offset "],%%rax), %%rsi", "lea rsi, [%[" #offset "]+rax]")                               \
	RKI_ASM_COPY(length, "%%rsi", "rsi", "%[" #target "]", "%[" #target "]", "rdi", "dil")

/*
 * Logs: the slot's word is the head, and the next word is the limit. From the test for room to the commit, rdx is the next head.
 * Register rdi points to the word behind the record's first one, which is stored at -8(rdi).
 */
#define RK_ASM_UNLESS_ROOM(size, label)                                                                                \
	RKI_ASM_X("leaq (%%rcx,%[" #size "]), %%rdx", "lea rdx, [rcx+%[" #size "]]")                                   \
	RKI_ASM_X("cmpq 8(%%rax), %%rdx", "cmp rdx, [rax+8]")                                                          \
	"jg %l[" #label "]\n\t"
#define RK_ASM_PLACE(mask)                                                                                             \
	RKI_ASM_X("andq %[" #mask "], %%rcx", "and rcx, %[" #mask "]")                                                 \
	RKI_ASM_X("leaq 8+" RKI_ASM_STR(RK_LOG_DATA) "(%%rax,%%rcx), %%rdi",                                           \
		  "lea rdi, [rax+rcx+8+" RKI_ASM_STR(RK_LOG_DATA) "]")
#define RK_ASM_PUT(word) RKI_ASM_X("movq %[" #word "], -8(%%rdi)", "mov [rdi-8], %[" #word "]")
#define RK_ASM_PUT_STAMP                                                                                               \
	RKI_ASM_X("movq %%rax, %%rsi\n\tmovq %%rdx, %%rcx", "mov rsi, rax\n\tmov rcx, rdx")                            \
	"lfence\n\trdtsc\n\t" /* after all that precedes */                                                           \
	RKI_ASM_X("shlq $32, %%rdx\n\torq %%rax, %%rdx", "shl rdx, 32\n\tor rdx, rax")                                 \
	RKI_ASM_X("movq %%rdx, (%%rdi)\n\taddq $8, %%rdi", "mov [rdi], rdx\n\tadd rdi, 8")                             \
	RKI_ASM_X("movq %%rsi, %%rax\n\tmovq %%rcx, %%rdx", "mov rax, rsi\n\tmov rdx, rcx")
#define RK_ASM_PUT_COPY(source, length) RKI_ASM_COPY(length, "%[" #source "]", "%[" #source "]", "%%rdi", "rdi", "rsi", "sil")

/*
 * Waits while the slot's word equals the operand: inside a section, until another thread changes the word or the section aborts.
 * For probes of what aborts a section.
 */
#define RKI_ASM_WHILE_EQUAL(operand)                                                                                   \
	RKI_ASM_L(5) ":\n\t"                                                                                           \
	RKI_ASM_TO("cmp", "%[" #operand "]", RK_ASM_SLOT) "\n\t"                                                       \
	"je " RKI_ASM_L(5) "\n\t"

/* Commits: the last instruction commits, directly followed by the end label. */
#define RK_ASM_COMMIT_ADD(operand)                                                                                     \
	RK_ASM_LOAD RKI_ASM_X("addq %[" #operand "], %%rcx", "add rcx, %[" #operand "]") RK_ASM_COMMIT_LOADED
#define RK_ASM_COMMIT_ADD_IMMEDIATE(operand) RKI_ASM_TO("add", "%[" #operand "]", RK_ASM_SLOT) "\n" RKI_ASM_L(2) ":\n\t"
#define RK_ASM_COMMIT_STORE(operand) RKI_ASM_TO("mov", "%[" #operand "]", RK_ASM_SLOT) "\n" RKI_ASM_L(2) ":\n\t"
/* With release order, which every store has here. The stores of a string instruction also come before any later store. */
#define RK_ASM_COMMIT_STORE_RELEASE(operand) RK_ASM_COMMIT_STORE(operand)
#define RK_ASM_COMMIT_LOADED "{movq %%rcx, |mov }" RK_ASM_SLOT "{|, rcx}\n" RKI_ASM_L(2) ":\n\t"
#define RK_ASM_COMMIT_HEAD "{movq %%rdx, |mov }" RK_ASM_SLOT "{|, rdx}\n" RKI_ASM_L(2) ":\n\t"
#define RK_ASM_COMMIT_HEAD_RELEASE RK_ASM_COMMIT_HEAD
#define RK_ASM_COMMIT_LOAD "{movq |mov %[value], }" RK_ASM_SLOT "{, %[value]|}\n" RKI_ASM_L(2) ":\n\t"

/*
 * A signal handler that interrupted a section finds the thread in the abort handler. The abort handler is outside of its
 * function. Unwinders could find the function's caller only by the function's own frame, which the compiler describes. So this
 * describes the abort handler as a frame of its own, like that of a signal. The caller of that frame is the function at `target`,
 * with all registers as they are.
 *
 * The assemblers' directives can't say that. So the bytes of the table are written here: a record of 24 bytes once in a file,
 * which all handlers share, and 40 bytes for each. The caller's address is the thread's address (DW_OP_breg16, rip) plus the
 * distance from there to the target. The target may be in another ELF section. So the distance is the difference of two
 * distances that begin here, at places 6 bytes apart.
 */
#ifdef __clang__
#define RKI_ASM_FRAMES "@unwind" /* as clang itself declares this ELF section; gcc says @progbits */
#else
#define RKI_ASM_FRAMES "@progbits"
#endif
#define RKI_ASM_UNWIND(from, to, target)                                                                               \
	".pushsection .eh_frame, \"a\", " RKI_ASM_FRAMES "\n\t"                                                        \
	".ifndef .Lrk_frames\n"                                                                                        \
	".Lrk_frames:\n\t"                                                                                             \
	".long 20, 0\n\t"                                                                                              \
	".byte 1\n\t.asciz \"zRS\"\n\t.byte 1, 0x78, 16, 1, 0x1b\n\t" /* -8; the return address is rip; 4 bytes from here */ \
	".byte 12, 7, 0, 0, 0, 0\n\t"                        /* DW_CFA_def_cfa: rsp */                                \
	".endif\n\t"                                                                                                   \
	".long 36\n\t.long . - .Lrk_frames\n\t"                                                                        \
	".long " from " - ., " to " - " from "\n\t"                                                                    \
	".byte 0, 0x16, 16, 14, 0x80, 0x7a, 0x0d\n\t" /* DW_CFA_val_expression: rip - 6 */                             \
	".long " target " - .\n\t.byte 0x22, 0x0d\n\t"  /* + */                                                       \
	".long " from " - .\n\t.byte 0x1c, 0, 0, 0, 0, 0, 0\n\t" /* - */                                              \
	".popsection\n\t"

/* The signature is the displacement of a ud1, so that disassemblers stay in step. */
#define RKI_ASM_ABORT(target, then)                                                                                    \
	".subsection 1\n\t"                                                                                            \
	".byte 0x0f, 0xb9, 0x3d\n\t.long " RKI_ASM_STR(RK_SIGNATURE) "\n"                                              \
	RKI_ASM_L(4) ":\n\t" then RKI_ASM_L(e4) ":\n\t.subsection 0\n\t"                                             \
	RKI_ASM_UNWIND(RKI_ASM_L(4), RKI_ASM_L(e4), target)
#define RKI_ASM_GO(place) "jmp " place "\n\t"
#define RKI_ASM_TELL(code) RKI_ASM_X("movl $" code ", %k[outcome]", "mov %k[outcome], " code) RKI_ASM_GO(RKI_ASM_L(2))

/* Operands: a pointer or number in a register; a word may also be an immediate where it fits. */
#define RK_IN(name) [name] "r"(name)
#define RK_IN_WORD(name) [name] "er"(name)
/* Rarely used words that are no constants may be in memory, because registers are few. */
#define RK_IN_WORD_AS(name, expression) [name] "erm"(expression)
/* clang uses memory wherever a constraint allows it, and has no -ffixed-REGISTER. */
#ifdef __clang__
#define RK_IN_IF_ROOM(name) RK_IN_WORD(name)
#else
#define RK_IN_IF_ROOM(name) RK_IN_WORD_AS(name, name)
#endif

/* Can the word be an immediate? No where the compiler can't tell, for example at -O0. */
#define RK_IMMEDIATE(word) (__builtin_constant_p(word) && (word) == (int32_t)(word))

/* Reads a word at an offset from the calling thread's thread pointer. */
#define RKI_THREAD_WORD(result, offset)                                                                                \
	__asm__ __volatile__(RKI_ASM_X("movq %%fs:(%[at]), %[word]", "mov %[word], qword ptr fs:[%[at]]")              \
			     : [word] "=r"(result)                                                                     \
			     : [at] "r"(offset))

/* Reads one 32-bit field of the calling thread's area; `field` is its byte offset, a literal. */
#define RKI_AREA_READ(result, field)                                                                                   \
	__asm__ __volatile__(RKI_ASM_X("movl %%fs:" #field "(%[area]), %[value]",                                      \
				       "mov %[value], dword ptr fs:[%[area]+" #field "]")                              \
			     : [value] "=r"(result)                                                                    \
			     : [area] "r"(rk_area_offset))

/* Stores a byte to the area. For the calling thread the store is in program order with all that precedes and follows. */
#define RKI_AREA_STORE_BYTE(field, byte)                                                                               \
	__asm__ __volatile__(RKI_ASM_X("movb $" #byte ", %%fs:" #field "(%[area])",                                    \
				       "mov byte ptr fs:[%[area]+" #field "], " #byte)                                 \
			     :                                                                                         \
			     : [area] "r"(rk_area_offset)                                                              \
			     : "memory")

#endif /* RK_NO_SECTIONS */
#endif /* RSEQKIT_ARCH_X86_64_H */
