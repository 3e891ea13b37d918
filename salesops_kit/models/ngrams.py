"""Which runs of one to three characters a text holds: the features that words are learnt by.

Runs are hashed, so that nothing has to be known before and a model is an array of numbers. All
texts of a block are hashed at once: a Python loop over runs would take ten times as long as all
else that is done with a text.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

BITS = 18  # of a hashed run: 262,144 columns
LONGEST = 3  # characters of a run
SEEN = 1_500  # characters of a text that are looked at
_BLOCK = 4_096  # texts whose runs are sorted at once; below 2^(32 - BITS)
_TEXT = np.uint32(BITS)  # by which the place of a text stands above its hash
_HIGH = np.uint32(32 - BITS)
_ONE, _TWO = np.uint32(0x9E3779B1), np.uint32(0x85EBCA6B)  # odd, large: they spread the bits
_HALF = np.uint32(15)

Small = npt.NDArray[np.float32]
Keys = npt.NDArray[np.uint32]
Matrix = Any  # scipy.sparse.csr_matrix, which has no type of its own


def counted(plain: Sequence[str]) -> Matrix:
    """Return which hashed runs of characters every normalised text holds: 1, however often.

    Examples
    --------
    >>> counted(["abab", "ab"]).sum(axis=1).ravel().tolist()
    [[6.0, 3.0]]
    """
    from scipy.sparse import csr_matrix

    columns, sizes = [np.empty(0, np.int32)], [np.zeros(1, np.int64)]
    for start in range(0, len(plain), _BLOCK):
        some = [text[:SEEN] for text in plain[start : start + _BLOCK]]
        keys = _keys(some)
        columns.append((keys & np.uint32((1 << BITS) - 1)).astype(np.int32))
        sizes.append(np.bincount(keys >> _TEXT, minlength=len(some)))
    indices, ends = np.concatenate(columns), np.cumsum(np.concatenate(sizes))
    return csr_matrix((np.ones(len(indices)), indices, ends), shape=(len(plain), 1 << BITS))


def _keys(some: Sequence[str]) -> Keys:
    """Return sorted and once: the place of a text in the high bits, the hash of a run below."""
    lengths = np.array([len(text) for text in some])
    signs = np.frombuffer("".join(some).encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    left = np.repeat(np.cumsum(lengths), lengths) - np.arange(len(signs))
    text = np.repeat(np.arange(len(some), dtype=np.uint32) << _TEXT, lengths)
    hashed = signs * _ONE
    found = [text | (hashed >> _HIGH)]
    for size in range(2, LONGEST + 1):
        hashed = (hashed[:-1] * _TWO) ^ (signs[size - 1 :] * _ONE)
        hashed ^= hashed >> _HALF
        inside = left[: len(hashed)] >= size
        found.append((text[: len(hashed)] | ((hashed * _ONE) >> _HIGH))[inside])
    keys = np.concatenate(found)
    keys.sort()
    first = np.ones(len(keys), dtype=bool)
    np.not_equal(keys[1:], keys[:-1], out=first[1:])
    return keys[first]


def rarity_of(matrix: Matrix, fewest: int = 1) -> Small:
    """Return per run the logarithm of how rare it is (smoothed inverse document frequency).

    Runs that fewer than `fewest` texts hold weigh nothing: nobody can learn what they mean.
    """
    seen = np.asarray(matrix.sum(axis=0)).ravel()
    rare = np.log((1 + matrix.shape[0]) / (1 + seen)) + 1
    return np.asarray(np.where(seen >= fewest, rare, 0.0), dtype=np.float32)


def weighed(matrix: Matrix, rarity: Small) -> Matrix:
    """Return the runs weighed by rarity, every text of length 1 (or 0 where all weigh nothing)."""
    from sklearn.preprocessing import normalize

    scaled = matrix.copy()
    scaled.data = rarity[matrix.indices].astype(np.float64)
    scaled.eliminate_zeros()
    return normalize(scaled, copy=False)
