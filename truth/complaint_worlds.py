"""Customers who complain and deals that are lost, with and without a tie between the two."""

import numpy as np
import pandas as pd

from salesops_kit.analyses.feedback_links import LOOKBACK, links
from salesops_kit.analyses.feedback_texts import Texts

THEMES = np.array(["price", "delivery", "service", "product", None], dtype=object)
SHARES = (0.15, 0.15, 0.15, 0.15, 0.4)
TIED = 5.0  # odds to lose a deal after a complaint about price, times those of others
FEWEST = 10
NOTHING = pd.DataFrame(columns=["text", "account_id", "day", "product", "rep", "stratum"])
World = tuple[Texts, pd.DataFrame, pd.DataFrame]


def written(rows: list[tuple[str, int, str | None]]) -> Texts:
    """Return texts as they are after reading: account, day, and the theme complained of or None."""
    table = pd.DataFrame(rows, columns=["account_id", "day", "theme"]).assign(counts=True)
    bad = table[table["theme"].notna()]
    mentions = pd.DataFrame({"text": bad.index, "theme": bad["theme"], "complaint": True})
    return Texts(table.drop(columns="theme"), mentions.reset_index(drop=True))


def decided(rows: list[tuple[str, int, int]]) -> pd.DataFrame:
    """Return cases of one stratum: account, day, lost or not."""
    table = pd.DataFrame(rows, columns=["account_id", "day", "hit"])
    return table.assign(outcome="lost", where="", stratum="one")


def world(seed: int, *, odds: float = 1.0, customers: int = 240) -> World:
    """Draw customers of unequal luck with one to four deals each, who complain of four themes.

    A complaint about price multiplies the odds to lose a deal; nothing else matters.
    """
    rng = np.random.default_rng(seed)
    luck = rng.normal(0, 0.8, customers)
    said, ended, about = [], [], []
    for who in range(customers):
        theme, day = rng.choice(THEMES, p=SHARES), int(rng.integers(0, 365))
        product, rep = f"p{rng.integers(4)}", f"r{rng.integers(8)}"
        about.append((len(said), f"a{who}", day, product, rep, "one"))
        said.append((f"a{who}", day, theme))
        chance = 1 / (1 + np.exp(-0.5 - luck[who] - np.log(odds) * (theme == "price")))
        for _ in range(rng.integers(1, 5)):
            lost = int(rng.random() < chance)
            ended.append((f"a{who}", day + int(rng.integers(1, LOOKBACK)), lost))
    return written(said), decided(ended), pd.DataFrame(about, columns=NOTHING.columns)


def claimed(seed: int) -> bool:
    """Tell whether anything is said to stand beside complaints where nothing does."""
    table = links(*world(seed), fewest=FEWEST)
    return bool(table["verdict"].ne("no_difference").any())


def tie_found(seed: int) -> bool:
    """Tell whether deals lost after complaints about price are found."""
    table = links(*world(seed, odds=TIED), fewest=FEWEST)
    tied = (table["theme"] == "price") & (table["outcome"] == "lost")
    return bool((tied & (table["verdict"] == "more")).any())
