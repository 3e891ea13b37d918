"""What a page says in place of what it cannot show: once, and nothing that was not looked at."""

from pathlib import Path

from salesops_kit.reporting import page
from salesops_kit.reporting.page import said_once

FINE = '<p class="nothing">Nothing stands out here.</p>'
NONE = '<p class="instead">The data cannot tell.</p>'
OTHER = '<p class="instead">There is no target.</p>'


def test_nothing_stands_out_only_where_something_was_looked_at():
    empty, drawn = f"<h2>A</h2>{FINE}{NONE}", f"<h2>B</h2><figure></figure>{FINE}{NONE}"

    assert said_once(empty + drawn) == f"<h2>A</h2>{NONE}{drawn}"


def test_the_reason_is_said_once_per_section_and_another_reason_too():
    body = f"<h2>A</h2>{NONE}{OTHER}{NONE}<h2>B</h2>{NONE}"

    assert said_once(body) == f"<h2>A</h2>{NONE}{OTHER}<h2>B</h2>{NONE}"


def test_a_section_without_tables_keeps_what_was_found():
    assert said_once(f"<h2>A</h2>{FINE}") == f"<h2>A</h2>{FINE}"


def test_only_wide_tables_take_room_for_long_names_and_only_on_screens():
    """A table of few columns fits a phone as it is; paper has rules of its own."""
    style = (Path(page.__file__).parent / "page.css").read_text("utf-8")
    rule = "@media screen{table:has(th:nth-child(7)) td.long:first-child{min-width:10rem}}"

    assert style.count("td.long:first-child{") == style.count(rule) == 1
