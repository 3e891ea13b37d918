"""The command line: a thin face on functions that Python can call too.

Exit codes: 0 done, 1 a report failed, 2 wrong usage or settings, 3 data refused. Errors are one
`error:` line with the remedy on stderr; `--json` prints what a program reads.
"""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from salesops_kit.errors import DataError, ReportError, SalesopsError

app = typer.Typer(
    add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__
)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object for programs.")]
Language = Annotated[
    str, typer.Option(help="en or zh; without it the language of the workspace's settings.")
]
Into = Annotated[Path, typer.Option(help="Folder that receives the published reports.")]


@app.command("import")
def import_command(
    source: Annotated[
        str, typer.Argument(help="zoho, fxiaoke, salesforce, hubspot, tables or database")
    ],
    path: Annotated[
        str,
        typer.Argument(help="Folder (or one file) of exports; of a database the URL or env:NAME."),
    ],
    into: Annotated[Path, typer.Option(help="Workspace folder; made when absent.")],
    settings: Annotated[Path | None, typer.Option(help="salesops.toml of the company.")] = None,
    mapping: Annotated[
        Path | None, typer.Option(help="Mapping file for `tables` and `database`.")
    ] = None,
    update: Annotated[
        str,
        typer.Option(
            help="replace; begin: replace and keep rows for later; add: a partial export."
        ),
    ] = "replace",
    since: Annotated[
        str, typer.Option(help="Database only: column of the last change; reads newer rows alone.")
    ] = "",
    *,
    as_json: Json = False,
) -> None:
    """Read CRM exports into a workspace; unusable rows go to its rejects/ with their reason."""
    from salesops_kit.sources.importer import import_exports

    if source == "database":
        from salesops_kit.sources.database import import_database

        result = import_database(path, into=into, settings=settings, mapping=mapping, since=since)
    else:
        result = import_exports(
            source, Path(path), into=into, settings=settings, mapping=mapping, update=update
        )
    _say(result.as_json() if as_json else "\n".join(result.summary_lines()))


@app.command("map")
def map_command(
    path: Annotated[Path, typer.Argument(help="Folder (or one file) of tables of any kind.")],
    into: Annotated[
        Path | None, typer.Option(help="Mapping file to write; PATH/mapping.toml if not given.")
    ] = None,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Take doubtful lines too, unasked.")] = False,
) -> None:
    """Propose which file and column is what, with reasons; a person confirms what is doubtful."""
    from salesops_kit.sources import guess

    dialect, evidence = guess.known_dialect(path)
    if dialect:
        _say(
            f"this looks like an export of {dialect} ({evidence}): salesops import {dialect} {path}"
        )
    found = guess.propose(path)
    asked = guess.doubtful(found)
    ask = sys.stdin.isatty() and not yes
    accepted = [
        line
        for one, line in asked
        if yes
        or (ask and typer.confirm(f"{one.file}: is {line.header!r} {one.table}.{line.column}?"))
    ]
    target = into or (path if path.is_dir() else path.parent) / "mapping.toml"
    target.write_text(guess.written(found, accepted), encoding="utf-8")
    for one in found:
        sure = sum(line.confidence >= guess.SURE for line in one.lines)
        table = one.table or "nothing known"
        _say(f"{one.file}: {table}; {sure} columns sure, {len(one.left)} left; {one.reason}")
    _say(
        f"wrote {target}; read it, then: salesops import tables {path} --mapping {target} --into …"
    )


@app.command()
def check(
    workspace: Annotated[Path, typer.Argument(help="Workspace folder.")],
    language: Language = "",
    into: Into = Path("reports"),
    *,
    as_json: Json = False,
) -> None:
    """Say how complete and sound the data is, and which questions it can answer.

    Prints it, and renders the page into INTO/WORKSPACE/readiness/, with a work list per owner
    beside it (work_list.xlsx, work_list/OWNER.csv).
    """
    from salesops_kit.analyses.readiness import analyse_readiness
    from salesops_kit.analyses.work_list import work_list
    from salesops_kit.language import known_language
    from salesops_kit.reporting.work_list import write_work_list
    from salesops_kit.tables import readiness_lines
    from salesops_kit.workspace import open_workspace

    opened = open_workspace(workspace)
    words = known_language(language or opened.settings.company.language)
    result = analyse_readiness(opened)
    rendered = _run(
        workspace,
        period=f"{opened.as_of:%Y-%m}",
        as_of=opened.as_of.isoformat(),
        language=language,
        notebooks="readiness",
        into=into,
        name="readiness",
    )
    page = rendered.path / "00_readiness.html"
    listed = write_work_list(work_list(opened, words), rendered.path, words)
    if as_json:
        _say(
            {
                "page": str(page),
                "work_list": str(listed),
                "findings": [finding.as_json() for finding in result.findings],
            }
        )
    else:
        _say(
            "\n".join(
                [*readiness_lines(result, words), "", f"rendered {page}", f"work list {listed}"]
            )
        )


