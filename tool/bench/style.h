/* SPDX-License-Identifier: MIT */
/*
 * style.h - the CSS of the page of `rseqkit bench --report`: light or dark as the reader has set, for any window, and for paper.
 * Only page.c includes this file. There are two strings, because compilers limit the length of a string.
 */
#ifndef RK_TOOL_BENCH_STYLE_H
#define RK_TOOL_BENCH_STYLE_H

static const char page_style[] =
	":root{color-scheme:light dark;--bg:#fff;--fg:#1b1f24;--dim:#57606a;--rule:#d0d7de;--card:#f6f8fa;--link:#0550ae;"
	"--edge:#303030;--shade:#0003;--s0:#8fbfe8;--s1:#b35900;--c0:#0072b2;--c1:#c04f00;--c2:#00785a;--c3:#1b1f24;--c4:#a8457f;"
	"--c5:#7a5c00;--c6:#2a7fc0;--c7:#6b6b6b}\n"
	"@media (prefers-color-scheme:dark){:root{--bg:#14181d;--fg:#e3e8ee;--dim:#a0abb8;--rule:#3a434e;--card:#1c2229;"
	"--link:#7ab7ff;--edge:#cfd6de;--shade:#fff4;--s0:#2f6ea5;--s1:#ffa657;--c0:#58b0ea;--c1:#ff9d5c;--c2:#3ad1a4;--c3:#e3e8ee;"
	"--c4:#f0a3cf;--c5:#e0c35a;--c6:#8ccbf5;--c7:#a8a8a8}}\n"
	"*{box-sizing:border-box}\n"
	"body{margin:0;background:var(--bg);color:var(--fg);font:16px/1.5 system-ui,'DejaVu Sans',sans-serif}\n"
	"main{max-width:82rem;margin:0 auto;padding:1.5rem clamp(.9rem,3vw,2.5rem) 4rem}\n"
	"h1{font-size:1.7rem;line-height:1.25;margin:0 0 .3rem}\n"
	"h2{font-size:1.25rem;margin:2.6rem 0 .2rem;padding-top:.6rem;border-top:1px solid var(--rule)}\n"
	"p{max-width:52rem;margin:.4rem 0 .8rem}a{color:var(--link)}\n"
	".what,figcaption,.dim{color:var(--dim)}\n"
	"dl{display:grid;grid-template-columns:max-content 1fr;gap:.15rem 1.2rem;margin:1rem 0;padding:.8rem 1rem;"
	"background:var(--card);border:1px solid var(--rule);border-radius:6px;max-width:52rem}\n"
	".warning{padding:.6rem 1rem;border:2px solid #d29922;border-radius:6px}\n"
	".contenders{font-size:.85rem;max-width:62rem;gap:.1rem 1rem;padding:.6rem 1rem}.contenders dt{color:var(--fg)}\n"
	"dt{color:var(--dim)}dd{margin:0;overflow-wrap:anywhere}\n"
	"nav ul,.legend{display:flex;flex-wrap:wrap;gap:.25rem 1.1rem;list-style:none;padding:0;margin:.5rem 0}\n"
	".conclusions{max-width:62rem;padding-left:1.2rem}.conclusions li{margin:.3rem 0}\n"
	".doubt{color:var(--dim)}\n"
	".charts{display:grid;gap:1rem 3rem;grid-template-columns:minmax(0,1fr);align-items:start}\n"
	"figure{margin:.8rem 0;min-width:0}figcaption{font-size:.85rem}\n"
	".row{display:grid;grid-template-columns:var(--names) minmax(0,1fr);gap:0 .7rem;align-items:center;"
	"padding-right:3.4rem}\n"
	".row+.row{border-top:1px solid var(--rule)}.row.numbers{border-top:1px solid var(--dim)}\n"
	".name{text-align:right;font-size:.9rem;overflow-wrap:anywhere}\n"
	".missing{color:var(--dim);font-size:.85rem;font-style:italic;padding:.2rem 0}\n"
	"svg{display:block;overflow:visible}.shapes{position:absolute}\n"
	"svg text{font-size:12px;fill:var(--fg)}.numbers text,.plane>text{fill:var(--dim)}\n"
	".grid{stroke:var(--rule)}.one{stroke:var(--dim)}\n"
	"rect{stroke:var(--edge)}.s0{fill:var(--s0)}.s1{fill:url(#hatch)}.s2{fill:none}\n"
	".hatching{stroke:var(--s1);stroke-width:3}\n"
	".spread line{stroke:var(--fg);stroke-width:1.4}\n"
	".plane{margin:.6rem 0 2rem 3.4rem;width:calc(100% - 4rem)}\n"
	".legend{font-size:.85rem}.legend svg{display:inline-block;vertical-align:-2px}\n"
	".point{overflow:visible}\n"
	".hollow{fill:var(--bg);stroke:inherit;stroke-width:2}\n"
	"g[class^=c]>line{stroke-width:1.8}g[class^=c]>.whisker{stroke-width:1;stroke-dasharray:none}\n"
	".c0{stroke:var(--c0);fill:var(--c0)}.c1{stroke:var(--c1);fill:var(--c1)}.c2{stroke:var(--c2);fill:var(--c2)}"
	".c3{stroke:var(--c3);fill:var(--c3)}.c4{stroke:var(--c4);fill:var(--c4)}.c5{stroke:var(--c5);fill:var(--c5)}"
	".c6{stroke:var(--c6);fill:var(--c6)}.c7{stroke:var(--c7);fill:var(--c7)}\n"
	".c1>line{stroke-dasharray:7 4}.c2>line{stroke-dasharray:2 4}.c3>line{stroke-dasharray:9 3 2 3}"
	".c4>line{stroke-dasharray:12 3}.c5>line{stroke-dasharray:4 3}.c6>line{stroke-dasharray:9 3 2 3 2 3}"
	".c7>line{stroke-dasharray:1 3}\n"
	".plane g text,.plane .point{stroke-dasharray:none}\n";

