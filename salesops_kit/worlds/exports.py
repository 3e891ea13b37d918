"""Write a simulated company as the exports of a CRM."""

import csv
import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from salesops_kit.errors import ParameterError
from salesops_kit.worlds.clock import DAY
from salesops_kit.worlds.simulate import Company

DIALECTS = ("zoho", "fxiaoke", "salesforce", "hubspot", "tables")
Row = Sequence[Any]
_OURS = re.compile(
    r".+对象导出结果_\d{8}\.(csv|xlsx)"
    r"|(Accounts|Calls|Contacts|Deals|Leads|Meetings|Meetings_visits|Products|Sales_Orders"
    r"|Stage_History|Users)_\d{4}_\d{2}_\d{2}\.csv"
    r"|(hubspot-crm-exports-all-deals|deal_property_history|companies|contacts|owners|products|leads"
    r"|calls|meetings|meetings-visits|orders)-\d{4}-\d{2}-\d{2}\.csv"
    r"|(Account|Contact|User|Product2|Lead|Opportunity|OpportunityHistory|Task|Order)_\d{8}\.csv"
)


def write_exports(company: Company, folder: Path, dialect: str, *, broken: bool = False) -> None:
    """Write the company's exports into `folder` as `dialect` would give them.

    `broken` adds the few unusable rows that real exports have ("tables" never has any). Dated
    exports that lie there already are replaced; other files stay.

    Raises
    ------
    ParameterError
        When the dialect is unknown.
    """
    from salesops_kit.worlds import (
        canonical,
        fxiaoke_export,
        hubspot_export,
        salesforce_export,
        zoho_export,
    )

    writers: dict[str, Callable[..., None]] = {
        "zoho": zoho_export.write,
        "fxiaoke": fxiaoke_export.write,
        "salesforce": salesforce_export.write,
        "hubspot": hubspot_export.write,
        "tables": canonical.write,
    }
    if dialect not in writers:
        raise ParameterError(f"dialect is {dialect!r}; it must be one of {', '.join(DIALECTS)}")
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        if _OURS.fullmatch(old.name):
            old.unlink()
    writers[dialect](company, folder, broken=broken)


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Row], encoding: str) -> None:
    """Write rows as CSV with CRLF, the way the systems do."""
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.writer(file, lineterminator="\r\n")
        writer.writerow(header)
        writer.writerows(rows)


def write_xlsx(path: Path, sheet: str, header: Sequence[str], rows: Iterable[Row]) -> None:
    """Write rows as a workbook whose bytes depend on nothing but the rows."""
    import xlsxwriter

    book = xlsxwriter.Workbook(str(path), {"constant_memory": True, "strings_to_numbers": False})
    book.set_properties({"created": datetime(2025, 1, 1)})  # noqa: DTZ001 - a fixed stamp
    page = book.add_worksheet(sheet)
    for number, row in enumerate([header, *rows]):
        page.write_row(number, 0, ["" if cell is None else cell for cell in row])
    book.close()


def records(frame: pd.DataFrame) -> Iterator[Any]:
    """Walk over a frame's rows, each with its cells as attributes."""
    return iter(frame.itertuples(index=False))


def stamp(seconds: float, form: str = "%Y-%m-%d %H:%M:%S") -> str:
    """Write seconds since 1970 as local time; missing gives an empty cell."""
    if seconds is None or seconds != seconds or seconds < 0:
        return ""
    return pd.Timestamp(int(seconds), unit="s").strftime(form)


def day(number: float) -> str:
    """Write a day number as a date; missing gives an empty cell."""
    return "" if number != number or number < 0 else stamp(number * DAY, "%Y-%m-%d")


def money(amount: float, form: str = "{:.2f}") -> str:
    """Write an amount; missing gives an empty cell."""
    return "" if amount is None or np.isnan(amount) else form.format(amount)


def hex_id(kind: str, number: int) -> str:
    """Return an id of 24 hexadecimal digits, as Fxiaoke gives them."""
    return hashlib.sha1(f"{kind}{number}".encode()).hexdigest()[:24]


_KINDS = ("rep", "account", "contact", "lead", "deal", "activity", "product", "order", "payment",
          "feedback")  # fmt: skip


def zoho_id(kind: str, number: int) -> str:
    """Return an id of 19 digits with Zoho's export prefix."""
    return f"zcrm_{5_187_644_000_000_000_000 + (_KINDS.index(kind) + 1) * 10**9 + number * 17 + 1}"
