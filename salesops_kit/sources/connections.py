"""Connections to databases that are only read: rows streamed, secrets kept out of every message."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import duckdb
import sqlalchemy as sa
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError

from salesops_kit.errors import DataError

_BATCH = 5_000
_DRIVERS = {"postgresql": "psycopg", "postgres": "psycopg", "mysql": "pymysql",
            "mariadb": "pymysql"}  # fmt: skip
_EXTRAS = {"psycopg": "postgres", "pymysql": "mysql"}
_SECRET = re.compile(r"pass|pwd|secret|token|key", re.I)

Result = tuple[tuple[str, ...], Iterator[Sequence[Any]]]


class Reader(Protocol):
    """What an import asks of a database."""

    def tables(self) -> list[str]:
        """Return names of tables and views."""

    def table_sql(self, name: str) -> str:
        """Return the query of all rows of a table; `schema.table` where no such name exists."""

    def columns(self, sql: str) -> tuple[str, ...]:
        """Return the columns of a query's result."""

    def rows(self, sql: str) -> Result:
        """Return columns and rows of a query; never all rows in memory."""

    def since(self, sql: str, column: str, value: Any) -> Result:
        """Return the rows of `rows` whose `column` is at least `value` or empty."""


def url_of(given: str, environment: Mapping[str, str] | None = None) -> str:
    """Return the URL, taken from the environment when given as env:NAME.

    Raises
    ------
    DataError
        When that variable is not set.
    """
    if not given.startswith("env:"):
        return given
    name = given.removeprefix("env:")
    url = (os.environ if environment is None else environment).get(name, "")
    if not url:
        raise DataError(f"the environment variable {name!r} is not set; set it to the URL")
    return url


@contextmanager
def opened(url: str) -> Iterator[Reader]:
    """Open a database for reading.

    Raises
    ------
    DataError
        When the URL cannot be understood, the driver is missing, or anything the database
        refuses; one line without the password.
    """
    parsed = _parsed(url)
    try:
        if parsed.get_backend_name() == "duckdb":
            with duckdb.connect(str(_file(parsed)), read_only=True) as connection:
                connection.execute("SET TimeZone = 'UTC'")
                yield _DuckDb(connection)
        else:
            with _connected(parsed) as session:
                yield _Sql(session)
    except (SQLAlchemyError, duckdb.Error) as error:
        raise DataError(_told(error, parsed)) from None  # the cause may hold the password


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise DataError(
            "the database's URL cannot be understood; write it like "
            "postgresql://user@host:5432/name, sqlite:///file.db or duckdb:///file.duckdb"
        ) from None
    driver = _DRIVERS.get(parsed.drivername)
    if driver is None:
        return parsed
    name = "postgresql" if parsed.drivername == "postgres" else parsed.drivername
    return parsed.set(drivername=f"{name}+{driver}")


def _file(url: URL) -> Path:
    file = Path(url.database or "")
    if not file.is_file():
        raise DataError(f"{file} does not exist; give the file of the database")
    return file


@contextmanager
def _connected(url: URL) -> Iterator[sa.Connection]:
    try:
        engine = sa.create_engine(url, poolclass=sa.NullPool, hide_parameters=True)
    except NoSuchModuleError:
        raise DataError(f"{url.get_backend_name()} is no database SQLAlchemy knows") from None
    except ImportError as error:
        driver = str(error.name or url.get_driver_name())
        raise DataError(
            f"the driver {driver!r} is not installed; pip install {_named_extra(driver)}"
        ) from None
    options: dict[str, Any] = {"stream_results": True, "max_row_buffer": _BATCH}
    backend = engine.dialect.name
    if backend in ("postgresql", "mysql", "mariadb"):
        options["isolation_level"] = "REPEATABLE READ"  # all tables as of one moment
    if backend == "postgresql":
        options["postgresql_readonly"] = True
    if backend == "sqlite":
        _file(url)
    try:
        with engine.connect().execution_options(**options) as connection:
            if backend == "sqlite":
                raw: Any = connection.connection.dbapi_connection
                raw.text_factory = _decoded
                raw.execute("PRAGMA query_only = ON")
            yield connection
    finally:
        engine.dispose()


