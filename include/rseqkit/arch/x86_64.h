/* SPDX-License-Identifier: MIT */
/*
 * x86_64.h - the port to x86-64. See section.h for the meaning of each primitive.
 *
 * Register rax has the slot's address. Register rcx has the loaded word, or the address that RK_ASM_REACH computed. Sections
 * that copy bytes also use rsi and rdi. The section itself addresses the thread's area by %fs, so a fiber that moved to another
 * thread between two operations never uses the old thread's area.
 *
 * Instructions are written in both syntaxes, {AT&T|Intel}. With -masm=intel compilers print operands in Intel syntax, and no
 * predefined macro says which syntax is in use.
 *
 * A section needs up to 12 of the 15 registers (rk_at_copy_if_equal() does), and a frame pointer needs one more. If the
 * option -ffixed-REGISTER leaves fewer registers than a section needs, compilers report impossible constraints.
 *
 * Several forms of each primitive were measured, and the fastest form is used. The file bench/METHOD.md describes the
 * measurements, and has the figures of each processor. A section costs at least its two stores: one to the area and one to the
 * slot.
 *
 * Intel's cores since Golden Cove have memory renaming: they forward a stored word without delay to the next load of that word.
 * Renaming works only for some instructions. It also needs a store address and a load address that are each a single register,
 * without displacement or index. Otherwise the load takes six cycles more. For this reason:
 *   - the code computes the address of the slot, or of a word in the slot, into a register, and doesn't address by an index.
 *     The word that names a slot's bank is an exception, because sections only load this word;
 *   - the code adds a constant to memory in place, but adds a variable by a load, an add and a store (RK_IMMEDIATE).
 *
 * Because AMD's Zen 3 renames memory for any address, but not for an instruction that both loads and computes, a separate mov
 * loads a word that was stored shortly before. Older Intel cores, and AMD's Zen 4, take the same time for all forms. AMD's Zen
 * 5 is faster with these forms:
 *   - the descriptor's address is an immediate if the code model allows it, which saves one instruction; otherwise lea computes
 *     it;
 *   - `movl; testl; js; shl` replaces `movslq; shl; js`: the longer form is faster, because the sign extension costs a cycle;
 *   - %fs:offset(register) replaces a register that points to the area: this form is as fast or faster.
 *
 * One variant was measured but isn't used: it stores the descriptor only if the area doesn't hold the descriptor already. This
 * variant is a fifth faster in a loop with one section, but three quarters slower if two sections alternate.
 */
#ifndef RSEQKIT_ARCH_X86_64_H
#define RSEQKIT_ARCH_X86_64_H

#define RK_SIGNATURE 0x53053053

/* generic.h describes these macros. */
#define RKI_READ_THREAD_POINTER(pointer) __asm__ __volatile__("mov {%%fs:0, %0|%0, fs:[0]}" : "=r"(pointer))
#define RKI_PLUGIN_ALIGNMENT 64
#define RKI_ORDERS_BY_ITSELF 1
#ifndef __LZCNT__
#define RKI_LZCNT(zeros, word) __asm__("lzcnt{q %1, %0| %0, %1}" : "=r"(zeros) : "r"(word) : "cc")
#endif
#if __SIZEOF_POINTER__ == 8
#include <rseqkit/arch/x86_64_vfork.h>
#endif

#ifndef RK_NO_SECTIONS
#include <rseqkit/arch/section.h>
#include <rseqkit/arch/x86_64_unwind.h>

#define RK_USES_SLOT "rax"
#define RK_USES_LOADED "rax", "rcx"
#define RK_USES_ARRAY "rax", "rcx", "rsi"
#define RK_USES_COPY "rax", "rcx", "rsi", "rdi" RKI_USES_VECTORS
#define RK_USES_LOG RK_USES_COPY, "rdx"

/*
 * These macros write an instruction in both syntaxes. In RKI_ASM_TO the last operand (in AT&T syntax) is a place, in
 * RKI_ASM_FROM the first one. The text of a place itself has both syntaxes.
 */
