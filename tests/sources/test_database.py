"""Databases: the same rows, rejects and record as files; nothing secret anywhere."""

# ruff: noqa: DTZ001 - databases hold times without a zone
import json
import os
import shutil
import socket
import sqlite3
import subprocess
import time
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
import sqlalchemy as sa

from salesops_kit.errors import DataError
from salesops_kit.settings import settings_from
from salesops_kit.sources.database import as_text, import_database
from salesops_kit.sources.importer import import_exports

PASSWORD = "s3cret/word"
DEALS = "CREATE TABLE deals (deal_id VARCHAR(20), name VARCHAR(80), stage VARCHAR(40), "
DEALS += "amount {money}, created_at {moment}, expected_close_on DATE, updated_at {moment})"
ROWS = [
    ("D00001", "甲 \"one\", 'two'\nthree", "Qualification", "1234.50", "2025-01-02 09:00:00",
     "2025-03-01", "2025-01-02 09:00:00"),
    ("D00002", "", "Closed Won", None, "2025-01-03 10:30:00", None, "2025-02-01 00:00:00"),
    (None, "no id", "Qualification", "1", "2025-01-04 00:00:00", None, "2025-02-02 00:00:00"),
    ("D00004", "4", "Nowhere", "4", "2025-01-04 00:00:00", None, None),
]  # fmt: skip


def fill(connection, *, money="DECIMAL(12,2)", moment="TIMESTAMP", rows=ROWS):
    """Write deals through SQLAlchemy."""
    connection.execute(sa.text(DEALS.format(money=money, moment=moment)))
    insert = sa.text("INSERT INTO deals VALUES (:a, :b, :c, :d, :e, :f, :g)")
    for row in rows:
        connection.execute(insert, dict(zip("abcdefg", row, strict=True)))
    connection.commit()


@pytest.fixture
def sqlite_url(tmp_path):
    engine = sa.create_engine(f"sqlite:///{tmp_path}/crm.db", poolclass=sa.NullPool)
    with engine.connect() as connection:
        fill(connection, moment="TEXT", money="TEXT")
    engine.dispose()
    return f"sqlite:///{tmp_path}/crm.db"


@pytest.fixture
def duckdb_url(tmp_path):
    with duckdb.connect(str(tmp_path / "crm.duckdb")) as connection:
        connection.execute(DEALS.format(money="DECIMAL(12,2)", moment="TIMESTAMP"))
        connection.executemany("INSERT INTO deals VALUES (?, ?, ?, ?, ?, ?, ?)", ROWS)
    return f"duckdb:///{tmp_path}/crm.duckdb"


def table(workspace, name="deals", columns="*"):
    file = workspace / "tables" / f"{name}.parquet"
    return duckdb.sql(f"SELECT {columns} FROM '{file}' ORDER BY 1").fetchall()


def assert_as_written(url, workspace):
    """Two deals come in; one without id and one in an unknown stage are set aside."""
    result = import_database(url, into=workspace)
    day = date(2025, 3, 1)
    columns = "deal_id, name, status, amount, created_at, expected_close_on"
    assert table(workspace, columns=columns) == [
        ("D00001", ROWS[0][1], "open", 1234.5, datetime(2025, 1, 2, 9), day),
        ("D00002", None, "won", None, datetime(2025, 1, 3, 10, 30), None),
    ]  # fmt: skip
    (entry,) = result.files
    counts = {k: entry[k] for k in ("file", "format", "rows_read", "accepted", "rejected")}
    assert counts == {
        "file": "database:deals", "format": "database",
        "rows_read": 4, "accepted": 2, "rejected": 2,
    }  # fmt: skip
    rejects = (workspace / "rejects/database_deals.csv").read_text("utf-8-sig").splitlines()
    assert [line.split(",")[:3] for line in rejects[1:]] == [
        ["database:deals", "3", "deal_id"],
        ["database:deals", "4", "stage"],
    ]


def test_sqlite_is_read_like_a_file(sqlite_url, tmp_path):
    assert_as_written(sqlite_url, tmp_path / "w")


def test_duckdb_is_read_like_a_file(duckdb_url, tmp_path):
    assert_as_written(duckdb_url, tmp_path / "w")


