"""What a page says in place of what it cannot show: once, and nothing that was not looked at."""

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
