"""Files appear whole or not at all."""

import os
import socket
import subprocess
import sys

import h5py
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infoplane import storage
from infoplane.errors import InfoplaneError


def write(path, values):
    with storage.create(path, "weights", {"run": "x"}) as file:
        file.create_dataset("values", data=values, chunks=values.shape, fletcher32=True)


def test_a_file_appears_with_its_provenance(tmp_path):
    path = tmp_path / "new/folder/x.h5"
    write(path, np.arange(5))
    with storage.open_checked(path, "weights") as file:
        assert file["values"][:].tolist() == [0, 1, 2, 3, 4]
        assert storage.read_provenance(file) == {"run": "x"}
    assert [item.name for item in path.parent.iterdir()] == ["x.h5"]


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "x.h5"
    write(path, np.arange(5))
    before = path.read_bytes()
    with pytest.raises(ZeroDivisionError), storage.create(path, "weights", {}) as file:
        file["values"] = 1 / 0
    assert path.read_bytes() == before
    assert [item.name for item in tmp_path.iterdir()] == ["x.h5"]


def test_what_a_killed_process_left_is_removed_and_a_running_one_is_left_alone(tmp_path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    names = {process: tmp_path / f".x.{socket.gethostname()}.{process}.tmp.h5" for process in (dead.pid, os.getppid())}
    elsewhere = tmp_path / f".x.another-host.{dead.pid}.tmp.h5"
    for path in (*names.values(), elsewhere):
        path.write_text("half")
    write(tmp_path / "x.h5", np.arange(5))
    assert not names[dead.pid].exists()
    assert names[os.getppid()].exists()
    assert elsewhere.exists()


def test_another_kind_or_format_is_refused(tmp_path):
    path = tmp_path / "x.h5"
    write(path, np.arange(5))
    with (
        pytest.raises(InfoplaneError, match="holds 'infoplane weights'; it must hold 'infoplane activations'"),
        storage.open_checked(path, "activations"),
    ):
        pass
    with h5py.File(path, "r+") as file:
        file.attrs["format"] = 99
    with pytest.raises(InfoplaneError, match="format 99; this version reads 1"), storage.open_checked(path, "weights"):
        pass


@settings(max_examples=300, deadline=None)
@given(at=st.integers(0, 10**9), bit=st.integers(0, 7))
def test_no_flipped_bit_gives_a_traceback_or_a_wrong_number(tmp_path_factory, at, bit):
    path = tmp_path_factory.mktemp("flip") / "x.h5"
    write(path, np.arange(500.0))
    content = bytearray(path.read_bytes())
    content[at % len(content)] ^= 1 << bit
    path.write_bytes(content)
    try:
        with storage.open_checked(path, "weights") as file:
            assert np.array_equal(file["values"][:], np.arange(500.0))
    except InfoplaneError as error:
        assert str(path) in str(error)  # noqa: PT017


@pytest.mark.parametrize("name", ["t.parquet", "t.csv"])
def test_tables_come_back_with_their_provenance(tmp_path, name):
    table = pd.DataFrame({"run": ["a", "b"], "i_tx": [1.5, np.nan]})
    storage.write_table(table, tmp_path / name, {"settings": "s"})
    pd.testing.assert_frame_equal(storage.read_table(tmp_path / name), table)
    assert storage.read_table_provenance(tmp_path / name) == {"settings": "s"}


@pytest.mark.parametrize("name", ["t.parquet", "t.csv"])
@pytest.mark.parametrize("content", [None, b"", b"PAR1 but no more", b"\xff\xfe\x00"])
def test_tables_that_are_missing_or_damaged_are_named(tmp_path, name, content):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    for read in (storage.read_table, storage.read_table_provenance):
        if read is storage.read_table and name == "t.csv" and content == b"PAR1 but no more":
            continue  # any line of text is a table of its own
        with pytest.raises(InfoplaneError, match=str(path)):
            read(path)


WRITE_ONE_MEGABYTE = """
import resource, signal, sys
from pathlib import Path
import numpy as np
from infoplane import storage
from infoplane.errors import InfoplaneError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
try:
    with storage.create(Path(sys.argv[1]), "activations", {}) as file:
        dump = file.create_dataset("values", (8, 16384), chunks=(1, 16384), fletcher32=True)
        for row in range(8):
            dump[row] = np.random.default_rng(row).normal(size=16384)
except InfoplaneError as error:
    print(error)
"""


def test_a_full_disk_gives_one_sentence_and_leaves_nothing(tmp_path):
    """A limit on the size of files stands for the full disk: both fail in the middle of writing."""
    path = tmp_path / "x.h5"
    done = subprocess.run([sys.executable, "-c", WRITE_ONE_MEGABYTE, path], capture_output=True, text=True, check=False)
    assert done.stdout == f"{path}: this file cannot be written (File too large); nothing finished is lost\n"
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_gives_one_sentence(tmp_path):
    (tmp_path / "results").write_text("a file where a folder belongs")
    with pytest.raises(InfoplaneError, match=r"results.*: this folder cannot be made \(Not a directory\)"):
        write(tmp_path / "results/study/x.h5", np.arange(3))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write into a read-only folder")
def test_a_read_only_folder_gives_one_sentence(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(InfoplaneError, match=r"x.h5: this file cannot be written \(Permission denied\)"):
        write(tmp_path / "x.h5", np.arange(3))


def test_rows_of_a_table_and_their_damage(tmp_path):
    path = tmp_path / "t.parquet"
    table = pd.DataFrame({"run": ["a", "b", "a"] * 500, "i_tx": np.random.default_rng(0).normal(size=1500)})
    storage.write_table(table, path, {})
    assert storage.read_distinct(path, "run") == ["a", "b"]
    rows = storage.read_rows(path, "run", "a")
    pd.testing.assert_frame_equal(rows, table[table["run"] == "a"].reset_index(drop=True))
    content = bytearray(path.read_bytes())
    content[4:200] = bytes(196)  # inside, with the footer whole
    path.write_bytes(content)
    for read in (storage.read_table, lambda path: storage.read_rows(path, "run", "a")):
        with pytest.raises(InfoplaneError, match="not a whole table"):
            read(path)
