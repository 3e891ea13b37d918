import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# names that differ between the two registries
CONDA_NAMES = {"duckdb": "python-duckdb"}
LOCKS = ["requirements.lock", "requirements-dev.lock"]


def normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def declared():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return {
        normal(CONDA_NAMES.get(name, name)): bounds
        for name, bounds in (re.match(r"([\w-]+)(.*)", d).groups() for d in project["dependencies"])
    }


def conda():
    lines = (ROOT / "environment.yml").read_text("utf-8").splitlines()
    items = [m.groups() for line in lines if (m := re.match(r"\s+- ([\w-]+)([<>=][^ #]*)", line))]
    return {normal(name): bounds for name, bounds in items if name != "python"}


def locked(lock):
    text = (ROOT / lock).read_text("utf-8")
    return {normal(n): v for n, v in re.findall(r"^([\w.-]+)==([\w.]+)", text, re.MULTILINE)}


def test_environment_yml_names_the_same_packages_as_pyproject():
    assert set(conda()) == set(declared())


def test_environment_yml_has_the_same_lower_bounds_and_caps_pandas_below_3():
    lower = {name: bounds.split(",")[0] for name, bounds in declared().items()}

    assert {name: bounds.split(",")[0] for name, bounds in conda().items()} == lower
    assert conda()["pandas"].endswith("<3")


def test_every_declared_package_is_locked_with_pandas_2():
    names = {normal(re.match(r"[\w-]+", n)[0]) for n in declared()} - set(CONDA_NAMES.values())

    assert names <= set(locked("requirements.lock"))
    assert locked("requirements.lock")["pandas"].startswith("2.3")


def test_both_locks_agree():
    run, dev = (locked(lock) for lock in LOCKS)

    assert {n: v for n, v in run.items() if dev.get(n) != v} == {}


def test_locks_hold_a_hash_for_every_package_and_no_address():
    for lock in LOCKS:
        text = (ROOT / lock).read_text("utf-8")
        blocks = re.split(r"^(?=[\w.-]+==)", text, flags=re.MULTILINE)[1:]

        assert [b.split()[0] for b in blocks if "--hash=sha256:" not in b] == []
        assert "://" not in text