@app.command()
def report(
    workspace: Annotated[Path, typer.Argument(help="Workspace folder.")],
    period: Annotated[str, typer.Option(help="2025-09, 2025-Q3, 2025-W36 or 2025.")],
    language: Language = "",
    notebooks: Annotated[str, typer.Option(help="funnel,readiness …; without it all.")] = "",
    scope: Annotated[str, typer.Option(help="team=East, region=East or rep=R001.")] = "",
    as_of: Annotated[str, typer.Option(help="Day the questions are asked; end of period.")] = "",
    into: Into = Path("reports"),
    *,
    pdf: Annotated[
        bool, typer.Option("--pdf", help="Print the pages too, into pdf/; needs chromium.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Run the notebooks for a period and publish its pages, all or nothing."""
    result = _run(workspace, period=period, language=language, notebooks=notebooks, scope=scope,
                  as_of=as_of, into=into, pdf=pdf)  # fmt: skip
    _say(result.as_json() if as_json else f"published {result.path / 'index.html'}")


Catalogue = Annotated[
    Path, typer.Option(help="Catalogue of reports; its paths are those of its folder.")
]
Now = Annotated[str, typer.Option(help="Moment to take for now, like 2025-10-01T06:00.")]


@app.command("list")
def list_command(
    catalogue: Catalogue = Path("reports/catalogue.toml"), now: Now = "", *, as_json: Json = False
) -> None:
    """Show the catalogue: what is reported, how the last one stands, when the next is due."""
    from salesops_kit.reporting import batch
    from salesops_kit.reporting.catalogue import load_catalogue

    loaded = load_catalogue(catalogue)
    rows = batch.overview(loaded, _moment(now, loaded.settings.zone))
    _say({"reports": rows} if as_json else "\n".join(_overview_lines(rows)))


@app.command("run")
def run_command(
    entry: Annotated[
        str, typer.Argument(help="Report of the catalogue; with --due all if not given.")
    ] = "",
    first: Annotated[str, typer.Option("--from", help="First period, like 2025-01.")] = "",
    last: Annotated[str, typer.Option("--to", help="Last period; the first if not given.")] = "",
    only: Annotated[str, typer.Option(help="missing,failed: leave the others alone.")] = "",
    jobs: Annotated[int, typer.Option(min=1, help="Notebooks at a time.")] = 2,
    cluster: Annotated[str, typer.Option(help="Dask scheduler, like tcp://host:8786.")] = "",
    kernels: Annotated[str, typer.Option(help="auto, fork or spawn.")] = "auto",
    catalogue: Catalogue = Path("reports/catalogue.toml"),
    now: Now = "",
    *,
    due: Annotated[bool, typer.Option("--due", help="All that is due; for cron.")] = False,
    deliver: Annotated[
        bool, typer.Option("--deliver", help="And hand what is out to its receivers, once.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Also what has not changed.")] = False,
    as_json: Json = False,
) -> None:
    """Make the reports of the catalogue that are due, or those of a range of periods.

    Nothing runs twice on the same inputs; what failed keeps its last good pages, marked as stale.
    """
    from salesops_kit.errors import ParameterError
    from salesops_kit.reporting import batch
    from salesops_kit.reporting.catalogue import load_catalogue
    from salesops_kit.reporting.cluster import cluster_workers

    if due == bool(first) or not (due or entry):
        raise ParameterError("give --due, or a report and --from, like: run monthly --from 2025-09")
    loaded = load_catalogue(catalogue)
    moment = _moment(now, loaded.settings.zone)
    words = [word.strip() for word in only.split(",") if word.strip()]
    tasks = (
        batch.due_tasks(loaded, moment, entry)
        if due
        else batch.range_tasks(loaded, entry, first, last or first, words)
    )
    with cluster_workers(cluster) as workers:
        result = batch.run_tasks(
            batch.forced(tasks, moment, force=force), workers, jobs=jobs, kernels=kernels
        )
    _say(
        {"reports": [done.as_json() for done in result.reports], "counts": result.counts()}
        if as_json
        else "\n".join(_batch_lines(result))
    )
    for error in (e for done in result.reports for e in done.result.errors):
        sys.stderr.write(f"error: {error}\n")
    delivered = _deliver(loaded, tasks) if deliver else True
    raise typer.Exit(result.exit_code or (0 if delivered else 1))


@app.command("deliver")
def deliver_command(
    entry: Annotated[str, typer.Argument(help="Report of the catalogue.")],
    first: Annotated[str, typer.Option("--from", help="First period, like 2025-01.")],
    last: Annotated[str, typer.Option("--to", help="Last period; the first if not given.")] = "",
    catalogue: Catalogue = Path("reports/catalogue.toml"),
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Send nothing; show what would be sent, to whom.")
    ] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Also what was sent, or may have arrived.")
    ] = False,
) -> None:
    """Hand published reports to their receivers: once per run, only whole ones."""
    from salesops_kit.reporting import batch
    from salesops_kit.reporting.catalogue import load_catalogue

    loaded = load_catalogue(catalogue)
    tasks = batch.range_tasks(loaded, entry, first, last or first)
    if not _deliver(loaded, tasks, dry_run=dry_run, again=again):
        raise typer.Exit(1)


@app.command("write-back")
def write_back_command(
    workspace: Annotated[Path, typer.Argument(help="Workspace folder.")],
    period: Annotated[str, typer.Option(help="Period whose end the chances are for.")],
    field: Annotated[str, typer.Option(help="Label of the CRM's field that gets the chance, %.")],
    into: Annotated[
        Path | None, typer.Option(help="File to write; without it only the differences are shown.")
    ] = None,
    as_of: Annotated[str, typer.Option(help="Day the question is asked; the export's.")] = "",
) -> None:
    """Compare the chance of each open deal with the CRM's, and prepare a file for its import.

    Nothing is written into the CRM; a person imports the file there.
    """
    from salesops_kit.analyses.deal_scores import deal_scores
    from salesops_kit.periods import period as period_of
    from salesops_kit.reporting.write_back import write_back, write_template
    from salesops_kit.workspace import open_workspace

    opened = open_workspace(workspace, as_of=as_of)
    source = str(opened.import_record.get("source", ""))
    scores = deal_scores(opened, period=period_of(period, opened.settings.calendar))
    update = write_back(scores, source=source, field=field)
    for row in update.changes.to_dict("records"):
        before = "–" if row["before"] is None or row["before"] != row["before"] else row["before"]
        _say(f"{row['deal_id']}: {before} → {row['after']}")
    _say(f"{len(update.changes)} deals would change, {update.unchanged} would not")
    if into is not None:
        _say(
            f"wrote {write_template(update, into)}; import it in {source} to update by {update.key}"
        )


@app.command()
def demo(
    into: Annotated[Path, typer.Option(help="Folder that receives demo_zoho and demo_fxiaoke.")],
) -> None:
    """Write the demo company's exports as Zoho and as Fxiaoke would give them."""
    from salesops_kit.worlds.demo import write_demo

    for dialect in ("zoho", "fxiaoke"):
        write_demo(into / f"demo_{dialect}", dialect)
        _say(f"wrote {into / f'demo_{dialect}'}")


def _moment(text: str, zone: Any) -> Any:
    """Return the moment given, or the clock's: the only place where it is read."""
    from datetime import datetime

    from salesops_kit.errors import ParameterError

    try:
        given = datetime.fromisoformat(text) if text else datetime.now(zone)
    except ValueError as error:
        raise ParameterError(f"now is {text!r}; write it like '2025-10-01T06:00'") from error
    return given if given.tzinfo else given.replace(tzinfo=zone)


def _overview_lines(rows: list[dict[str, Any]]) -> list[str]:
    lines = []
    for row in rows:
        states = ", ".join(f"{count} {state}" for state, count in row["states"].items())
        lines += [
            f"{row['name']} ({row['cadence']}): {', '.join(row['notebooks'])}",
            f"  for {', '.join(row['scopes'])} in {', '.join(row['languages'])}"
            f" to {', '.join(row['receivers']) or 'nobody'}",
            f"  last {row['last']}: {states}; next {row['next']} due {row['next_due']}",
        ]
    return lines


def _batch_lines(result: Any) -> list[str]:
    lines = [f"{d.result.status} {d.result.path / 'index.html'}" for d in result.reports
             if d.result.status != "unchanged"]  # fmt: skip
    counts = ", ".join(f"{count} {status}" for status, count in result.counts().items())
    return [*lines, counts or "nothing is due"]


def _deliver(loaded: Any, tasks: Any, **how: bool) -> bool:
    """Deliver, say what became of it, and tell whether all is well."""
    from salesops_kit.reporting.delivery.errands import deliver_all, errands

    found = errands(loaded, tasks)
    results = deliver_all(found, **how)
    for errand, done in zip(found, results, strict=True):
        said = f"{done.state} {errand.folder} to {done.receiver}"
        _say("\n".join(part for part in (said, done.detail, done.preview) if part))
    return all(done.is_good for done in results)


def _run(workspace: Path, **options: Any) -> Any:
    from salesops_kit.reporting.runner import ReportSpec, run_report

    names = tuple(name.strip() for name in options.pop("notebooks").split(",") if name.strip())
    result = run_report(ReportSpec(workspace=workspace, notebooks=names, **options))
    if result.status == "failed":
        raise ReportError("\n".join(result.errors))
    return result


def _say(message: str | dict[str, Any]) -> None:
    if isinstance(message, dict):
        message = json.dumps(message, ensure_ascii=False, indent=2, default=str)
    sys.stdout.write(message + "\n")


def main() -> None:
    """Run the command line and turn errors into exit codes."""
    try:
        app()
    except SalesopsError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(3 if isinstance(error, DataError) else 1 if isinstance(error, ReportError) else 2)
