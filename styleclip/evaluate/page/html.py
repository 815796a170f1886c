"""HTML elements as values: text is escaped, and attributes are quoted."""

from __future__ import annotations

from html import escape


class Html(str):
    """A string that is HTML already."""

    __slots__ = ()


VOID = ("br", "img", "link", "meta")  # elements without an end


def element(name: str, *children: str | Html | None, **attributes: str | float | None) -> Html:
    """An element. Plain strings are escaped; None is left out.

    A trailing underscore of an attribute is dropped, others become hyphens: `class_`, `stroke_width`.
    """
    pairs = [
        f' {key.rstrip("_").replace("_", "-")}="{escape(_text(value))}"'
        for key, value in attributes.items()
        if value is not None
    ]
    start = f"<{name}{''.join(pairs)}>"
    return Html(start) if name in VOID and not children else Html(f"{start}{join(*children)}</{name}>")


def join(*children: str | Html | None) -> Html:
    """Children one behind the other."""
    return Html("".join(each if isinstance(each, Html) else escape(each) for each in children if each is not None))


def _text(value: str | float) -> str:
    """A number with at most two decimals, as coordinates need."""
    return value if isinstance(value, str) else f"{value:.2f}".rstrip("0").rstrip(".")
