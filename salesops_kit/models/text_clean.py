"""Texts made comparable: cleaned, their language told, copies found.

Texts come as people and exports leave them: full-width letters, zero-width characters, direction
overrides, UTF-8 read as Latin-1, a megabyte pasted into one field. Nothing here fails on any of
them, and nothing looks further than `LONGEST` characters into a text.
"""

import re
import tomllib
import unicodedata
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

LONGEST = 4_000  # characters of a text that are read
SHINGLE = 3  # characters
NEAR = 0.5  # of the shingles in common from which on two texts are copies
FEWEST = 8  # characters below which equal texts are no copies: everybody writes "很好"
_HASHES, _BAND = 128, 2  # of MinHash: 64 bands of two rows find what shares 0.5 with 1 - 1e-8
_DOUBT = 0.2  # by which 128 hashes may be wrong about what two texts share (5 standard errors)
_CHUNK = 4_096  # texts whose shingles lie in memory at once
_PRIME = np.uint64((1 << 31) - 1)

_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f"
    "\u202a-\u202e\u2060-\u206f\ufeff\ufff0-\ufffb\U000e0000-\U000e0fff]"
)
_SPACE = re.compile(r"\s+")
_UTF8 = re.compile("[\u00c2-\u00f4][\u0080-\u00bf\u0152-\u02dc\u2013-\u2122]")
_GB = re.compile("[\u00a1-\u00fe]{4}")
_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
_KANA = re.compile("[\u3041-\u30fa\u31f0-\u31ff]")
_HANGUL = re.compile("[\u1100-\u11ff\uac00-\ud7af]")
_LATIN = re.compile("[a-zA-Z]")
_OTHER = re.compile("[\u0370-\u1cff\u2c00-\u2dff\ua640-\uabff\u00c0-\u024f]")
# bounded, so that a text of nothing but signs costs no more than another
_ADDRESS = re.compile(
    r"https?://\S+|www\.\S+|[@#][\w.\-]+|[^\s@]{1,64}@[^\s@]{1,128}\.\w+", re.ASCII
)

Array = npt.NDArray[Any]


def cleaned(text: object) -> str:
    """Return a text without what cannot be seen, repaired where its bytes were misread.

    Control, zero-width and direction characters go, spaces become one, and at most `LONGEST`
    characters stay. Missing gives "".

    Examples
    --------
    >>> cleaned("good\u200b   job\u202e!")
    'good job!'
    >>> cleaned("è¿™ä¸ªå¾ˆå¥½")
    '这个很好'
    """
    if not isinstance(text, str):
        return ""
    text = text[: 4 * LONGEST]
    if not text.isascii():
        text = _UNSEEN.sub("", _repaired(text)).encode("utf-8", "ignore").decode("utf-8")
    return _SPACE.sub(" ", _UNSEEN.sub("", text)).strip()[:LONGEST]


def normalised(text: object) -> str:
    """Return a cleaned text as it is compared: compatible forms, small letters, simplified.

    Examples
    --------
    >>> normalised("ＧＯＯＤ！貨很準時")
    'good!货很准时'
    """
    plain = cleaned(text)
    if plain.isascii():
        return plain.lower()
    folded = unicodedata.normalize("NFKC", plain)[:LONGEST].lower().translate(_simplified())
    return _SPACE.sub(" ", folded).strip()


def language_of(text: object) -> str:
    """Return zh, en, other, or "" for a text without letters.

    Told by script: Han characters count twice as much as Latin letters, since a word takes some two
    of them and some five of those. Kana or hangul, or mostly other letters, give other; Latin
    letters are taken for English, as the feedback table knows no third language.

    Examples
    --------
    >>> texts = ("交期太长", "Too late", "CRM系统 crash 了", "👍", "とても良い")
    >>> [language_of(text) for text in texts]
    ['zh', 'en', 'zh', '', 'other']
    """
    return _told(cleaned(text))


def spoken_in(plain: str) -> str:
    """Return in which of two languages words of a normalised text are looked up, zh or en."""
    return "en" if plain.isascii() or _told(plain) not in ("zh", "other") else "zh"


def _told(plain: str) -> str:
    if any(sign in plain for sign in ("@", "#", "://", "www.")):
        plain = _ADDRESS.sub(" ", plain)
    han = len(_HAN.findall(plain))
    if han == len(plain) > 0:
        return "zh"
    latin = len(_LATIN.findall(plain))
    other = len(_OTHER.findall(plain)) + len(_HANGUL.findall(plain))
    if 8 * len(_KANA.findall(plain)) > han or other > max(han, latin):
        return "other"
    if not han + latin:
        return ""
    # zh with product names in Latin letters is common, en with a Chinese word is rare
    return "zh" if 5 * han >= latin else "en"


def copies(texts: Sequence[str], *, near: float = NEAR) -> npt.NDArray[np.int64]:
    """Return for each text the position of the first text it is a copy of, or its own.

    Copies share at least `near` of their `SHINGLE`-character shingles (Jaccard), so that a text
    pasted with a few changed characters is found; candidates come from MinHash in bands (Broder
    1997) and are checked exactly. Texts below `FEWEST` characters are nobody's copy.

    Parameters
    ----------
    texts
        Texts as `normalised` returns them; of millions, only shingles of a few thousand are held
        at once.

    Examples
    --------
    >>> copies(["delivery came three weeks late", "price ok", "delivery came 3 weeks late!"])
    array([0, 1, 0])
    """
    first: dict[str, int] = {}
    origin = np.arange(len(texts))
    squeezed = [re.sub(r"[\W_]+", "", text) for text in texts]
    for place, text in enumerate(squeezed):
        if len(text) >= FEWEST:
            origin[place] = first.setdefault(text, place)
    places = np.fromiter(first.values(), dtype=np.int64, count=len(first))
    parent = _joined([squeezed[place] for place in places], near)
    origin[places] = places[parent]
    return np.asarray(origin[origin], dtype=np.int64)


