"""The page of all results, which is made from the samples and from nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

TOOLS = Path(__file__).resolve().parents[2] / "tools"


@pytest.fixture
def document(monkeypatch):
    monkeypatch.syspath_prepend(str(TOOLS))
    from bench import document

    return document


def test_the_page_is_what_the_samples_say(document) -> None:
    assert document.TARGET.read_text(encoding="utf-8") == document.document(), "run nox -s report"


def test_the_readme_has_its_table(document) -> None:
    text = document.README.read_text(encoding="utf-8")
    assert document.BEGIN in text and document.END in text
    assert text == document.readme(), "run nox -s report"


def test_order_of_versions(document) -> None:
    names = ["queue-3.15.json", "queue-3.9.json", "queue-3.11.json", "futures-3.15.json", "queue-3.13t.json"]
    assert [path.name for path in sorted(map(Path, names), key=document.order)] == [
        "futures-3.15.json",
        "queue-3.9.json",
        "queue-3.11.json",
        "queue-3.13t.json",
        "queue-3.15.json",
    ]


def test_a_new_sample_changes_its_row(document, tmp_path) -> None:
    source = document.RESULTS / "sched-3.11.json"
    kept = json.loads(source.read_text(encoding="utf-8"))
    kept["rows"] = kept["rows"][:1]
    kept["meta"] |= {"date": "2030-01-02", "rounds": 77}
    kept["rows"][0]["ratio"] = {"low": 1.0, "median": 4321.0, "high": 9999.0}
    (tmp_path / source.name).write_text(json.dumps(kept), encoding="utf-8")
    page = document.document(tmp_path)
    assert "4321x (1.00 - 9999)" in page
    line = next(line for line in page.splitlines() if line.startswith("| sched"))
    assert "2030-01-02" in line and "77" in line
    assert "## queue" not in page