def test_a_database_and_its_csv_give_the_same_deals(duckdb_url, tmp_path):
    import_database(duckdb_url, into=tmp_path / "one")
    (tmp_path / "csv").mkdir()
    with duckdb.connect(str(tmp_path / "crm.duckdb")) as connection:
        connection.execute(f"COPY deals TO '{tmp_path}/csv/deals.csv' (HEADER)")
    import_exports("tables", tmp_path / "csv", into=tmp_path / "two")
    but = "* EXCLUDE (source_system)"
    assert table(tmp_path / "one", columns=but) == table(tmp_path / "two", columns=but)


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (None, ""),
        ("", ""),
        (float("nan"), ""),
        (Decimal("1E+3"), "1000"),
        (Decimal("0.10"), "0.10"),
        (1000.0, "1000"),
        (5.7e17, "5.7e+17"),
        (True, "true"),
        (date(2025, 3, 1), "2025-03-01"),
        (datetime(2025, 3, 1, 9, 30), "2025-03-01 09:30:00"),
        (datetime(2025, 3, 1, 9, 30, tzinfo=UTC), "2025-03-01 09:30:00+00:00"),
        ("0000-00-00", ""),
        ("甲".encode(), "甲"),
        (b"\xff\xfe", "fffe"),
        ({"名": ["a", None]}, '{"名": ["a", null]}'),
        ("a\0b", "ab"),
    ],
)
def test_values_become_cells(value, cell):
    assert as_text(value) == cell


def test_times_with_a_zone_come_into_the_companys(tmp_path):
    with duckdb.connect(str(tmp_path / "z.duckdb")) as connection:
        connection.execute(
            "CREATE TABLE deals AS SELECT 'D00001' AS deal_id, 'Qualification' AS stage, "
            "TIMESTAMPTZ '2025-01-01 20:00:00+00' AS created_at"
        )
    import_database(f"duckdb:///{tmp_path}/z.duckdb", into=tmp_path / "w")
    assert table(tmp_path / "w", columns="created_at") == [(datetime(2025, 1, 2, 4),)]


def test_a_mapping_names_tables_and_queries(tmp_path):
    with sqlite3.connect(tmp_path / "crm.db") as connection:
        connection.execute('CREATE TABLE "商机 ""表""" ("select" TEXT, "阶段" TEXT)')
        connection.execute('INSERT INTO "商机 ""表""" VALUES (\'D00001\', \'Closed Won\')')
        connection.execute("CREATE TABLE people (id TEXT, who TEXT)")
        connection.execute("INSERT INTO people VALUES ('R00001', 'Li 50%'), ('R00002', 'x')")
    connection.close()
    (tmp_path / "map.toml").write_text(
        """[[files]]
table_in_database = '商机 "表"'
table = "deals"
[files.columns]
deal_id = "select"
stage = "阶段"
[[files]]
query = "SELECT id, who, '10:30' AS note FROM people WHERE who LIKE '%50%';"
table = "reps"
[files.columns]
rep_id = "id"
name = "who"
""",
        encoding="utf-8",
    )
    result = import_database(
        f"sqlite:///{tmp_path}/crm.db", into=tmp_path / "w", mapping=tmp_path / "map.toml"
    )
    assert table(tmp_path / "w", columns="deal_id, status") == [("D00001", "won")]
    assert table(tmp_path / "w", "reps", "rep_id, name") == [("R00001", "Li 50%")]
    assert [f["file"] for f in result.files] == ["database:deals", "database:reps"]


def test_since_reads_what_changed_and_keeps_the_rest(sqlite_url, tmp_path):
    into = tmp_path / "w"
    first = import_database(sqlite_url, into=into, since="updated_at")
    seen = {"deals": {"type": "text", "value": "2025-02-02 00:00:00"}}
    assert first.since == {"column": "updated_at", "seen": seen}
    with sqlite3.connect(tmp_path / "crm.db") as connection:
        connection.execute("UPDATE deals SET amount = 'wrong' WHERE deal_id = 'D00001'")
        connection.execute(
            "UPDATE deals SET amount = '7', updated_at = '2025-03-01 00:00:00' "
            "WHERE deal_id = 'D00002'"
        )
    connection.close()
    second = import_database(sqlite_url, into=into, since="updated_at")
    # D00001 was not marked as changed, so it was not read again
    assert table(into, columns="deal_id, amount") == [("D00001", 1234.5), ("D00002", 7.0)]
    assert second.since["seen"]["deals"]["value"] == "2025-03-01 00:00:00"
    assert [f["rows_read"] for f in second.files] == [4, 3]
    before = table(into)
    import_database(sqlite_url, into=into, since="updated_at")
    assert table(into) == before


