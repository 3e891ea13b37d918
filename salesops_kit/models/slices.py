"""The parts of a business that are compared: all of it, slices of one and of two dimensions."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

Array = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Slice:
    """A part of the business: dimension → value; nothing: all of it."""

    where: tuple[tuple[str, str], ...]

    @property
    def order(self) -> int:
        """How many dimensions it fixes."""
        return len(self.where)


@dataclass(frozen=True)
class Lattice:
    """All slices, as rows of a 0/1 matrix over cells; `group`: which dimensions a slice fixes."""

    slices: tuple[Slice, ...]
    matrix: sparse.csr_matrix
    group: Codes
    groups: tuple[tuple[str, ...], ...]
    codes: tuple[Codes, ...]
    dimensions: tuple[str, ...]

    def shares(self, weight: Array) -> Array:
        """Return how far each slice lies within one value of each dimension: Σ share².

        1 where it lies in one value, as all of a rep's deals may lie in one region; `weight`: of
        cells. Slices × dimensions.
        """
        total = np.maximum(self.matrix @ weight, 1e-12)
        found = []
        for codes in self.codes:
            spread = sparse.csr_matrix((weight, (np.arange(len(weight)), codes)))
            parts = (self.matrix @ spread).toarray() / total[:, None]
            found.append((parts**2).sum(axis=1))
        return np.array(found).reshape(len(found), len(self.slices)).T

    @classmethod
    def of(cls, cells: pd.DataFrame, alone: Sequence[str]) -> "Lattice":
        """Return all slices of the dimensions of `cells`; those `alone` are crossed with none."""
        names = tuple(str(c) for c in cells.columns)
        crossed = [n for n in names if n not in alone]
        groups = ((), *((n,) for n in names), *combinations(crossed, 2))
        slices: list[Slice] = []
        rows, columns, group = [], [], []
        for number, dims in enumerate(groups):
            key = cells[list(dims)].agg("\x1f".join, axis=1) if dims else pd.Series("", cells.index)
            which, values = pd.factorize(key, sort=True)
            rows.append(which + len(slices))
            columns.append(np.arange(len(cells)))
            group += [number] * len(values)
            slices += [
                Slice(tuple(zip(dims, str(v).split("\x1f"), strict=True)) if dims else ())
                for v in values
            ]
        at = (np.concatenate(rows), np.concatenate(columns))
        matrix = sparse.csr_matrix((np.ones(len(at[0])), at), shape=(len(slices), len(cells)))
        codes = tuple(pd.factorize(cells[n], sort=True)[0].astype("int64") for n in names)
        return cls(tuple(slices), matrix, np.array(group), groups, codes, names)

    def inside(self, part: Slice) -> npt.NDArray[np.bool_]:
        """Mark the cells of a slice."""
        row = self.matrix[self.slices.index(part)]
        return np.asarray(np.asarray(row.todense()).ravel() > 0)
