"""Files appear whole or not at all."""

import fcntl
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infoplane.activity.recording import open_recording
from infoplane.errors import InfoplaneError
from infoplane.files import storage


def write(path, values, provenance=None):
    """A file of the weights of one layer with one unit and one input, and of `values` (epoch,) for its loss."""
    with storage.create(path, "weights", {"run": "x"} if provenance is None else provenance) as file:
        for name, content in arrays(values).items():
            storage.write_array(file, name, content)


def arrays(values) -> dict[str, np.ndarray]:
    return {
        "seeds": np.array([7]),
        "epochs": np.arange(len(values)),
        "diverged_epoch": np.array([-1]),
        "parameters/layer1/weights": np.ones((1, len(values), 1, 1), np.float32),
        "parameters/layer1/biases": np.ones((1, len(values), 1), np.float32),
        "history/train_loss": values[None],
    }


def loss(file) -> np.ndarray:
    return file["history/train_loss"][0]


def test_a_file_appears_with_its_provenance(tmp_path):
    path = tmp_path / "new/folder/x.h5"
    write(path, np.arange(5))
    with storage.open_weights(path) as file:
        assert loss(file).tolist() == [0, 1, 2, 3, 4]
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
        pytest.raises(InfoplaneError, match="this file is no recording"),
        open_recording(path),
    ):
        pass
    with h5py.File(path, "r+") as file:
        file.attrs["format"] = 99
    with pytest.raises(InfoplaneError, match="format 99; this version reads 2"), storage.open_weights(path):
        pass


def _linked(file, path):
    del file["seeds"]
    file["seeds"] = h5py.ExternalLink(str(path.with_name("other.h5")), "seeds")


def _stored_elsewhere(file, path):
    del file["seeds"]
    path.with_name("other.raw").write_bytes(bytes(8))
    file.create_dataset("seeds", (1,), "i8", external=[(str(path.with_name("other.raw")), 0, 8)])


def _virtual(file, path):
    del file["seeds"]
    layout = h5py.VirtualLayout((1,), "i8")
    layout[:] = h5py.VirtualSource(str(path.with_name("other.h5")), "seeds", (1,))
    file.create_virtual_dataset("seeds", layout)


def _huge(file, path):
    del file["history/train_loss"]
    file.create_dataset("history/train_loss", (1, 10**12), "f8", chunks=(1, 1000))


def _replaced(name, values):
    def change(file, path):
        if name in file:
            del file[name]
        if np.ndim(values) and np.asarray(values).dtype.kind in "if":
            storage.write_array(file, name, values)
        elif values is not None:
            file[name] = values

    return change


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (_linked, "seeds is a link"),
        (_stored_elsewhere, "seeds is not an array of numbers in this file"),
        (_virtual, "seeds is not an array of numbers in this file"),
        (_huge, "history/train_loss is larger than the file"),
        (lambda file, path: file["parameters"].__setitem__("layer1/again", file["parameters"]), "is not a data set"),
        (_replaced("seeds", None), "there is no seeds"),
        (_replaced("seeds", ["7"]), "seeds is not an array of numbers in this file"),
        (_replaced("seeds", np.array([7], ">i8")), "seeds is not an array of numbers in this file"),
        (_replaced("seeds", 7), r"seeds has the shape \(\), which does not fit"),
        (_replaced("seeds", [7, 8]), r"has the shape \(2,\), which does not fit"),
        (lambda file, path: (_replaced("seeds", None)(file, path), file.update(seeds=[7])), "seeds has no checksum"),
        (_replaced("seed/inner", [7]), "seed/inner is no part of a file of weights"),
        (_replaced("more", [7]), "more is no part of a file of weights"),
        (_replaced("parameters/layer1/biases", None), "there is no parameters/layer1/biases"),
        (_replaced("parameters/layer3/biases", np.ones((1, 5, 1))), "there is no parameters/layer2/weights"),
        (_replaced("parameters/layer1/biases", np.ones((1, 5, 2))), "which does not fit"),
        (_replaced("layer_statistics/weight_norm", np.ones((1, 5, 2))), "are of 2 layers; there are 1"),
    ],
)
def test_a_file_of_another_layout_is_refused_before_it_is_used(tmp_path, change, sentence):
    path = tmp_path / "x.h5"
    for name in ("other", "x"):
        write(tmp_path / f"{name}.h5", np.arange(5.0))
    with h5py.File(path, "r+") as file:
        change(file, path)
    with pytest.raises(InfoplaneError, match=sentence) as raised, storage.open_weights(path):
        pass
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"7", b"\xff", "{}", np.arange(3), b"[" * 50_000])
def test_a_file_without_provenance_is_refused(tmp_path, text):
    path = tmp_path / "x.h5"
    write(path, np.arange(5))
    with h5py.File(path, "r+") as file:
        file.attrs["provenance"] = np.bytes_(text) if isinstance(text, bytes) else text
    with (
        storage.open_weights(path) as file,
        pytest.raises(InfoplaneError, match=r"x.h5: this file does not say what it was made with"),
    ):
        storage.read_provenance(file)


