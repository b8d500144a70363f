from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_a_tiny_run_gives_a_row_for_each_format(monkeypatch):
    """Every format comes with a time, a ratio to the floor and a size."""
    monkeypatch.syspath_prepend(str(ROOT))
    from benchmarks.rendering import run
    from recordkit.render import Format

    rows = {row.name: row for row in run(300, 1)}
    assert set(Format) <= set(rows)
    assert all(row.us > 0 and row.ratio > 0 for row in rows.values())
    assert all(rows[form].extra["bytes_per_event"] > 0 for form in Format)
