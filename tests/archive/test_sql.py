"""The query in the docstring of `Archive` for other readers of its table."""

import re

import deltalake
import duckdb

import runkit
from support import at, run


def test_the_documented_query_gives_what_runkit_reads(archive, tmp_path):
    """In DuckDB: each run once, in its newest copy."""
    archive.add([run(run_id="a", status="error"), run(run_id="b")])
    archive.add([run(run_id="a", updated_at=at(200))])
    [query] = re.findall(r"SELECT .*? = 1", str(runkit.Archive.__doc__), re.DOTALL)
    with duckdb.connect() as connection:  # which would load `delta_scan` from afar
        connection.register("runs", deltalake.DeltaTable(tmp_path / "runs").to_pyarrow_dataset())
        found = connection.sql(query.replace("delta_scan('runs/')", "runs")).df()
    assert found.set_index("run_id")["status"].to_dict() == {"a": "completed", "b": "completed"}
