"""What a receiver is told: the headline, key figures and first findings of a published period."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from salesops_kit.cells import plain
from salesops_kit.errors import ReportError
from salesops_kit.language import Count, Language, known_language, say
from salesops_kit.reporting import digest

SHOWN = 5  # findings in a message; the page has them all
_FIGURES = 6


@dataclass(frozen=True)
class Message:
    """A period in words, without any markup; `run` names the run it tells of."""

    run: str
    title: str
    headline: str
    warning: str
    figures: Sequence[tuple[str, str]]
    findings: Sequence[tuple[str, str]]
    more: str
    link: str
    language: Language

    @property
    def lines(self) -> list[str]:
        """All of it, one line each, for channels without markup."""
        told = [f"• {headline}" + (f" → {action}" if action else "")
                for headline, action in self.findings]  # fmt: skip
        figures = [f"{label}: {value}" for label, value in self.figures]
        rest = [*told, self.more, self.link]
        return [line for line in [self.warning, self.headline, *figures, *rest] if line]

    @property
    def text(self) -> str:
        """Title and lines."""
        return "\n".join([self.title, "", *self.lines])


def message_of(folder: Path, link: str = "", root: Path | None = None) -> Message:
    """Make the message of a published period from its findings.json and manifest.json.

    `link` is the address under which `root` (reports/) can be opened; the message leads to this
    period.

    Raises
    ------
    ReportError
        When the folder is no published period.
    """
    content, manifest = _read(folder, "findings.json"), _read(folder, "manifest.json")
    if manifest.get("status") != "published":
        raise ReportError(f"{folder} was not published; only whole reports are delivered")
    parameters = manifest["parameters"]
    words = known_language(parameters["language"])
    findings = digest.ranked(content["findings"])
    first = digest.lead(findings)
    rest = [f for f in findings if f not in first]
    scope = f" · {plain(parameters['scope'])}" if parameters.get("scope") else ""
    grave = digest.grave_defects(findings)
    more = len(rest) - SHOWN
    return Message(
        run=str(manifest.get("run_id") or _fingerprint(folder)),
        title=f"{plain(content.get('company') or content['workspace'])} · "
        f"{plain(content['period'])}{scope}",
        headline=plain(" ".join(f["headline"][words] for f in first)),
        warning=say("reporting.data_in_doubt", words, count=Count(grave)) if grave else "",
        figures=[_figure(f, words) for f in digest.in_order(content["key_figures"])[:_FIGURES]],
        findings=[(plain(f["headline"][words]), plain(f["action"][words])) for f in rest[:SHOWN]],
        more=say("reporting.more_findings", words, count=Count(more)) if more > 0 else "",
        link=_address(folder, link, root),
        language=words,
    )


def shortened(text: str, most: int) -> str:
    """Return text of at most `most` bytes of UTF-8, cut between characters.

    >>> shortened("赢单率下降", 10)
    '赢单…'
    """
    encoded = text.encode("utf-8")
    if len(encoded) <= most:
        return text
    return encoded[: most - len("…".encode())].decode("utf-8", "ignore").rstrip() + "…"


def _figure(figure: Mapping[str, Any], words: Language) -> tuple[str, str]:
    value = digest.written(figure["value"], figure, words)
    if figure["lower"] is not None:
        low, high = (digest.written(figure[side], figure, words) for side in ("lower", "upper"))
        value += f" ({say('reporting.interval', words, low=low, high=high)})"
    notes = [digest.compared(figure, name, words) for name in ("previous", "year_ago", "target")]
    return plain(figure["label"][words]), plain("; ".join([value, *(n for n in notes if n)]))


def _address(folder: Path, link: str, root: Path | None) -> str:
    if not link:
        return ""
    place = folder.resolve()
    above = root.resolve() if root else place.parents[1]
    return "/".join([link.rstrip("/"), *map(_quoted, place.relative_to(above).parts), "index.html"])


def _quoted(name: str) -> str:
    from urllib.parse import quote

    return quote(name, safe="")


def _fingerprint(folder: Path) -> str:
    return hashlib.sha256((folder / "findings.json").read_bytes()).hexdigest()[:16]


def _read(folder: Path, name: str) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads((folder / name).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ReportError(f"{folder} is not a published period: {name} cannot be read") from error
    return content