static const char page_style_tables[] =
	".scroll{overflow-x:auto;max-width:100%;background:linear-gradient(to right,var(--bg) 30%,transparent),"
	"linear-gradient(to left,var(--bg) 30%,transparent) 100% 0,"
	"linear-gradient(to right,var(--shade),transparent) 0 0,linear-gradient(to left,var(--shade),transparent) 100% 0;"
	"background-repeat:no-repeat;background-size:3rem 100%,3rem 100%,1rem 100%,1rem 100%;"
	"background-attachment:local,local,scroll,scroll}\n"
	".hint{display:none;margin:.4rem 0 0;font-size:.85rem}\n"
	"table{border-collapse:collapse;font-size:.85rem;font-variant-numeric:tabular-nums;margin:.4rem 0}\n"
	"th,td{padding:.25rem .7rem;border-bottom:1px solid var(--rule);text-align:right;white-space:nowrap}\n"
	"th:first-child{text-align:left;position:sticky;left:0;background:var(--bg);font-weight:normal}\n"
	"thead th{font-weight:600}thead th[colspan]{text-align:center}\n"
	".of{border-left:1px solid var(--rule)}td small{display:block;color:var(--dim)}\n"
	"footer{margin-top:3rem;color:var(--dim);font-size:.85rem}\n"
	"@media (min-width:1100px){.charts.two{grid-template-columns:minmax(0,1.15fr) minmax(0,1fr)}}\n"
	"@media (max-width:560px){.row{grid-template-columns:minmax(0,1fr);padding-top:.2rem}.name{text-align:left}"
	"h1{font-size:1.4rem}dl{grid-template-columns:1fr;gap:0}dd{margin-bottom:.4rem}}\n"
	"@media (max-width:62rem){.hint{display:block}}\n"
	"@media print{section{break-inside:avoid}.scroll{overflow:visible;background:none}.hint{display:none}"
	"table{font-size:.7rem}th,td{padding:.15rem .3rem}}\n";

#endif /* RK_TOOL_BENCH_STYLE_H */
