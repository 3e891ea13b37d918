"""Write data/README.md, the dictionary of the canonical model, from salesops_kit.schema.

Run `make docs`; a test holds file and code together.
"""

from pathlib import Path

from salesops_kit import schema

INTRO = """# The data

`demo_zoho/` and `demo_fxiaoke/` hold the exports of one invented company, as the two systems
would give them; `make demo` writes them anew, byte for byte the same. A few rows are broken on
purpose, so that you can see what an import does with them.

Everything below is generated from `salesops_kit/schema.py`: the tables that `salesops import`
writes into a workspace (`WORKSPACE/tables/<table>.parquet`) and that every metric reads. Every
table is optional except `deals`; what is missing is said. Column names are also accepted as CSV
headers: a file `targets.csv` with the columns below needs no mapping.

| type | stored as | meaning |
|---|---|---|
| id, text | string | an ID is never a number |
| money, number, share | double | money in reporting currency; a share is a fraction 0-1 |
| date, datetime | date, timestamp | in the workspace's time zone |
| day, seconds | integer | days or seconds since 1970-01-01 in that zone, computed at import |
| boolean | boolean | |
"""
HISTORY = """
## How well the history is known

`history_quality` travels with `stage_history` and switches off what it cannot support.

| value | meaning |
|---|---|
| full | every stage change with its time |
| changes_only | one date per stage: re-entries are lost |
| snapshot_diff | changes seen between two dated exports: times are known to the interval |
| none | only today's stage |

## Stages known without settings

Labels compare without case, width and spaces. Others go into `salesops.toml`.

| stage | rank | category | English | Chinese | labels |
|---|---|---|---|---|---|
"""


def model_page() -> str:
    """Return the page as Markdown."""
    tables = [t for t in schema.TABLES.values() if not t.kit_owned]
    own = [t for t in schema.TABLES.values() if t.kit_owned]
    stages = "".join(
        f"| {s.name} | {s.rank} | {s.category} | {s.en} | {s.zh} | {', '.join(s.labels)} |\n"
        for s in schema.DEFAULT_STAGES
    )
    return "".join(
        (
            INTRO,
            "\n## Tables of a CRM\n",
            *map(_table, tables),
            "\n## Tables of the kit\n\nNo CRM has them; give them as CSV under these names.\n",
            *map(_table, own),
            HISTORY,
            stages,
        )
    )


def _table(table: schema.Table) -> str:
    key = ", ".join(table.key)
    head = f"\n### {table.name}\n\n{table.grain[0].upper()}{table.grain[1:]}. Key: {key}.\n\n"
    rows = "".join(
        f"| {c.name} | {c.type} | {'yes' if c.required else ''} | {c.meaning}"
        f"{f' ({c.unit})' if c.unit else ''} |\n"
        for c in table.columns
    )
    return f"{head}| column | type | required | meaning |\n|---|---|---|---|\n{rows}"


if __name__ == "__main__":
    target = Path(__file__).resolve().parent.parent / "data" / "README.md"
    target.write_text(model_page(), encoding="utf-8")