def test_a_long_provenance_comes_back(tmp_path):
    provenance = {"settings": "é" * 200_000}
    write(tmp_path / "x.h5", np.arange(5), provenance)
    with storage.open_weights(tmp_path / "x.h5") as file:
        assert storage.read_provenance(file) == provenance


def test_a_file_that_cannot_be_read_now_is_not_called_damaged(tmp_path):
    path = tmp_path / "x.h5"
    write(path, np.arange(5))
    with open(path) as locked:
        fcntl.flock(locked, fcntl.LOCK_EX)
        sentence = r"x.h5: another process is writing this file"
        with pytest.raises(InfoplaneError, match=sentence), storage.open_weights(path):
            pass


@pytest.fixture(scope="module")
def whole_file(tmp_path_factory) -> tuple[bytes, Path]:
    """The content of a file of weights, and where to write it, damaged."""
    path = tmp_path_factory.mktemp("flip") / "x.h5"
    write(path, np.arange(500.0))
    return path.read_bytes(), path


@settings(max_examples=300, deadline=None)
@given(at=st.integers(0, 10**9), bit=st.integers(0, 7))
def test_no_flipped_bit_gives_a_traceback_or_a_wrong_number(whole_file, at, bit):
    content, path = bytearray(whole_file[0]), whole_file[1]
    content[at % len(content)] ^= 1 << bit
    path.write_bytes(content)
    try:
        with storage.open_weights(path) as file:
            assert storage.read_provenance(file) == {"run": "x"}
            for name, values in arrays(np.arange(500.0)).items():
                assert np.array_equal(file[name][:], values)
    except InfoplaneError as error:
        assert str(path) in str(error)  # noqa: PT017


@pytest.mark.parametrize("name", ["t.parquet", "t.csv"])
def test_tables_come_back_with_their_provenance(tmp_path, name):
    table = pd.DataFrame({"run": ["a", "b"], "i_tx": [1.5, np.nan]})
    storage.write_table(table, tmp_path / name, {"settings": "s"})
    pd.testing.assert_frame_equal(storage.read_table(tmp_path / name), table)
    assert storage.read_table_provenance(tmp_path / name) == {"settings": "s"}


@pytest.fixture(scope="module")
def whole_tables(tmp_path_factory) -> tuple[pd.DataFrame, dict[str, bytes], Path]:
    """A table, its files by name, and a folder to damage them in."""
    folder = tmp_path_factory.mktemp("tables")
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"run": ["tanh", "relu"] * 100, "seed": np.arange(200) % 7, "i_tx": rng.normal(size=200)})
    for name in ("t.parquet", "t.csv"):
        storage.write_table(table, folder / name, {"settings": "s"})
    return table, {path.name: path.read_bytes() for path in folder.iterdir()}, folder


