"""Texts that would run a script, load something or break out of their place if a page showed them as anything but text.

Owns the corpus, made of parts so that every way out of a place meets every way of running something; and the judge of a
page's HTML, which knows what pages may consist of.
"""

from __future__ import annotations

import itertools
import re
from html.parser import HTMLParser

ELSEWHERE = "http://elsewhere.invalid/x"
MARK = "window.hostile=1"

# How a text may leave the place where it stands.
_WAYS_OUT = (
    *("", '"', "'", "`", ">", '">', "'>", "-->", "]]>", "</pre>", "</code>", "</td>"),
    *(
        "</title>",
        "</textarea>",
        "</select>",
        "</script>",
        "</style>",
        "</svg>",
        "</text>",
        '"}',
        "\\'",
        "\n",
    ),
)
# What may run then, or load something.
DEEDS = (
    f"<script>{MARK}</script>",
    f"<script src={ELSEWHERE}></script>",
    f"<img src=x onerror={MARK}>",
    f"<img src={ELSEWHERE}>",
    f"<svg onload={MARK}>",
    f"<svg><script>{MARK}</script></svg>",
    f"<svg><animate onbegin={MARK} attributeName=x dur=1s>",
    f"<iframe srcdoc='<script>parent.{MARK}</script>'>",
    f"<iframe src=javascript:{MARK}>",
    f"<body onload={MARK}>",
    f"<details open ontoggle={MARK}>",
    f"<input autofocus onfocus={MARK}>",
    f"<a href=javascript:{MARK} autofocus>x</a>",
    f"<math><a xlink:href=javascript:{MARK}>x",
    f"<form action={ELSEWHERE}><button>go",
    f"<base href={ELSEWHERE}>",
    f"<link rel=stylesheet href={ELSEWHERE}>",
    f"<meta http-equiv=refresh content='0;url={ELSEWHERE}'>",
    f"<object data={ELSEWHERE}>",
    f"<style>@import '{ELSEWHERE}'</style>",
    f" onmouseover={MARK} style=position:fixed;inset:0 x=",
    f" hx-get={ELSEWHERE} hx-trigger=load ",
    f"<div hx-on::load={MARK} hx-get=/ hx-trigger=load>",
)
# Alone: what templates, scripts, shells, terminals and spreadsheets would obey, and letters that hide others.
_ALONE = (
    *(
        "{{ 7 * 7 }}",
        "{% raw %}",
        "${7*7}",
        "#{7*7}",
        "<%= 7*7 %>",
        "{{ config }}",
        "{{''.__class__.__mro__}}",
    ),
    *(f"javascript:{MARK}", f"data:text/html,<script>{MARK}</script>", "//elsewhere.invalid/x", ELSEWHERE),
    *("$(touch hostile)", "`touch hostile`", "; touch hostile", "' || touch hostile #", "!!", "$HOME", "*"),
    *(
        "--help",
        "-",
        "@/etc/passwd",
        "file:///etc/passwd",
        "fileb:///etc/passwd",
        "%s%n",
        "\\x00",
        "a\\'b\"c",
    ),
    *(
        "=1+1",
        "+1+1",
        "@SUM(1)",
        "\x1b[2J",
        "\u202eevil",
        "\u200b",
        "\ufeff",
        "\u2028",
        "a\tb",
        "x\r\ny",
        "é😀",
    ),
    *("&lt;script&gt;", "&#60;script&#62;", "%3Cscript%3E", "\uff1cscript\uff1e", "<scr<script>ipt>"),
    *(
        "<!--",
        "<![CDATA[",
        '{"a": "<script>"}',
        '["</pre><script>"]',
        '{"__proto__": {"x": 1}}',
        '{"a":1,"a":2}',
    ),
    *("[" * 20 + "1" + "]" * 20, "[" * 2000 + "]" * 2000, "<" * 60, '"' * 60, "[" * 2000, "9" * 400),
    *("../../..", "..%2f..", "~2e~2e", "a/b", "a?b#c", ".json"),
)

CORPUS: tuple[str, ...] = tuple(
    dict.fromkeys([*_ALONE, *(f"{out}{deed}" for deed, out in itertools.product(DEEDS, _WAYS_OUT))])
)
assert len(CORPUS) >= 500


def as_name(text: str) -> str:
    """The text as SWF admits a name: without `:`, `/`, `|`, `arn`, control characters and blanks around it."""
    kept = re.sub(r"[:/|\x00-\x1f\x7f-\x9f]", "_", text).strip().replace("arn", "a-n")
    return kept[:250] or "-"


_TAGS = {
    *(
        "html",
        "head",
        "body",
        "meta",
        "title",
        "link",
        "script",
        "header",
        "nav",
        "main",
        "footer",
        "section",
    ),
    *(
        "a",
        "h1",
        "h2",
        "h3",
        "p",
        "span",
        "strong",
        "code",
        "pre",
        "time",
        "br",
        "ul",
        "li",
        "dl",
        "dt",
        "dd",
    ),
    *(
        "table",
        "caption",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "details",
        "summary",
        "div",
        "meter",
        "progress",
    ),
    *(
        "form",
        "label",
        "input",
        "select",
        "option",
        "textarea",
        "button",
        "svg",
        "desc",
        "g",
        "rect",
        "line",
        "text",
    ),
}
_OF_HTMX = ("hx-get", "hx-trigger", "hx-swap", "hx-sync", "hx-ext")
_SCRIPTS = re.compile(r"/static/(?:htmx\.min|idiomorph-ext\.min|console)\.js\?v=[0-9a-f]+")


class _Judge(HTMLParser):
    """Notes what no page of ours has."""

    def __init__(self) -> None:
        super().__init__()
        self.wrong: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _TAGS or (tag == "script" and not dict(attrs).get("src")):
            self.wrong.append(f"a tag <{tag}>")
        for name, given in attrs:
            value = given or ""
            if name.startswith(("on", "hx-on")) or name in (
                "style",
                "srcdoc",
                "srcset",
                "http-equiv",
                "autofocus",
            ):
                self.wrong.append(f"an attribute {name}={value[:60]!r}")
            if name.startswith("hx-") and name not in _OF_HTMX:
                self.wrong.append(f"an attribute {name}")
            if name in ("href", "src", "action", "formaction", "data", "poster", "hx-get", "hx-post"):
                self._address(tag, value)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def _address(self, tag: str, value: str) -> None:
        if tag == "script" and not _SCRIPTS.fullmatch(value):
            self.wrong.append(f"a script from {value[:60]!r}")
        if not value.startswith(("/", "#")) or value.startswith(("//", "/\\")):
            self.wrong.append(f"an address {value[:60]!r}")


def judge(html: str) -> list[str]:
    """What is in the page and must not be; empty when it is harmless."""
    judge = _Judge()
    judge.feed(html)
    judge.close()
    return judge.wrong
