"""Stores to test with: in memory, in a file, and in a real PostgreSQL of our own."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import required

_PLACES = ["/usr/lib/postgresql", "/usr/local/pgsql", "/opt/homebrew/opt"]


def programs() -> Path | None:
    """Where initdb and pg_ctl are."""
    found = shutil.which("initdb")
    if found:
        return Path(found).parent
    for place in _PLACES:
        for initdb in sorted(Path(place).glob("**/bin/initdb"), reverse=True):
            return initdb.parent
    return None


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """A throw-away PostgreSQL: its URL."""
    where = programs()
    required(where is not None, "PostgreSQL's programs")
    assert where is not None
    with tempfile.TemporaryDirectory(prefix="journeymap-pg-") as folder:
        root = os.geteuid() == 0
        if root:  # PostgreSQL refuses to be run by root
            Path(folder).chmod(0o755)
            shutil.chown(folder, "postgres", "postgres")

        def run(*command: str) -> None:
            before = ["runuser", "-u", "postgres", "--"] if root else []
            done = subprocess.run([*before, *command], capture_output=True, text=True, cwd=folder)
            assert done.returncode == 0, done.stderr + done.stdout

        data = f"{folder}/data"
        run(f"{where}/initdb", "-D", data, "-U", "postgres", "--auth=trust", "-E", "UTF8")
        options = f"-k {folder} -c listen_addresses= -c fsync=off"
        run(f"{where}/pg_ctl", "-D", data, "-w", "-l", f"{folder}/log", "-o", options, "start")
        try:
            yield f"postgresql+psycopg://postgres@/postgres?host={folder}"
        finally:
            run(f"{where}/pg_ctl", "-D", data, "-m", "immediate", "stop")


@pytest.fixture
def database(postgres: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """An empty database in it."""
    from sqlalchemy import create_engine, text

    engine = create_engine(postgres, isolation_level="AUTOCOMMIT")
    name = f"t{abs(hash(request.node.nodeid))}"
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield postgres.replace("/postgres?", f"/{name}?")
    with engine.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgres"])
def shared(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty store of each kind that several processes can use."""
    if request.param == "postgres":
        return str(request.getfixturevalue("database"))
    return f"sqlite:///{tmp_path}/live.db"


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty store of each kind."""
    if request.param == "postgres":
        return str(request.getfixturevalue("database"))
    return {"memory": "memory", "sqlite": f"sqlite:///{tmp_path}/live.db"}[request.param]