def _named_extra(driver: str) -> str:
    return f"'salesops_kit[{_EXTRAS[driver]}]'" if driver in _EXTRAS else driver


def _decoded(raw: bytes) -> str:
    """Read text of a database without types: UTF-8, else the older Chinese encoding."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("gb18030", errors="replace")


def _told(error: Exception, url: URL) -> str:
    """Return one line on what the database said, with its name and a remedy, without secrets."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
    said = " ".join(str(cause).split())
    secrets = [str(url.password or ""), *_listed_secrets(url)]
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        said = said.replace(secret, "***")
    place = URL.create(
        url.get_backend_name(), url.username, None, url.host, url.port, url.database
    ).render_as_string()
    return f"{place}: {said[:500]}; check host, name, user, password and table names"


def _listed_secrets(url: URL) -> list[str]:
    found = []
    for name, value in url.query.items():
        if _SECRET.search(name):
            found += [value] if isinstance(value, str) else list(value)
    return found


class _Sql:
    """Any database that SQLAlchemy speaks to."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self._quote = connection.dialect.identifier_preparer.quote_identifier

    def tables(self) -> list[str]:
        look = sa.inspect(self._connection)
        return sorted({*look.get_table_names(), *look.get_view_names()})

    def table_sql(self, name: str) -> str:
        parts = [name] if name in self.tables() or "." not in name else name.split(".", 1)
        return f"SELECT * FROM {'.'.join(map(self._quote, parts))}"

    def columns(self, sql: str) -> tuple[str, ...]:
        with self._connection.execute(_text(f"SELECT * FROM ({sql}) q WHERE 1 = 0")) as none:
            return tuple(none.keys())

    def rows(self, sql: str) -> Result:
        return self._result(_text(sql))

    def since(self, sql: str, column: str, value: Any) -> Result:
        name = self._quote(column)
        wrapped = f"SELECT * FROM ({_escaped(sql)}) q WHERE {_escaped(name)}"
        return self._result(
            sa.text(f"{wrapped} >= :since OR {_escaped(name)} IS NULL").bindparams(since=value)
        )

    def _result(self, statement: sa.TextClause) -> Result:
        result = self._connection.execute(statement)
        return tuple(result.keys()), (tuple(row) for row in result)


def _escaped(sql: str) -> str:
    """Keep colons of a query from being taken for parameters."""
    return re.sub(r"(?<![:\w\\]):(?=\w)", r"\\:", sql)


def _text(sql: str) -> sa.TextClause:
    return sa.text(_escaped(sql))


class _DuckDb:
    """A DuckDB file, read with DuckDB's own connection."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._db = connection

    def tables(self) -> list[str]:
        found = self._db.execute(
            "SELECT table_name FROM information_schema.tables "
            "WHERE table_schema = current_schema() ORDER BY 1"
        ).fetchall()
        return [name for (name,) in found]

    def table_sql(self, name: str) -> str:
        parts = [name] if name in self.tables() or "." not in name else name.split(".", 1)
        return "SELECT * FROM " + ".".join(map(_quoted, parts))

    def columns(self, sql: str) -> tuple[str, ...]:
        return tuple(r[0] for r in self._db.execute(f"DESCRIBE {sql}").fetchall())

    def rows(self, sql: str) -> Result:
        return self._result(self._db.execute(sql))

    def since(self, sql: str, column: str, value: Any) -> Result:
        name = _quoted(column)
        return self._result(self._db.execute(
            f"SELECT * FROM ({sql}) q WHERE {name} >= ? OR {name} IS NULL", [value]
        ))  # fmt: skip

    @staticmethod
    def _result(done: duckdb.DuckDBPyConnection) -> Result:
        def rows() -> Iterator[Sequence[Any]]:
            while batch := done.fetchmany(_BATCH):
                yield from batch

        return tuple(d[0] for d in done.description or ()), rows()


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
