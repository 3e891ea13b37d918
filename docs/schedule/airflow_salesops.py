"""Airflow 3: import every morning, then make each report of the catalogue that is due.

One mapped task per report of the catalogue: each is retried, shown and cleared by itself. The
logical date of the run is handed to the kit as "now", so that clearing an old run makes the
reports of that day again. Set SALESOPS_HOME to the folder of the kit, and SALESOPS_IMPORT to the
arguments of `salesops import` (nothing is imported without).
"""

import json
import os
import shlex
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

from airflow.sdk import dag, get_current_context, task
from airflow.timetables.trigger import CronTriggerTimetable

HOME = Path(os.environ.get("SALESOPS_HOME", "/srv/salesops"))
CATALOGUE = os.environ.get("SALESOPS_CATALOGUE", "reports/catalogue.toml")
IMPORT = shlex.split(os.environ.get("SALESOPS_IMPORT", ""))
SALESOPS = str(HOME / ".venv" / "bin" / "salesops")


def salesops(*arguments: str) -> str:
    """Run the kit; any exit code but 0 fails the task."""
    done = subprocess.run([SALESOPS, *arguments], cwd=HOME, text=True, stdout=subprocess.PIPE)
    if done.returncode:
        raise RuntimeError(f"salesops {arguments[0]} ended with {done.returncode}")
    return done.stdout


def now() -> str:
    """Return the logical date of this run."""
    context = get_current_context()
    moment = context.get("logical_date") or context["dag_run"].run_after
    return moment.isoformat(timespec="seconds")


@dag(
    dag_id="salesops_reports",
    schedule=CronTriggerTimetable("0 6 * * *", timezone="Asia/Shanghai"),
    start_date=datetime(2025, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 1, "retry_delay": timedelta(minutes=5)},
)
def salesops_reports() -> None:
    """Import, list, make."""

    @task
    def import_exports() -> None:
        if IMPORT:
            salesops("import", *IMPORT)

    @task
    def names() -> list[str]:
        told = salesops("list", "--catalogue", CATALOGUE, "--now", now(), "--json")
        return [report["name"] for report in json.loads(told)["reports"]]

    @task(execution_timeout=timedelta(hours=2), max_active_tis_per_dag=1)
    def make(name: str) -> None:
        salesops("run", name, "--due", "--catalogue", CATALOGUE, "--now", now())

    found = names()
    import_exports() >> found
    make.expand(name=found)


salesops_reports()
