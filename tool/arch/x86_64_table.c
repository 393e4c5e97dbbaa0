/* SPDX-License-Identifier: MIT */
/* x86_64_table.c - a table of what each instruction of x86-64 reads and writes. struct x86_row (x86_64_insn.h) is a row. */
#include "x86_64_insn.h"

#define A (1 << RAX)
#define B (1 << RBX)
#define C (1 << RCX)
#define D (1 << RDX)

#define ROW(name, roles, result, flags) [X86_INS_##name] = {roles, result, flags, 0, 0, INSN_PLAIN, true}
#define ROW_WITH(name, roles, result, flags, reads, writes)                                                            \
	[X86_INS_##name] = {roles, result, flags, reads, writes, INSN_PLAIN, true}
#define ROW_KIND(name, roles, result, flags, kind) [X86_INS_##name] = {roles, result, flags, 0, 0, kind, true}
#define QUIET(name) ROW(name, "aaa", X86_MIX, 0)                /* an instruction that changes no value that lint follows */
#define ARITHMETIC(name, result, again) ROW(name, "ur", result, X86_SETS | (again))
#define ONE(name, result) ROW(name, "u", result, X86_SETS)
#define SHIFT(name, result) ROW(name, "ur", result, X86_SETS)
#define BITS(name, roles) ROW(name, roles, X86_MIX, X86_SETS)
#define MOVES(name) ROW(name, "wr", X86_MOVE, 0)
#define SIMD(name) ROW(name, "urr", X86_MIX, 0)                  /* the first operand is also a source; memory is only loaded */
#define AVX(name) ROW(name, "wrr", X86_MIX, 0)
#if CS_API_MAJOR >= 5
#define X86_INS_UD2B X86_INS_UD1 /* capstone 5 has another name for the same instruction */
#endif
#define CONDITION(cc)                                                                                                  \
	ROW(CMOV##cc, "ur", X86_MIX, X86_USES), ROW(SET##cc, "w", X86_MIX, X86_USES),                                  \
	ROW_KIND(J##cc, "a", X86_MIX, X86_USES, INSN_BRANCH)

static const struct x86_row table[X86_INS_ENDING] = {
	MOVES(MOV), MOVES(MOVABS), MOVES(MOVNTI), ROW(MOVZX, "wr", X86_EXTEND, 0), ROW(MOVSX, "wr", X86_EXTEND, 0),
	ROW(MOVSXD, "wr", X86_EXTEND, 0), ROW(MOVBE, "wr", X86_MIX, 0), ROW(LEA, "wa", X86_LEA, 0),
	ARITHMETIC(ADD, X86_ADD, 0), ARITHMETIC(SUB, X86_SUB, 0), ARITHMETIC(XOR, X86_XOR, X86_TOGGLES),
	ARITHMETIC(AND, X86_MIX, X86_AGAIN), ARITHMETIC(OR, X86_MIX, X86_AGAIN),
	ARITHMETIC(ADC, X86_MIX, X86_USES), ARITHMETIC(SBB, X86_MIX, X86_USES), ARITHMETIC(ADCX, X86_MIX, X86_USES),
	ARITHMETIC(ADOX, X86_MIX, X86_USES),
	ROW(CMP, "rr", X86_MIX, X86_SETS), ROW(TEST, "rr", X86_MIX, X86_SETS), ROW(PTEST, "rr", X86_MIX, X86_SETS),
	ONE(INC, X86_INC), ONE(DEC, X86_DEC), ONE(NEG, X86_NEG), ROW(NOT, "u", X86_MIX, X86_TOGGLES),
	ROW(BSWAP, "u", X86_MIX, X86_TOGGLES),
	SHIFT(SHL, X86_SHL), SHIFT(SAL, X86_SHL), SHIFT(SHR, X86_MIX), SHIFT(SAR, X86_MIX), SHIFT(ROL, X86_MIX),
	SHIFT(ROR, X86_MIX), ROW(RCL, "ur", X86_MIX, X86_SETS | X86_USES), ROW(RCR, "ur", X86_MIX, X86_SETS | X86_USES),
	ROW(SHLD, "urr", X86_MIX, X86_SETS), ROW(SHRD, "urr", X86_MIX, X86_SETS),
	ROW(BT, "rr", X86_BIT, X86_SETS), ROW(BTS, "ur", X86_BIT, X86_SETS | X86_AGAIN),
	ROW(BTR, "ur", X86_BIT, X86_SETS | X86_AGAIN), ROW(BTC, "ur", X86_BIT, X86_SETS),
	BITS(BSF, "ur"), BITS(BSR, "ur"), BITS(LZCNT, "wr"), BITS(TZCNT, "wr"), BITS(POPCNT, "wr"), BITS(ANDN, "wrr"),
	BITS(BEXTR, "wrr"), BITS(BLSI, "wr"), BITS(BLSR, "wr"), BITS(BLSMSK, "wr"), BITS(BZHI, "wrr"),
	AVX(PDEP), AVX(PEXT), AVX(RORX), AVX(SARX), AVX(SHLX), AVX(SHRX), ROW(CRC32, "ur", X86_MIX, 0),
	ROW_WITH(MULX, "wwr", X86_MIX, 0, D, 0), ROW_WITH(MUL, "r", X86_MIX, X86_SETS, A, A | D),
	ROW_WITH(DIV, "r", X86_MIX, X86_SETS, A | D, A | D), ROW_WITH(IDIV, "r", X86_MIX, X86_SETS, A | D, A | D),
	ROW(IMUL, "urr", X86_IMUL, X86_SETS),
	ROW(XCHG, "uu", X86_MIX, X86_LOCKS | X86_AGAIN | X86_TOGGLES), ROW(XADD, "uu", X86_MIX, X86_SETS | X86_TOGGLES),
	ROW_WITH(CMPXCHG, "ur", X86_MIX, X86_SETS | X86_MAYBE, A, A),
	ROW_WITH(CMPXCHG8B, "u", X86_MIX, X86_SETS | X86_MAYBE, A | B | C | D, A | D),
	ROW_WITH(CMPXCHG16B, "u", X86_MIX, X86_SETS | X86_MAYBE, A | B | C | D, A | D),
	ROW_WITH(CBW, "", X86_MIX, 0, A, A), ROW_WITH(CWDE, "", X86_MIX, 0, A, A), ROW_WITH(CDQE, "", X86_MIX, 0, A, A),
	ROW_WITH(CWD, "", X86_MIX, 0, A, D), ROW_WITH(CDQ, "", X86_MIX, 0, A, D), ROW_WITH(CQO, "", X86_MIX, 0, A, D),
	ROW_WITH(RDTSC, "", X86_MIX, 0, 0, A | D), ROW_WITH(RDTSCP, "", X86_MIX, 0, 0, A | C | D),
	ROW_WITH(CPUID, "", X86_MIX, 0, A | C, A | B | C | D), ROW_WITH(RDPMC, "", X86_MIX, 0, C, A | D),
	ROW_WITH(XGETBV, "", X86_MIX, 0, C, A | D), ROW(RDFSBASE, "w", X86_RDFS, 0), ROW(RDRAND, "w", X86_MIX, X86_SETS),
	ROW_WITH(LAHF, "", X86_MIX, X86_USES, A, A), ROW_WITH(SAHF, "", X86_MIX, X86_SETS, A, 0),
	ROW(CLC, "", X86_MIX, X86_SETS), ROW(STC, "", X86_MIX, X86_SETS), ROW(CMC, "", X86_MIX, X86_SETS | X86_USES),
	QUIET(NOP), QUIET(ENDBR64), QUIET(PAUSE), QUIET(LFENCE), QUIET(SFENCE), QUIET(MFENCE), QUIET(CLD), QUIET(PREFETCH),
	QUIET(PREFETCHNTA), QUIET(PREFETCHT0), QUIET(PREFETCHT1), QUIET(PREFETCHT2), QUIET(PREFETCHW), QUIET(CLFLUSH),
	QUIET(CLFLUSHOPT), QUIET(CLWB), QUIET(VZEROUPPER),

	CONDITION(A), CONDITION(AE), CONDITION(B), CONDITION(BE), CONDITION(E), CONDITION(NE), CONDITION(G), CONDITION(GE),
	CONDITION(L), CONDITION(LE), CONDITION(O), CONDITION(NO), CONDITION(P), CONDITION(NP), CONDITION(S), CONDITION(NS),
	[X86_INS_JRCXZ] = {"a", X86_MIX, 0, C, 0, INSN_BRANCH, true},
	[X86_INS_JECXZ] = {"a", X86_MIX, 0, C, 0, INSN_BRANCH, true},
	[X86_INS_LOOP] = {"a", X86_MIX, 0, C, C, INSN_BRANCH, true},
	[X86_INS_LOOPE] = {"a", X86_MIX, X86_USES, C, C, INSN_BRANCH, true},
	[X86_INS_LOOPNE] = {"a", X86_MIX, X86_USES, C, C, INSN_BRANCH, true},
	ROW_KIND(JMP, "r", X86_MIX, 0, INSN_JUMP), ROW_KIND(LJMP, "r", X86_MIX, 0, INSN_INDIRECT),
	ROW_KIND(CALL, "r", X86_STACK, 0, INSN_CALL), ROW_KIND(LCALL, "r", X86_STACK, 0, INSN_CALL),
	ROW_KIND(RET, "a", X86_STACK, 0, INSN_INDIRECT), ROW_KIND(RETF, "a", X86_STACK, 0, INSN_INDIRECT),
	ROW_KIND(RETFQ, "a", X86_STACK, 0, INSN_INDIRECT), ROW_KIND(IRETQ, "", X86_STACK, 0, INSN_INDIRECT),
	[X86_INS_SYSCALL] = {"", X86_MIX, X86_SETS, A, A | C | 1 << 11, INSN_SYSTEM_CALL, true},
	[X86_INS_SYSENTER] = {"", X86_MIX, X86_SETS, A, A | C | D, INSN_SYSTEM_CALL, true},
	ROW_KIND(INT, "a", X86_MIX, 0, INSN_TRAP), ROW_KIND(INT1, "", X86_MIX, 0, INSN_TRAP),
	ROW_KIND(INT3, "", X86_MIX, 0, INSN_TRAP), ROW_KIND(UD2, "", X86_MIX, 0, INSN_TRAP),
	ROW_KIND(UD2B, "aa", X86_MIX, 0, INSN_TRAP), ROW_KIND(UD0, "aa", X86_MIX, 0, INSN_TRAP),
	ROW_KIND(HLT, "", X86_MIX, 0, INSN_TRAP),

	ROW(PUSH, "r", X86_PUSH, 0), ROW(POP, "w", X86_POP, 0), ROW(PUSHFQ, "", X86_PUSH, X86_USES),
	ROW(POPFQ, "", X86_POP, X86_SETS),
	ROW_WITH(LEAVE, "", X86_STACK, 0, 1 << RBP, 1 << RBP),
	ROW(MOVSB, "wr", X86_STRING, 0), ROW(MOVSW, "wr", X86_STRING, 0), ROW(MOVSQ, "wr", X86_STRING, 0),
	ROW(STOSB, "wr", X86_STRING, 0), ROW(STOSW, "wr", X86_STRING, 0), ROW(STOSD, "wr", X86_STRING, 0),
	ROW(STOSQ, "wr", X86_STRING, 0), ROW(LODSB, "wr", X86_STRING, 0), ROW(LODSD, "wr", X86_STRING, 0),
	ROW(LODSQ, "wr", X86_STRING, 0), ROW(SCASB, "rr", X86_STRING, X86_SETS), ROW(SCASD, "rr", X86_STRING, X86_SETS),
	ROW(SCASQ, "rr", X86_STRING, X86_SETS), ROW(CMPSB, "rr", X86_STRING, X86_SETS), ROW(CMPSQ, "rr", X86_STRING, X86_SETS),

	MOVES(MOVAPS), MOVES(MOVAPD), MOVES(MOVUPS), MOVES(MOVUPD), MOVES(MOVDQA), MOVES(MOVDQU), MOVES(MOVD), MOVES(MOVQ),
	MOVES(MOVSS), MOVES(MOVSD), MOVES(MOVNTDQ), MOVES(MOVNTPS), MOVES(MOVNTPD), MOVES(MOVNTDQA), MOVES(LDDQU),
	MOVES(MOVLPS), MOVES(MOVHPS), MOVES(MOVLPD), MOVES(MOVHPD),
	MOVES(VMOVAPS), MOVES(VMOVAPD), MOVES(VMOVUPS), MOVES(VMOVUPD), MOVES(VMOVDQA), MOVES(VMOVDQU), MOVES(VMOVD),
	MOVES(VMOVQ),
	MOVES(VMOVDQA32), MOVES(VMOVDQA64), MOVES(VMOVDQU8), MOVES(VMOVDQU16), MOVES(VMOVDQU32), MOVES(VMOVDQU64),
	MOVES(VMOVNTDQ), MOVES(VMOVNTPS), MOVES(VMOVNTPD), MOVES(VMOVNTDQA), MOVES(VLDDQU),
	SIMD(PXOR), SIMD(POR), SIMD(PAND), SIMD(PANDN), SIMD(XORPS), SIMD(XORPD), SIMD(ANDPS), SIMD(ANDPD), SIMD(ORPS),
	SIMD(ORPD),
	SIMD(PADDB), SIMD(PADDW), SIMD(PADDD), SIMD(PADDQ), SIMD(PSUBB), SIMD(PSUBW), SIMD(PSUBD), SIMD(PSUBQ),
	SIMD(PCMPEQB), SIMD(PCMPEQD), SIMD(PCMPEQQ), SIMD(PUNPCKLQDQ), SIMD(PUNPCKHQDQ), SIMD(PUNPCKLDQ), SIMD(PSHUFD),
	SIMD(PINSRQ), SIMD(PINSRD), SIMD(PSRLDQ), SIMD(PSLLDQ), SIMD(MOVHLPS), SIMD(MOVLHPS), SIMD(ADDSD), SIMD(SUBSD),
	SIMD(MULSD),
	SIMD(ADDSS), SIMD(SUBSS), SIMD(MULSS), ROW(PMOVMSKB, "wr", X86_MIX, 0),
	AVX(VPXOR), AVX(VPOR), AVX(VPAND), AVX(VPANDN), AVX(VXORPS), AVX(VXORPD), AVX(VPADDQ), AVX(VPADDD), AVX(VPSUBQ),
	AVX(VPUNPCKLQDQ),
	AVX(VPCMPEQB), AVX(VPBROADCASTQ), AVX(VPBROADCASTD), AVX(VADDSD), AVX(VPMOVMSKB), AVX(VPSHUFD),
};

/*
 * capstone has one name for some pairs of instructions. movsd with two operands in memory is the string instruction. imul has
 * forms with one, two and three operands. The table has no rdseed, because capstone takes rdpid for it.
 */
const struct x86_row *x86_row(const cs_insn *decoded)
{
	static const struct x86_row string = {"wr", X86_STRING, 0, 0, 0, INSN_PLAIN, true};
	static const struct x86_row multiply = {"r", X86_MIX, X86_SETS, A, A | D, INSN_PLAIN, true};
	static const struct x86_row multiply_other = {"wrr", X86_IMUL, X86_SETS, 0, 0, INSN_PLAIN, true};
	const cs_x86 *x86 = &decoded->detail->x86;
	const struct x86_row *row = decoded->id < X86_INS_ENDING ? &table[decoded->id] : NULL;

	if (row == NULL || !row->present)
		return NULL;
	if (decoded->id == X86_INS_MOVSD && x86->op_count == 2 && x86->operands[0].type == X86_OP_MEM &&
	    x86->operands[1].type == X86_OP_MEM)
		return &string;
	if (decoded->id == X86_INS_IMUL && x86->op_count != 2)
		return x86->op_count == 1 ? &multiply : &multiply_other;
	return row;
}