#define RKI_ASM_X(att, intel) "{" att "|" intel "}\n"
#define RKI_ASM_TO(verb, from, place) "{" verb "q " from ",|" verb " qword ptr }" place "{|," from "}"
#define RKI_ASM_FROM(verb, place, to) "{" verb "q |" verb " " to ",}" place "{,%%" to "|}\n"

/*
 * The store of the descriptor activates the section. The start label must follow at once: an interruption between store and
 * label would clear the descriptor, and the section would run unprotected. Labels must be in the text that both syntaxes share,
 * because clang before 12 prints the number of a label in both alternatives.
 */
#if !defined(__PIC__) && !defined(__PIE__) && defined(__code_model_small__)
#define RKI_ASM_BEGIN                                                                                                  \
	"{movq $|mov qword ptr fs:[%[area]+8],offset }" RKI_ASM_L(3) "{,%%fs:8(%[area])|}\n"                           \
	RKI_ASM_L(1) ":\n"
#else
#define RKI_ASM_BEGIN                                                                                                  \
	"{leaq |lea rax,[rip+}" RKI_ASM_L(3) "{(%%rip),%%rax|]}\n"                                                     \
	RKI_ASM_X("movq %%rax,%%fs:8(%[area])", "mov fs:[%[area]+8],rax")                                              \
	RKI_ASM_L(1) ":\n"
#endif