@settings(max_examples=300, deadline=None)
@given(name=st.sampled_from(["t.parquet", "t.csv"]), at=st.integers(0, 10**9), bit=st.integers(0, 7), cut=st.booleans())
def test_no_damage_of_a_table_gives_a_traceback_or_a_wrong_number(whole_tables, name, at, bit, cut):
    table, files, folder = whole_tables
    content = bytearray(files[name])
    at %= len(content)
    content[at] ^= 1 << bit
    path = folder / name
    path.write_bytes(content[:at] if cut else content)
    of_tanh = table[table["run"] == "tanh"].reset_index(drop=True)
    reads = [
        (storage.read_table, table),
        (lambda path: storage.read_rows(path, "run", "tanh"), of_tanh),
        (
            lambda path: pd.DataFrame({"run": storage.read_distinct(path, "run")}),
            pd.DataFrame({"run": ["tanh", "relu"]}),
        ),
        (storage.read_table_provenance, {"settings": "s"}),
    ]
    for read, expected in reads[: 1 if name == "t.csv" else None]:
        try:
            found = read(path)
        except InfoplaneError as error:
            assert str(path) in str(error)  # noqa: PT017
        else:
            assert found.equals(expected) if isinstance(expected, pd.DataFrame) else found == expected


def test_a_bit_that_is_flipped_in_any_byte_of_a_parquet_table_is_noticed(whole_tables):
    _, files, folder = whole_tables
    path = folder / "t.parquet"
    for at, byte in enumerate(files["t.parquet"]):
        content = bytearray(files["t.parquet"])
        content[at] = byte ^ (1 << at % 8)
        path.write_bytes(content)
        with pytest.raises(InfoplaneError, match=str(path)):
            storage.read_table_provenance(path)


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
from infoplane.files import storage
from infoplane.activity.recording import open_recording
from infoplane.errors import InfoplaneError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
try:
    with storage.create(Path(sys.argv[1]), "activations", {}) as file:
        dump = file.create_dataset("values", (8, 16384), np.float32, chunks=(1, 16384), fletcher32=True)
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
    assert (done.returncode, done.stderr) == (0, "")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_gives_one_sentence(tmp_path):
    (tmp_path / "results").write_text("a file where a folder belongs")
    with pytest.raises(InfoplaneError, match=r"results.*: this folder cannot be made \(Not a directory\)"):
        write(tmp_path / "results/study/x.h5", np.arange(3))


WRITE_A_TABLE = """
import sys
from pathlib import Path
import pandas as pd
from infoplane.files import storage
from infoplane.activity.recording import open_recording
from infoplane.errors import InfoplaneError
for name in sys.argv[1:]:
    try:
        storage.write_table(pd.DataFrame({"i_tx": [1.0]}), Path(name), {})
    except InfoplaneError as error:
        print(error)
"""
# Root may write everywhere, unless it gives that up.
AS_ANYONE = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all"] * (os.geteuid() == 0)


@pytest.mark.skipif(bool(AS_ANYONE) and not shutil.which("setpriv"), reason="root may write into a read-only folder")
def test_a_read_only_folder_gives_one_sentence(tmp_path):
    finished = tmp_path / "finished.csv"
    finished.write_text("i_tx\n2.0\n")
    tmp_path.chmod(0o500)
    names = [tmp_path / "x.parquet", finished, tmp_path / "new/x.csv"]
    done = subprocess.run(
        [*AS_ANYONE, sys.executable, "-c", WRITE_A_TABLE, *names], capture_output=True, text=True, check=True
    )
    tmp_path.chmod(0o700)
    assert done.stdout.splitlines() == [
        f"{names[0]}: this file cannot be written (Permission denied); nothing finished is lost",
        f"{finished}: this file cannot be written (Permission denied); nothing finished is lost",
        f"{tmp_path}/new: this folder cannot be made (Permission denied)",
    ]
    assert done.stderr == ""
    assert finished.read_text() == "i_tx\n2.0\n"
    assert list(tmp_path.iterdir()) == [finished]


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