class _Groups:
    """Texts that belong together; each group is known by its first text."""

    def __init__(self, texts: Sequence[str], near: float) -> None:
        self.first = list(range(len(texts)))
        self._texts, self._near = texts, near
        self._shingles: dict[int, frozenset[str]] = {}
        self._refused: set[tuple[int, int]] = set()

    def root(self, place: int) -> int:
        """Return the first text of a text's group."""
        while self.first[place] != place:
            self.first[place] = self.first[self.first[place]]
            place = self.first[place]
        return place

    def join(self, one: int, two: int) -> None:
        """Join the groups of two texts when their first texts are near."""
        pair = (self.root(one), self.root(two))
        if pair[0] == pair[1] or pair in self._refused:
            return
        if _share(self.shingles(pair[0]), self.shingles(pair[1])) >= self._near:
            self.first[max(pair)] = min(pair)
        else:
            self._refused.add(pair)

    def shingles(self, place: int) -> frozenset[str]:
        """Return the shingles of a text, made once."""
        if place not in self._shingles:
            self._shingles[place] = frozenset(_shingles(self._texts[place]))
        return self._shingles[place]


def _joined(texts: Sequence[str], near: float) -> npt.NDArray[np.int64]:
    """Return for each distinct text the first one it is near to, found through shared bands."""
    groups, signatures = _Groups(texts, near), _signatures(texts)
    for band in range(0, _HASHES, _BAND):
        for one, two in _candidates(signatures, band, near):
            groups.join(one, two)
    return np.array([groups.root(place) for place in range(len(texts))], dtype=np.int64)


def _candidates(signatures: Array, band: int, near: float) -> Iterator[tuple[int, int]]:
    """Yield neighbours that share a band, unless all their hashes together speak against it."""
    key = signatures[:, band].astype(np.uint64) << np.uint64(32) | signatures[:, band + 1]
    order = np.argsort(key, kind="stable")
    same = np.flatnonzero(key[order][1:] == key[order][:-1])
    for start in range(0, len(same), _CHUNK):
        ones, twos = order[same[start : start + _CHUNK]], order[same[start : start + _CHUNK] + 1]
        alike = (signatures[ones] == signatures[twos]).mean(axis=1)
        keep = alike >= near - _DOUBT
        yield from zip(ones[keep].tolist(), twos[keep].tolist(), strict=True)


def _signatures(texts: Sequence[str]) -> Array:
    """Return `_HASHES` minimal hashes per text, chunk by chunk."""
    rng = np.random.default_rng(5)
    factor = rng.integers(1, int(_PRIME), _HASHES, dtype=np.uint64)
    shift = rng.integers(0, int(_PRIME), _HASHES, dtype=np.uint64)
    parts = [np.empty((0, _HASHES), dtype=np.uint32)]
    for start in range(0, len(texts), _CHUNK):
        hashed = [_hashed(text) for text in texts[start : start + _CHUNK]]
        begins = np.cumsum([0, *(len(h) for h in hashed[:-1])])
        flat = np.concatenate(hashed)
        block = np.empty((len(hashed), _HASHES), dtype=np.uint32)
        for column in range(_HASHES):
            mixed = (flat * factor[column] + shift[column]) % _PRIME
            block[:, column] = np.minimum.reduceat(mixed, begins)
        parts.append(block)
    return np.concatenate(parts)


def _hashed(text: str) -> Array:
    """Hash every shingle from its characters' numbers, the same on every machine."""
    codes = np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32).astype(np.uint64)
    codes = np.pad(codes, (0, max(0, SHINGLE - len(codes))))
    value = np.zeros(len(codes) - SHINGLE + 1, dtype=np.uint64)
    for offset in range(SHINGLE):
        value = (value * np.uint64(1_000_003) + codes[offset : offset + len(value)]) % _PRIME
    return value


def _shingles(text: str) -> list[str]:
    return [text[i : i + SHINGLE] for i in range(max(1, len(text) - SHINGLE + 1))]


def _share(one: frozenset[str], two: frozenset[str]) -> float:
    common = len(one & two)
    return common / (len(one) + len(two) - common)


def _repaired(text: str) -> str:
    """Undo UTF-8 or GB18030 that was read as Latin-1, where the result is plainly better."""
    utf8, gb = _UTF8.search(text), _GB.search(text)
    if not (utf8 or gb) or _HAN.search(text):
        return text
    for was in ("cp1252", "latin-1"):
        for is_really in ("utf-8", "gb18030"):
            try:
                better = text.encode(was).decode(is_really)
            except UnicodeError:
                continue
            if is_really == "utf-8" or (gb and 3 * len(_HAN.findall(better)) > len(better)):
                return better
    return text


@cache
def _simplified() -> dict[int, str]:
    with (Path(__file__).parent / "lexicon" / "simplified.toml").open("rb") as file:
        pairs = tomllib.load(file)["pairs"].split()
    return {ord(pair[0]): pair[1] for pair in pairs}