def refused(url, tmp_path, **options):
    with pytest.raises(DataError) as error:
        import_database(url, into=tmp_path / "w", **options)
    assert error.value.__cause__ is None or error.value.__suppress_context__
    assert PASSWORD not in str(error.value)
    return str(error.value)


def test_what_cannot_be_read_is_one_clear_error(tmp_path, monkeypatch):
    missing = tmp_path / "no.db"
    assert refused(f"sqlite:///{missing}", tmp_path) == (
        f"{missing} does not exist; give the file of the database"
    )
    assert not missing.exists()
    assert refused("no url", tmp_path) == (
        "the database's URL cannot be understood; write it like "
        "postgresql://user@host:5432/name, sqlite:///file.db or duckdb:///file.duckdb"
    )
    assert refused("dbase://x/y", tmp_path) == "dbase is no database SQLAlchemy knows"
    monkeypatch.delenv("CRM_URL", raising=False)
    assert refused("env:CRM_URL", tmp_path) == (
        "the environment variable 'CRM_URL' is not set; set it to the URL"
    )


def test_a_database_without_deals_says_what_it_has(tmp_path):
    with sqlite3.connect(tmp_path / "crm.db") as connection:
        connection.execute("CREATE TABLE opportunities (id TEXT)")
    connection.close()
    assert refused(f"sqlite:///{tmp_path}/crm.db", tmp_path) == (
        "the database has no table or view named deals; it has opportunities; "
        "name the tables or queries in a mapping file (--mapping)"
    )


