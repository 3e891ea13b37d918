#!/bin/sh
# Try the Airflow example with real Airflow and its LocalExecutor, in an environment of its own.
#   docs/schedule/try_airflow.sh /tmp/airflow        (made when absent; some 500 MB)
# A workspace with one deal, one tiny notebook, one run of the DAG; ends with 0 when the report is
# published. Not part of `make test`: it takes minutes.
set -eu
VENV=$1
ROOT=$(cd "$(dirname "$0")/../.." && pwd)
HOME_OF_TRIAL=$(mktemp -d)
trap 'rm -rf "$HOME_OF_TRIAL"' EXIT
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
export AIRFLOW__CORE__EXECUTOR=LocalExecutor AIRFLOW__CORE__UNIT_TEST_MODE=False
# the catalogue is read while the DAG is listed, before the first import
(cd "$HOME_OF_TRIAL" && .venv/bin/salesops import tables exports --into acme >/dev/null)
"$VENV/bin/airflow" db migrate >/dev/null 2>&1
echo "imported by Airflow: $("$VENV/bin/python" -c 'import airflow; print(airflow.__version__)')"
cd "$HOME_OF_TRIAL"
export AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS=True AIRFLOW__API__PORT=18087 AIRFLOW__API__HOST=127.0.0.1
export AIRFLOW__CORE__EXECUTION_API_SERVER_URL=http://127.0.0.1:18087/execution/
export AIRFLOW__SCHEDULER__DAG_DIR_LIST_INTERVAL=5
# scheduler, API server and DAG processor, all of Airflow on this machine
setsid "$VENV/bin/airflow" standalone >log 2>&1 &
ALL=$!
trap 'kill -- -$ALL 2>/dev/null; sleep 3; kill -9 -- -$ALL 2>/dev/null; cd /; rm -rf "$HOME_OF_TRIAL"' EXIT
tries=0
until "$VENV/bin/airflow" dags unpause salesops_reports >/dev/null 2>&1; do
  tries=$((tries + 1)); [ $tries -lt 60 ] || { tail -n 60 log; exit 1; }; sleep 3
done
"$VENV/bin/airflow" dags trigger salesops_reports --logical-date 2025-10-01T22:00:00Z >trigger 2>&1 || { tail -n 20 trigger; exit 1; }
tries=0
until grep -q '"status": "published"' reports/acme/2025-09/manifest.json 2>/dev/null; do
  tries=$((tries + 1)); [ $tries -lt 200 ] || { tail -n 60 log; exit 1; }; sleep 3
done
echo "published by the LocalExecutor"
