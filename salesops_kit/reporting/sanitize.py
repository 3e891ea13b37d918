"""The second wall: whatever a notebook showed, only harmless HTML reaches a page."""

import re

import nh3

_TAGS = {
    "a", "b", "blockquote", "br", "caption", "code", "details", "div", "em", "figcaption", "figure",
    "h1", "h2", "h3", "h4", "hr", "i", "img", "li", "ol", "p", "pre", "section", "small", "span",
    "strong", "sub", "summary", "sup", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "ul",
}  # fmt: skip
_ATTRIBUTES = {
    "*": {"class", "id"},
    "a": {"href", "aria-label"},
    "div": {"role", "aria-label", "tabindex"},
    "img": {"src", "alt"},
    "span": {"aria-hidden"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan", "scope"},
    "ol": {"start"},
}
_PICTURE = re.compile(
    r"data:image/(?:(?:svg\+xml|png);base64,[A-Za-z0-9+/=]+"
    r"|svg\+xml,[A-Za-z0-9 %=/:;,.()_!*+@?$\[\]|~^-]+)"
)


def clean(markup: str) -> str:
    """Return the markup with everything dangerous removed; pictures only as data."""
    return nh3.clean(
        markup,
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        attribute_filter=_filtered,
        url_schemes={"data", "http", "https", "mailto"},
        link_rel=None,
        strip_comments=True,
    )


def _filtered(tag: str, attribute: str, value: str) -> str | None:
    if tag == "img" and attribute == "src":
        return value if _PICTURE.fullmatch(value) else None
    if tag == "a" and attribute == "href":
        return None if value.lower().lstrip().startswith("data:") else value
    return value
