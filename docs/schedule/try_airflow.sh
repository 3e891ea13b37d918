#!/bin/sh
# Try the Airflow example with real Airflow, in an environment of its own: the DAG runs once,
# its tasks in turn, without a scheduler.
#   docs/schedule/try_airflow.sh /tmp/airflow        (made when absent; some 500 MB)
# A workspace with one deal, one tiny notebook, one run of the DAG; ends with 0 when the report is
# published. Not part of `make test`: it takes minutes.
set -eu
VENV=$1
ROOT=$(cd "$(dirname "$0")/../.." && pwd)
HOME_OF_TRIAL=$(mktemp -d)
[ "${KEEP:-}" ] || trap 'rm -rf "$HOME_OF_TRIAL"' EXIT
[ -x "$VENV/bin/airflow" ] || { python3 -m venv "$VENV" && "$VENV/bin/pip" install --quiet apache-airflow; }

mkdir -p "$HOME_OF_TRIAL/exports" "$HOME_OF_TRIAL/notebooks" "$HOME_OF_TRIAL/dags" "$HOME_OF_TRIAL/.venv/bin"
printf 'deal_id,stage,created_at\n1,Won,2025-09-02\n' >"$HOME_OF_TRIAL/exports/deals.csv"
cp "$ROOT"/tests/reporting/notebooks/ok/*.ipynb "$HOME_OF_TRIAL/notebooks"
cp "$ROOT/docs/schedule/airflow_salesops.py" "$HOME_OF_TRIAL/dags"
ln -s "$ROOT/.venv/bin/salesops" "$HOME_OF_TRIAL/.venv/bin/salesops"
printf '%s\n' 'workspace = "acme"' 'into = "reports"' 'notebook_folder = "notebooks"' '[[report]]' \
  'name = "monthly"' 'cadence = "monthly"' >"$HOME_OF_TRIAL/catalogue.toml"

export AIRFLOW_HOME="$HOME_OF_TRIAL/airflow" SALESOPS_HOME="$HOME_OF_TRIAL" SALESOPS_CATALOGUE=catalogue.toml
export SALESOPS_IMPORT="tables exports --into acme" PYTHONPATH="$ROOT"
export AIRFLOW__CORE__DAGS_FOLDER="$HOME_OF_TRIAL/dags" AIRFLOW__CORE__LOAD_EXAMPLES=False
# the catalogue is read while the DAG is listed, before the first import
(cd "$HOME_OF_TRIAL" && .venv/bin/salesops import tables exports --into acme >/dev/null)
"$VENV/bin/airflow" db migrate >/dev/null 2>&1
echo "imported by Airflow: $("$VENV/bin/python" -c 'import airflow; print(airflow.__version__)')"
(cd "$HOME_OF_TRIAL" && "$VENV/bin/airflow" dags test salesops_reports 2025-10-02T06:00:00+08:00) \
  >"$HOME_OF_TRIAL/log" 2>&1 || { tail -n 60 "$HOME_OF_TRIAL/log"; exit 1; }
grep -o '"status": "[a-z]*"' "$HOME_OF_TRIAL/reports/acme/2025-09/manifest.json" | head -1 || { tail -n 60 "$HOME_OF_TRIAL/log"; exit 1; }