def test_a_refused_connection_names_the_place_but_no_password(tmp_path, monkeypatch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for scheme in ("postgresql", "mysql"):
        url = f"{scheme}://joe:s3cret%2Fword@127.0.0.1:{port}/crm"
        monkeypatch.setenv("CRM_URL", url)
        said = refused("env:CRM_URL", tmp_path)
        assert f"joe@127.0.0.1:{port}/crm: " in said
        assert "refused" in said
        assert "s3cret" not in said
        assert "\n" not in said


def tries(call, seconds=30):
    """Call until it works; the error of the last time otherwise."""
    end = time.monotonic() + seconds
    while True:
        try:
            return call()
        except sa.exc.OperationalError:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


def as_user(user):
    """Return how to run a server that refuses root."""
    return ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"] if _root() else []


def _root():
    return os.geteuid() == 0


def short_folder(user):
    """Return a folder of that user; sockets' paths must be short."""
    import tempfile

    folder = Path(tempfile.mkdtemp(prefix="crm", dir="/tmp"))
    if _root():
        shutil.chown(folder, user, user)
    return folder


def newest(pattern):
    return next(iter(sorted(Path("/").glob(pattern), reverse=True)), None)


@pytest.fixture(scope="module")
def postgres():
    """URL of a PostgreSQL started for these tests, on a socket of its own."""
    binaries = newest("usr/lib/postgresql/*/bin/initdb")
    if binaries is None:
        pytest.skip("PostgreSQL is not installed (apt-get install postgresql)")
    folder, run = short_folder("postgres"), as_user("postgres")
    (folder / "pw").write_text(PASSWORD)
    (folder / "pw").chmod(0o644)
    subprocess.run(
        [*run, binaries, "-D", folder / "data", "-U", "joe", "--pwfile", folder / "pw",
         "-A", "scram-sha-256", "-E", "UTF8", "--no-locale", "--no-sync"],
        check=True, capture_output=True, cwd=folder,
    )  # fmt: skip
    server = subprocess.Popen(
        [*run, binaries.parent / "postgres", "-D", folder / "data", "-k", folder,
         "-c", "listen_addresses=", "-c", "fsync=off"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder,
    )  # fmt: skip
    yield f"postgresql://joe:s3cret%2Fword@/postgres?host={folder}"
    server.send_signal(2)
    server.wait(20)
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def mariadb():
    """URL of a MariaDB started for these tests, on a socket of its own."""
    server_file, install = (
        shutil.which("mariadbd") or newest("usr/sbin/mariadbd"),
        shutil.which("mariadb-install-db"),
    )
    if not server_file or not install:
        pytest.skip("MariaDB is not installed (apt-get install mariadb-server)")
    user = "mysql" if _root() else ""
    folder, run = short_folder(user), as_user(user)
    subprocess.run(
        [*run, install, "--no-defaults", f"--datadir={folder}/data",
         "--auth-root-authentication-method=normal", "--skip-test-db"],
        check=True, capture_output=True, cwd=folder,
    )  # fmt: skip
    server = subprocess.Popen(
        [*run, server_file, "--no-defaults", f"--datadir={folder}/data",
         f"--socket={folder}/s", "--skip-networking", f"--pid-file={folder}/pid"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder,
    )  # fmt: skip
    root = sa.create_engine(
        f"mysql+pymysql://root@localhost/?unix_socket={folder}/s", poolclass=sa.NullPool
    )

    def prepare():
        with root.connect() as connection:
            connection.execute(sa.text("CREATE DATABASE crm CHARACTER SET utf8mb4"))
            connection.execute(sa.text(f"CREATE USER joe@localhost IDENTIFIED BY '{PASSWORD}'"))
            connection.execute(sa.text("GRANT ALL ON crm.* TO joe@localhost"))

    while not (folder / "s").exists():  # the driver leaves a refused socket open
        assert server.poll() is None
        time.sleep(0.1)
    tries(prepare)
    yield f"mariadb://joe:s3cret%2Fword@localhost/crm?unix_socket={folder}/s"
    server.terminate()
    server.wait(20)
    shutil.rmtree(folder)


def real(url, driver, **options):
    """Fill a real server and return its URL."""
    scheme, rest = url.split("://")
    engine = sa.create_engine(f"{scheme}+{driver}://{rest}", poolclass=sa.NullPool)

    def again():
        with engine.connect() as connection:
            connection.execute(sa.text("DROP TABLE IF EXISTS deals"))
            fill(connection, **options)

    tries(again)
    engine.dispose()
    return url


def assert_server_reads(url, tmp_path):
    into = tmp_path / "w"
    assert_as_written(url, into)
    record = (into / "import.json").read_text("utf-8")
    assert PASSWORD not in record
    assert "s3cret" not in record
    # half of the rows again, by the time of change: nothing is doubled
    import_database(url, into=tmp_path / "s", since="updated_at")
    before = table(tmp_path / "s")
    again = import_database(url, into=tmp_path / "s", since="updated_at")
    assert table(tmp_path / "s") == before
    assert [f["rows_read"] for f in again.files] == [4, 2]
    assert json.loads(record)["since"] == {}


@pytest.mark.slow
def test_postgresql_is_read_like_a_file(postgres, tmp_path):
    url = real(postgres, "psycopg")
    assert_server_reads(url, tmp_path)
    wrong = url.replace("s3cret%2Fword", "other%2Fword")
    assert "password authentication failed" in refused(wrong, tmp_path)
    (tmp_path / "map.toml").write_text('[[files]]\ntable_in_database = "nope"\ntable = "deals"\n')
    said = refused(url, tmp_path, mapping=tmp_path / "map.toml")
    assert 'relation "nope" does not exist' in said


@pytest.mark.slow
def test_postgresql_types_and_casts(postgres, tmp_path):
    real(postgres, "psycopg")
    (tmp_path / "map.toml").write_text(
        """[[files]]
query = '''SELECT 'D'||n::text AS deal_id, 'Qualification' AS stage, 12.50::numeric AS amount,
  '2025-01-01 20:00:00+00'::timestamptz AS created_at, true AS is_deleted,
  '{"a": "é"}'::jsonb AS x_json, 'ab'::bytea AS x_bytes
  FROM generate_series(100000, 119999) n WHERE 'a%' LIKE 'a%' '''
table = "deals"
[files.columns]
x_json = "x_json"
x_bytes = "x_bytes"
"""
    )
    settings = settings_from({"company": {"time_zone": "UTC"}})
    import_database(postgres, into=tmp_path / "w", mapping=tmp_path / "map.toml", settings=settings)
    rows = table(tmp_path / "w", columns="deal_id, amount, created_at, is_deleted, x_json, x_bytes")
    assert len(rows) == 20_000
    assert rows[0] == (
        "D100000", 12.5, datetime(2025, 1, 1, 20), True, '{"a": "é"}', "ab",
    )  # fmt: skip


@pytest.mark.slow
def test_mariadb_is_read_like_a_file(mariadb, tmp_path):
    url = real(mariadb, "pymysql", moment="DATETIME")
    assert_server_reads(url, tmp_path)
    wrong = url.replace("s3cret%2Fword", "other%2Fword")
    assert "Access denied for user 'joe'@'localhost'" in refused(wrong, tmp_path)
