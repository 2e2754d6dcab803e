"""Hostile texts, and how to see that they did nothing.

What runs sets `window.canary` or asks for an address with that word; what becomes an element has it
as its class or its name. Texts are short, so that they are whole where a text is cut.
"""

from __future__ import annotations

from runkit.display.text import visible

SCRIPTS = {
    "img": "<img src=x onerror=canary=1>",
    "svg": "<svg/onload=canary=2>",
    "script": "</script><script>canary=3</script>",
    "style": "</style><style>@import '/canary'</style>",
    "attribute": "'\" onmouseover=canary=4 autofocus onfocus=canary=4 x='",
    "frame": "<iframe srcdoc='<script>parent.canary=5</script>'>",
    "link": "<a href=javascript:canary=6 class=canary>x</a>",
    "figure's": '<a href="https://canary.example">x</a><i>y</i>',
    "bold": "<b class=canary>bold</b><br><i class=canary>",
    "form": "<form action=/canary><button class=canary>",
    "base": "<base href=//canary.example><meta http-equiv=refresh content='0;/canary'>",
    "closes": "--></td></table></title></textarea></div><canary-x>",
    "template": "<template><img src=x onerror=canary=7></template>",
    "entities": "&lt;img src=x onerror=canary=8&gt;&#60;b class=canary&#62;",
    "css": "x;background:url(/canary)} *{background:url(/canary)",
    "markdown": "[x](javascript:canary=9) ![x](/canary.png) # x",
    "latex": "$\\href{javascript:canary=10}{x}$ \\(\\alpha\\) $$x^2$$",
    "jinja": "{{ 7*7 }} {% raw %} ${canary=11} #{7*7}",
    "plotly": "%{y} %{customdata[0]} <extra class=canary></extra>",
    "json": '\\u003cimg src=x onerror=canary=12\\u003e"}],</script>',
    "address": "javascript:canary=13",
    "data": "data:text/html,<script>opener.canary=14</script>",
    "host": "https://good.example\\@canary.example/?'><b class=canary>",
}
CHARACTERS = {
    "ansi": "\x1b[31mred\x1b[2J\x1b]0;title\x07",
    "osc 8": "\x1b]8;;https://canary.example\x1b\\x\x1b]8;;\x1b\\",
    "osc 52": "\x1b]52;c;Y2FuYXJ5\x07",
    "c1": "\x9b31m\x9d0;t\x9c \x90q\x85",
    "cursor": "good\rbad\x08\x08\x7f\x0b\x0c",
    "lines": "one\nERROR runkit: forged\r\nthree\u2028four\u2029five",
    "bidi": "\u202egpj.exe\u2066 a\u2067 b\u202c",
    "zero-width": "a\u200bd\u200dm\u2060i\ufeffn\u00ad",
    "tags": "x\U000e0041\U000e0042\ufe00\u3164\u034f",
    "nul": "a\x00b",
}
PLAIN = {
    "formula": '=HYPERLINK("http://canary.example";"x")',
    "long": "W" * 700,
    "hebrew": "\u05d0\u05d1\u05d2 (1) \u05d3",
    "marks": "Z\u0300\u0301\u0302\u0303\u0304\u0305\u0306" * 3,
}
PAYLOADS = SCRIPTS | CHARACTERS | PLAIN
_NAMES = [*PAYLOADS]
# Three at a time: of similar problems three are named.
BATCHES = [
    {name: PAYLOADS[name] for name in _NAMES[start : start + 3]}
    for start in range(0, len(_NAMES), 3)
]
SAMPLE = {
    name: PAYLOADS[name]
    for name in ("img", "attribute", "figure's", "latex", "plotly", "lines", "bidi")
}

# What stands in the page that no text may make. A page may have frames of its own; none holds our
# texts.
FOUND = """(within) => [...document.querySelectorAll(within)].flatMap((e) => [e, ...e.querySelectorAll("*")])
  .filter((e) =>
    /^(canary-x|iframe|object|embed|base|mjx-container|template|marquee|extra)$/i.test(e.localName)
    || e.classList.contains("canary")
    || [...e.attributes].some(({name, value}) => name.startsWith("on")
      || (/^(href|src|action|xlink:href)$/.test(name) && /^\\s*(javascript|data:text)/i.test(value))
      || (/href$/.test(name) && value.includes("//canary.")) || (name === "src" && value === "x")))
  .map((e) => e.outerHTML.slice(0, 200))"""
# Raised by the first thing that runs, with where it ran; told once, and kept.
WATCH = """Object.defineProperty(window, "canary", {
  get() { return this.__canary; }, set(value) { this.__canary ??= String(new Error(value).stack); },
});"""


def check_text(text: str) -> None:
    """Check that a text acts on no terminal and hides nothing."""
    assert visible(text) == text, ascii(text)
    text.encode()