#define RKI_ASM_PIN_HERE(here)                                                                                         \
	"endbr64\n"                                                                                                    \
	RKI_ASM_X("leaq " #here "(%%rip),%%rdi", "lea rdi,[rip+" #here "]")                                            \
	"jmp rk_pin_module@PLT\n"

#define RKI_ASM_SCALE RKI_ASM_X("shlq $" RKI_ASM_STR(RK_STRIDE_SHIFT) ",%%rax", "shl rax," RKI_ASM_STR(RK_STRIDE_SHIFT))
#define RKI_ASM_OF_BASE RKI_ASM_X("addq %[base],%%rax", "add rax,%[base]")

/* The index is the current CPU. A negative cpu_id means that this thread has no rseq at the moment. */
#define RKI_ASM_NUMBER_CPU(to)                                                                                         \
	RKI_ASM_X("movl %%fs:4(%[area]),%%eax", "mov eax,fs:[%[area]+4]")                                              \
	RKI_ASM_X("testl %%eax,%%eax", "test eax,eax")                                                                 \
	"js " to(leave) "\n"                                                                                           \
	RKI_ASM_SCALE
#define RK_ASM_INDEX_CPU(to) RKI_ASM_NUMBER_CPU(to) RKI_ASM_OF_BASE
#define RK_ASM_ENTER_CPU(to, where, label) RKI_ASM_NUMBER_CPU(to) RKI_ASM_ENTER(to, where, label)

/*
 * The index is the concurrency id. The comparison of cpu_id says whether mm_cid is valid (rk_cid_limit in abi.h). It comes last,
 * so that the processor loads mm_cid at the same time.
 */
#define RKI_ASM_NUMBER_CID(to)                                                                                         \
	RKI_ASM_X("movl %%fs:24(%[area]),%%eax", "mov eax,fs:[%[area]+24]")                                            \
	RKI_ASM_SCALE                                                                                                  \
	RKI_ASM_X("cmpl %[cid_limit],%%fs:4(%[area])", "cmp fs:[%[area]+4],%[cid_limit]")                              \
	"jae " to(leave) "\n"
#define RK_ASM_INDEX_CID(to) RKI_ASM_NUMBER_CID(to) RKI_ASM_OF_BASE
#define RK_ASM_ENTER_CID(to, where, label) RKI_ASM_NUMBER_CID(to) RKI_ASM_ENTER(to, where, label)

/* The index is `cpu`. The caller has checked that `cpu` isn't negative, so `cpu` never equals an unregistered thread's cpu_id. */
#define RKI_ASM_NUMBER_AT(to)                                                                                          \
	RKI_ASM_X("movl %%fs:4(%[area]),%%eax", "mov eax,fs:[%[area]+4]")                                              \
	RKI_ASM_X("cmpl %[cpu],%%eax", "cmp eax,%[cpu]")                                                               \
	"jne " to(leave) "\n"                                                                                          \
	RKI_ASM_SCALE
#define RK_ASM_INDEX_AT(to) RKI_ASM_NUMBER_AT(to) RKI_ASM_OF_BASE
#define RK_ASM_ENTER_AT(to, where, label) RKI_ASM_NUMBER_AT(to) RKI_ASM_ENTER(to, where, label)

/*
 * The index is the current CPU, and the shared word `gate` names the item. The code loads that word into rcx, or into the
 * outcome. The code `test` leaves the section if the word is 0.
 */
#define RKI_ASM_INDEX_GATE(number, test, att, intel)                                                                   \
	number                                                                                                         \
	RKI_ASM_X("movq (%[gate])," att, "mov " intel ",[%[gate]]")                                                    \
	test RKI_ASM_X("addq " att ",%%rax", "add rax," intel)
#define RKI_ASM_UNLESS_GATE(to, label, att, intel)                                                                     \
	RKI_ASM_X("testq " att "," att, "test " intel "," intel) "jz " to(label) "\n"
#define RK_ASM_INDEX_GATE(to, label)                                                                                   \
	RKI_ASM_INDEX_GATE(RKI_ASM_NUMBER_CPU(to), RKI_ASM_UNLESS_GATE(to, label, "%%rcx", "rcx"), "%%rcx", "rcx")
#define RKI_ASM_OPEN_GATE(number) RKI_ASM_INDEX_GATE(number, , "%%rcx", "rcx")
#define RK_ASM_INDEX_OPEN_GATE(to) RKI_ASM_OPEN_GATE(RKI_ASM_NUMBER_CPU(to))
#define RK_ASM_INDEX_GATE_TOKEN(to)                                                                                    \
	RKI_ASM_INDEX_GATE(RKI_ASM_NUMBER_CPU(to), RKI_ASM_UNLESS_GATE(RK_ASM_END, closed, "%[outcome]", "%[outcome]"), \
			   "%[outcome]", "%[outcome]")
#define RK_ASM_UNLESS_FREE(to, label)                                                                                  \
	RKI_ASM_FROM("mov", RK_ASM_SLOT, "rcx")                                                                        \
	RKI_ASM_X("orq 8(%%rax),%%rcx", "or rcx,[rax+8]")                                                              \
	"jnz " to(label) "\n"
#define RK_ASM_TELL_SLOT RKI_ASM_X("movq %%rax,%[outcome]", "mov %[outcome],rax")
#define RK_ASM_FURTHER(where)                                                                                           \
	".ifnc %[" #where "],{$|}0\n"                                                                                  \
	RKI_ASM_X("addq %[" #where "],%%rax", "add rax,%[" #where "]")                                                 \
	".endif\n"

/* These primitives name places (section.h). */
#define RK_ASM_SLOT "{(%%rax)|[rax]}"
#define RK_ASM_REACH(offset) RKI_ASM_X("leaq (%[" #offset "],%%rax),%%rcx", "lea rcx,[%[" #offset "]+rax]")
#define RK_ASM_REACHED(offset) "{(%%rcx)|[rcx]}"

#define RK_ASM_FOLLOW(label, offset)                                                                                   \
	RKI_ASM_FROM("mov", RK_ASM_SLOT, "rax")                                                                        \
	RKI_ASM_X("testq %%rax,%%rax", "test rax,rax")                                                                 \
	"jz " RK_ASM_C(label) "\n"                                                                                     \
	RKI_ASM_X("addq %[" #offset "],%%rax", "add rax,%[" #offset "]")
#define RKI_ASM_ENTER(to, where, label)                                                                                \
	RKI_ASM_X("movq (%[base],%%rax),%%rax", "mov rax,[%[base]+rax]")                                               \
	RKI_ASM_X("testq %%rax,%%rax", "test rax,rax")                                                                 \
	"jle " to(label) "\n"                                                                                          \
	RK_ASM_FURTHER(where)
#define RK_ASM_UNLESS_EQUAL(place, word, label)                                                                        \
	RKI_ASM_TO("cmp", "%[" #word "]", place) "\n"                                                                  \
	"jne " RK_ASM_C(label) "\n"

#define RK_ASM_LOAD RKI_ASM_FROM("mov", RK_ASM_SLOT, "rcx")
#define RK_ASM_IF_LOADED(to, word, label)                                                                              \
	RKI_ASM_X("cmpq %[" #word "],%%rcx", "cmp rcx,%[" #word "]")                                                   \
	"je " to(label) "\n"
#define RK_ASM_UNLESS_LOADED(to, word, label)                                                                          \
	RKI_ASM_X("cmpq %[" #word "],%%rcx", "cmp rcx,%[" #word "]")                                                   \
	"jne " to(label) "\n"
/* A node's link is usually its first word, so the code omits the add if the offset is 0. */
#define RK_ASM_LOAD_THROUGH(offset)                                                                                    \
	".ifnc %[" #offset "],{$|}0\n"                                                                                 \
	RKI_ASM_X("addq %[" #offset "],%%rcx", "add rcx,%[" #offset "]")                                               \
	".endif\n"                                                                                                     \
	RKI_ASM_X("movq (%%rcx),%%rcx", "mov rcx,[rcx]")
#define RK_ASM_KEEP RKI_ASM_X("movq %%rcx,%[value]", "mov %[value],rcx")
#define RK_ASM_STORE_LOADED(pointer)                                                                                   \
	RKI_ASM_PRIVATE(RKI_ASM_X("movq %%rcx,(%[" #pointer "])", "mov [%[" #pointer "]],rcx"))
#define RK_ASM_STORE(place, word) RKI_ASM_PRIVATE(RKI_ASM_TO("mov", "%[" #word "]", place) "\n")

/* An array's length is in the low 16 bits of the slot's word. The next word is the capacity, and then the elements follow. */
#define RK_ASM_LOAD_LAST(to, read, label)                                                                              \
	RKI_ASM_X("movzwl %%cx,%k[" #read "]", "movzx %k[" #read "],cx")                                               \
	RKI_ASM_X("testl %k[" #read "],%k[" #read "]", "test %k[" #read "],%k[" #read "]")                             \
	"jz " to(label) "\n"                                                                                           \
	RKI_ASM_X("leaq 8(%%rax,%[" #read "],8),%[" #read "]", "lea %[" #read "],[rax+%[" #read "]*8+8]")              \
	RKI_ASM_X("movq (%[" #read "]),%[" #read "]", "mov %[" #read "],[%[" #read "]]")
#define RK_ASM_STORE_NEXT(to, word, label)                                                                             \
	RKI_ASM_X("movzwl %%cx,%%esi", "movzx esi,cx")                                                                 \
	RKI_ASM_X("cmpq 8(%%rax),%%rsi", "cmp rsi,[rax+8]")                                                            \
	"jae " to(label) "\n"                                                                                          \
	RKI_ASM_X("leaq 16(%%rax,%%rsi,8),%%rsi", "lea rsi,[rax+rsi*8+16]")                                            \
	RKI_ASM_PRIVATE(RKI_ASM_X("movq %[" #word "],(%%rsi)", "mov qword ptr [rsi],%[" #word "]"))
#define RK_ASM_STEP(number) RKI_ASM_X("addq %[" #number "],%%rcx", "add rcx,%[" #number "]")

/*
 * Copies bytes. If the length is a constant, and a multiple of 8 up to 40, the code has a load and a store for each word. The
 * operand `copied` tells the assembler whether the length is such a constant. If it isn't, the code copies in a way that
 * depends on the length:
 *
 *   below 8     bytes, beginning with the last byte
 *   8 to 16     the last eight bytes and the first eight bytes; these two words may overlap. Many records are that short, so this
 *               way takes only one jump
 *   17 to 63    words, beginning with the last word, and then as for 8 to 16. One register both counts and indexes, so the loop
 *               has four instructions for a word
 *   64 or more  64 bytes by vector registers, beginning with the last 64; at the end the first 64, which may overlap with others.
 *               If bytes were stored one word at a time just before, the processor can't forward them to a vector, so that the
 *               load takes longer. Shorter copies don't use vectors
 *
 * Without vector registers (-mgeneral-regs-only), the loop over words also copies 64 bytes or more.
 */
#ifdef __AVX__
#define RKI_ASM_MOVUPS "vmovups "
#else
#define RKI_ASM_MOVUPS "movups "
#endif

/* An address with a displacement, in both syntaxes. In AT&T syntax, binutils before 2.36 reject a plus sign before the number. */
#define RKI_ASM_WITH(at, at_intel, att, intel) "{" at "(" att ",%%rcx)|[" intel "+rcx" at_intel "]}"
#define RKI_ASM_COPY_WORD(at, at_intel, from, from_intel, to, to_intel, word)                                          \
	RKI_ASM_FROM("mov", RKI_ASM_WITH(at, at_intel, from, from_intel), word)                                        \
	"{movq %%" word ",|mov }" RKI_ASM_WITH(at, at_intel, to, to_intel) "{|," word "}\n"

#ifdef __SSE2__
#define RKI_USES_VECTORS , "xmm0", "xmm1", "xmm2", "xmm3"
#define RKI_ASM_COPY_LONG(from, from_intel, to, to_intel)                                                              \
	RKI_ASM_X("cmpq $56,%%rcx", "cmp rcx,56")                                                                      \
	"jl " RKI_ASM_L(6) "\n"                                                                                        \
	RKI_ASM_X("subq $56,%%rcx", "sub rcx,56")                                                                      \
	RKI_ASM_L(10) ":\n"                                                                                            \
	".irp v,0,1,2,3\n"                                                                                             \
	RKI_ASM_MOVUPS "{16*\\v(" from ",%%rcx),%%xmm\\v|xmm\\v,[" from_intel "+rcx+16*\\v]}\n.endr\n"                 \
	".irp v,0,1,2,3\n"                                                                                             \
	RKI_ASM_MOVUPS "{%%xmm\\v,16*\\v(" to ",%%rcx)|[" to_intel "+rcx+16*\\v],xmm\\v}\n.endr\n"                     \
	RKI_ASM_X("subq $64,%%rcx", "sub rcx,64")                                                                      \
	"jns " RKI_ASM_L(10) "\n"                                                                                      \
	RKI_ASM_X("cmpq $-64,%%rcx", "cmp rcx,-64")                                                                    \
	"je " RKI_ASM_L(9) "\n"                                                                                        \
	RKI_ASM_X("xorl %%ecx,%%ecx", "xor ecx,ecx")                                                                   \
	"jmp " RKI_ASM_L(10) "\n"
#else
#define RKI_USES_VECTORS
#define RKI_ASM_COPY_LONG(from, from_intel, to, to_intel)
#endif
#define RKI_ASM_COPY_ANY(length, from, from_intel, to, to_intel, word, low)                                            \
	RKI_ASM_X("movq %[" #length "],%%rcx", "mov rcx,%[" #length "]")                                               \
	RKI_ASM_X("subq $8,%%rcx", "sub rcx,8")                                                                        \
	"js " RKI_ASM_L(11) "\n"                                                                                       \
	RKI_ASM_X("cmpq $8,%%rcx", "cmp rcx,8")                                                                        \
	"jle " RKI_ASM_L(8) "\n"                                                                                       \
	RKI_ASM_COPY_LONG(from, from_intel, to, to_intel)                                                              \
	RKI_ASM_L(6) ":\n"                                                                                             \
	RKI_ASM_X("subq $8,%%rcx", "sub rcx,8")                                                                        \
	RKI_ASM_L(7) ":\n"                                                                                             \
	RKI_ASM_COPY_WORD("8", "+8", from, from_intel, to, to_intel, word)                                             \
	RKI_ASM_X("subq $8,%%rcx", "sub rcx,8")                                                                        \
	"jg " RKI_ASM_L(7) "\n"                                                                                        \
	RKI_ASM_X("addq $8,%%rcx", "add rcx,8")                                                                        \
	RKI_ASM_L(8) ":\n"                                                                                             \
	RKI_ASM_COPY_WORD("", "", from, from_intel, to, to_intel, word)                                                \
	RKI_ASM_X("movq (" from "),%%" word, "mov " word ",[" from_intel "]")                                          \
	RKI_ASM_X("movq %%" word ",(" to ")", "mov [" to_intel "]," word)                                              \
	"jmp " RKI_ASM_L(9) "\n"                                                                                       \
	RKI_ASM_L(5) ":\n"                                                                                             \
	"{movb |mov " low ",}" RKI_ASM_WITH("7", "+7", from, from_intel) "{,%%" low "|}\n"                             \
	"{movb %%" low ",|mov }" RKI_ASM_WITH("7", "+7", to, to_intel) "{|," low "}\n"                                 \
	RKI_ASM_X("decq %%rcx", "dec rcx")                                                                             \
	RKI_ASM_L(11) ":\n"                                                                                            \
	RKI_ASM_X("cmpq $-8,%%rcx", "cmp rcx,-8")                                                                      \
	"jne " RKI_ASM_L(5) "\n"                                                                                       \
	RKI_ASM_L(9) ":\n"

#define RKI_ASM_COPY(length, from, from_intel, to, to_intel, word, low)                                                \
	".set .Lrk_words,-1\n"                                                                                         \
	".irp words,0,1,2,3,4,5\n"                                                                                     \
	".ifc %[copied],{$|}10\\words\n.set .Lrk_words,\\words\n.endif\n"                                              \
	".endr\n"                                                                                                      \
	".if .Lrk_words<0\n"                                                                                           \
	RKI_ASM_COPY_ANY(length, from, from_intel, to, to_intel, word, low)                                            \
	".endif\n"                                                                                                     \
	".irp index,0,1,2,3,4\n"                                                                                       \
	".if .Lrk_words>\\index\n"                                                                                     \
	RKI_ASM_X("movq 8*\\index(" from "),%%" word, "mov " word ",[" from_intel "+8*\\index]")                       \
	RKI_ASM_X("movq %%" word ",8*\\index(" to ")", "mov [" to_intel "+8*\\index]," word)                           \
	".endif\n"                                                                                                     \
	".endr\n"
#define RK_ASM_COPY(offset, source, length)                                                                            \
	RKI_ASM_X("leaq (%[" #offset "],%%rax),%%rdi", "lea rdi,[%[" #offset "]+rax]")                                 \
	RKI_ASM_PRIVATE(RKI_ASM_COPY(length, "%[" #source "]", "%[" #source "]", "%%rdi", "rdi", "rsi", "sil"))
#define RK_ASM_COPY_OUT(offset, target, length)                                                                        \
	RKI_ASM_X("leaq (%[" #offset "],%%rax),%%rsi", "lea rsi,[%[" #offset "]+rax]")                                 \
	RKI_ASM_PRIVATE(RKI_ASM_COPY(length, "%%rsi", "rsi", "%[" #target "]", "%[" #target "]", "rdi", "dil"))

/*
 * If the slot is a log, its first word is the log's head, and the next word its limit. From RK_ASM_UNLESS_ROOM to the commit,
 * rdx has the new head. Register rdi points to the record's second word, so the record's first word is at -8(rdi).
 */
#define RK_ASM_UNLESS_ROOM(size, label)                                                                                \
	RKI_ASM_X("movq %%rcx,%%rdx", "mov rdx,rcx")                                                                   \
	RKI_ASM_X("addq %[" #size "],%%rdx", "add rdx,%[" #size "]")                                                   \
	RKI_ASM_X("cmpq 8(%%rax),%%rdx", "cmp rdx,[rax+8]")                                                            \
	"jg " RK_ASM_C(label) "\n"
#define RK_ASM_PLACE(mask)                                                                                             \
	RKI_ASM_X("andq %[" #mask "],%%rcx", "and rcx,%[" #mask "]")                                                   \
	RKI_ASM_X("leaq 8+" RKI_ASM_STR(RK_LOG_DATA) "(%%rax,%%rcx),%%rdi",                                            \
		  "lea rdi,[rax+rcx+8+" RKI_ASM_STR(RK_LOG_DATA) "]")
#define RK_ASM_PUT(word)                                                                                               \
	RKI_ASM_PRIVATE(RKI_ASM_X("movq %[" #word "],-8(%%rdi)", "mov qword ptr [rdi-8],%[" #word "]"))
#define RK_ASM_IN_ORDER "lfence\n" /* so that the clock is read after all earlier instructions */
#define RKI_ASM_IN_ORDER_UNLESS_ANY(order)                                                                             \
	".ifnc %[" #order "],{$|}" RKI_ASM_STR(RKI_ANY_ORDER) "\n" RK_ASM_IN_ORDER ".endif\n"
#define RK_ASM_PUT_STAMP(order)                                                                                        \
	RKI_ASM_X("movq %%rax,%%rsi\nmovq %%rdx,%%rcx", "mov rsi,rax\nmov rcx,rdx")                                    \
	order "rdtsc\n"                                                                                                \
	RKI_ASM_X("shlq $32,%%rdx\norq %%rax,%%rdx", "shl rdx,32\nor rdx,rax")                                         \
	RKI_ASM_PRIVATE(RKI_ASM_X("movq %%rdx,(%%rdi)", "mov [rdi],rdx"))                                              \
	RKI_ASM_X("addq $8,%%rdi", "add rdi,8")                                                                        \
	RKI_ASM_X("movq %%rsi,%%rax\nmovq %%rcx,%%rdx", "mov rax,rsi\nmov rdx,rcx")
#define RK_ASM_PUT_COPY(source, length)                                                                                \
	RKI_ASM_PRIVATE(RKI_ASM_COPY(length, "%[" #source "]", "%[" #source "]", "%%rdi", "rdi", "rsi", "sil"))
#define RK_ASM_PUT_AT(where, word)                                                                                     \
	RKI_ASM_PRIVATE(RKI_ASM_X("movq %[" #word "]," #where "(%%rdi)", "mov qword ptr [rdi+" #where "],%[" #word "]"))

/*
 * Waits inside a section while the slot's word equals the operand. The wait ends when another thread changes the word, or when
 * the section aborts. Tests of the events that abort a section use this macro.
 */
#define RKI_ASM_WHILE_EQUAL(operand)                                                                                   \
	RKI_ASM_L(5) ":\n"                                                                                             \
	RKI_ASM_TO("cmp", "%[" #operand "]", RK_ASM_SLOT) "\n"                                                         \
	"je " RKI_ASM_L(5) "\n"

/* In each RK_ASM_COMMIT_... the last instruction is the commit, and the end label follows at once. */
#define RK_ASM_COMMIT_ADD(operand)                                                                                     \
	RK_ASM_LOAD RKI_ASM_X("addq %[" #operand "],%%rcx", "add rcx,%[" #operand "]") RK_ASM_COMMIT_LOADED
#define RK_ASM_COMMIT_ADD_IMMEDIATE(operand) RKI_ASM_TO("add", "%[" #operand "]", RK_ASM_SLOT) "\n" RKI_ASM_L(2) ":\n"
#define RK_ASM_COMMIT_STORE(operand) RKI_ASM_TO("mov", "%[" #operand "]", RK_ASM_SLOT) "\n" RKI_ASM_L(2) ":\n"
/* Every store on x86 has release order. */
#define RK_ASM_COMMIT_STORE_RELEASE(operand) RK_ASM_COMMIT_STORE(operand)
#define RK_ASM_COMMIT_LOADED "{movq %%rcx,|mov }" RK_ASM_SLOT "{|,rcx}\n" RKI_ASM_L(2) ":\n"
#define RK_ASM_COMMIT_HEAD "{movq %%rdx,|mov }" RK_ASM_SLOT "{|,rdx}\n" RKI_ASM_L(2) ":\n"
#define RK_ASM_COMMIT_HEAD_RELEASE RK_ASM_COMMIT_HEAD
#define RK_ASM_COMMIT_LOAD "{movq |mov %[value],}" RK_ASM_SLOT "{,%[value]|}\n" RKI_ASM_L(2) ":\n"

/* The signature is the displacement of a ud1, so disassemblers decode the following instructions correctly. */
#define RKI_ASM_ABORT(then)                                                                                            \
	".subsection 1\n"                                                                                              \
	".byte 0x0f,0xb9,0x3d\n.long " RKI_ASM_STR(RK_SIGNATURE) "\n"                                                  \
	RKI_ASM_L(4) ":\n" then RKI_ASM_L(4) "e:\n.subsection 0\n"
#define RKI_ASM_GO(place) "jmp " place "\n"
#define RKI_ASM_TELL(code, from)                                                                                       \
	RKI_ASM_X("movl $" code ",%k[outcome]", "mov %k[outcome]," code) from "g:\n" RKI_ASM_GO(RKI_ASM_L(2))
#define RKI_ASM_UNWIND_TELL(from) RKI_ASM_UNWIND(from, from "g") RKI_ASM_UNWIND(from "g", from "e")

/* A label in the statement itself. The code at the label is out of line: jumps have the range of the whole program. */
#define RK_ASM_HERE(label) RKI_ASM_STR_(.Lrk_##label##_%=)
#define RK_ASM_EXIT_VALUE(label, code)                                                                                 \
	RKI_ASM_EXIT_(.Lrk_##label##_%=)                                                                               \
	".subsection 1\n" RK_ASM_HERE(label) ":\n" RKI_ASM_TELL(code, RK_ASM_HERE(label))                              \
	RK_ASM_HERE(label) "e:\n.subsection 0\n" RKI_ASM_UNWIND_TELL(RK_ASM_HERE(label))
#define RKI_ASM_DONE_VALUE
#define RKI_ASM_DONE_TOKEN
#define RKI_OUTCOME "+&r"

/* The operand of RK_IN is a pointer or number in a register. The operand of RK_IN_WORD can also be an immediate if it fits. */
#define RK_IN(name) [name] "r"(name)
#define RK_IN_WORD(name) [name] "er"(RKI_WORD(name))
/* This operand can also be in memory, because registers are few. It is for rarely used words. */
#define RK_IN_WORD_AS(name, expression) [name] "erm"(RKI_WORD(expression))
/*
 * With clang, RK_IN_IF_ROOM is always in a register or an immediate, because clang would use memory whenever that is allowed.
 * clang has no -ffixed-REGISTER, so there are enough registers.
 */
#ifdef __clang__
#define RK_IN_IF_ROOM(name) RK_IN_WORD(name)
#else
#define RK_IN_IF_ROOM(name) RK_IN_WORD_AS(name, name)
#endif

/*
 * RK_IN_LENGTH has the operands for a copy's length. The assembler compares the text of a RK_IN_COUNT operand with the text
 * of constants (.ifc).
 */
#define RK_IN_LENGTH(length) RK_IN_IF_ROOM(length), RK_IN_COUNT(copied, rki_copied(length))
#define RK_IN_COUNT(name, expression) [name] "erm"(expression)

/* RK_IMMEDIATE is true if the word can be an immediate. It is false if the compiler can't tell, for example at -O0. */
#define RK_IMMEDIATE(word) (__builtin_constant_p(word) && (word) == (int32_t)(word))

/* Reads a word at an offset from the calling thread's thread pointer. */
#define RKI_THREAD_WORD(result, offset)                                                                                \
	__asm__ __volatile__(RKI_ASM_X("movq %%fs:(%[at]),%[word]", "mov %[word],qword ptr fs:[%[at]]")                \
			     : [word] "=r"(result)                                                                     \
			     : [at] "r"(offset))

/* Reads one 32-bit field of the calling thread's area; `field` is its byte offset, a literal. */
#define RKI_AREA_READ(result, field)                                                                                   \
	__asm__ __volatile__(RKI_ASM_X("movl %%fs:" #field "(%[area]),%[value]",                                       \
				       "mov %[value],dword ptr fs:[%[area]+" #field "]")                               \
			     : [value] "=r"(result)                                                                    \
			     : [area] "r"(rk_area_offset))

/* Stores a byte to the area. The calling thread sees the store in program order with its other accesses. */
#define RKI_AREA_STORE_BYTE(field, byte)                                                                               \
	__asm__ __volatile__(RKI_ASM_X("movb $" #byte ",%%fs:" #field "(%[area])",                                     \
				       "mov byte ptr fs:[%[area]+" #field "]," #byte)                                  \
			     :                                                                                         \
			     : [area] "r"(rk_area_offset)                                                              \
			     : "memory")

#endif /* RK_NO_SECTIONS */
#endif /* RSEQKIT_ARCH_X86_64_H */
