import tempfile
from pathlib import Path

import pytest

from recipes_lib.book.scratch import Scratch


def test_temporary_files_go_with_the_folder_and_compiled_code_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("TORCHINDUCTOR_CACHE_DIR", raising=False)
    with Scratch("scratch-") as scratch:
        assert Path(scratch.environment["TMPDIR"]) == scratch.folder
        kept = Path(scratch.environment["TORCHINDUCTOR_CACHE_DIR"])
        assert kept.parent == Path(tempfile.gettempdir())
    assert not scratch.folder.exists()


def test_a_cache_that_was_named_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", "/elsewhere")
    with Scratch("scratch-") as scratch:
        assert scratch.environment["TORCHINDUCTOR_CACHE_DIR"] == "/elsewhere"
