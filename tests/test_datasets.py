"""Data sets, their records, and the split."""

import dataclasses
import gzip
import hashlib
import io
import os
import pickle
import re
import struct
import tracemalloc
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.io
import scipy.sparse
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from infoplane import datasets, estimators
from infoplane.datasets import Dataset, idx
from infoplane.errors import InfoplaneError
from infoplane.files import arrays
from infoplane.settings import Initialisation, RecordedEpochs, RunSettings, Split

# Neighbours and opposite vertices written out, as a second source beside the coordinates in the module.
NEIGHBOURS = {
    0: (1, 3, 5, 10, 11), 1: (0, 2, 3, 4, 11), 2: (1, 3, 4, 8, 9), 3: (0, 1, 2, 8, 10),
    4: (1, 2, 6, 9, 11), 5: (0, 6, 7, 10, 11), 6: (4, 5, 7, 9, 11), 7: (5, 6, 8, 9, 10),
    8: (2, 3, 7, 9, 10), 9: (2, 4, 6, 7, 8), 10: (0, 3, 5, 7, 8), 11: (0, 1, 4, 5, 6),
}  # fmt: skip
OPPOSITE = {0: 9, 1: 7, 2: 5, 3: 6, 4: 10, 8: 11}


@pytest.fixture(scope="module")
def szt():
    return datasets.load("szt")


def test_szt_is_the_published_benchmark(szt):
    assert szt.name == "szt"
    assert szt.inputs.shape == (4096, 12)
    assert szt.inputs.dtype == np.float32
    assert szt.labels.shape == (4096,)
    assert szt.labels.dtype == np.int64
    digest = hashlib.sha256(szt.labels.astype(np.uint8).tobytes()).hexdigest()
    assert digest == "77732f16f85e91b49d3997196b56163b3bd362d8cf631468a8de3f986e88359f"
    assert szt.labels.sum() == 2118


def test_szt_rows_count_in_binary_with_the_most_significant_digit_first(szt):
    assert np.array_equal(szt.inputs @ 2.0 ** np.arange(11, -1, -1), np.arange(4096))


def test_szt_labels_follow_from_the_neighbours(szt):
    for i in (0, 1, 77, 1234, 2500, 4095):
        active = {c for c in range(12) if szt.inputs[i, c]}
        k = len(active)
        a = sum(other in active for vertex in active for other in NEIGHBOURS[vertex]) // 2
        o = sum(one in active and other in active for one, other in OPPOSITE.items())
        assert szt.labels[i] == (114 * k - 11 * k**2 + 24 * a - 12 * o >= 430)


def test_entropies_of_szt(szt):
    assert szt.input_entropy == 12.0
    assert szt.label_entropy == pytest.approx(0.999157, abs=1e-6)
    assert szt.input_ids is None


def test_a_data_set_cannot_be_changed(szt):
    with pytest.raises(ValueError, match="read-only"):
        szt.inputs[0, 0] = 1
    with pytest.raises(ValueError, match="read-only"):
        szt.labels[0] = 1
    with pytest.raises(AttributeError):
        szt.labels = None


def test_a_data_set_does_not_hold_on_to_the_callers_arrays():
    inputs, labels = np.zeros((3, 2), np.float32), np.array([0, 1, 1])
    dataset = Dataset("own", inputs, labels)
    inputs[0, 0] = 5
    assert dataset.inputs[0, 0] == 0
    assert inputs.flags.writeable


def test_repeated_inputs_are_named_and_lower_the_entropy():
    dataset = Dataset("own", np.array([[0.0, 1], [2, 3], [-0.0, 1], [4, 4]]), np.array([0, 1, 2, 0]))
    ids = dataset.input_ids
    assert ids[0] == ids[2]
    assert len(set(ids)) == 3
    assert dataset.input_entropy == pytest.approx(1.5)
    assert dataset.classes == 3


@pytest.mark.parametrize(
    ("inputs", "labels", "sentence"),
    [
        (np.zeros(4), np.zeros(4, int), "inputs have the shape"),
        (np.zeros((4, 0)), np.zeros(4, int), "inputs have the shape"),
        (np.zeros((4, 2)), np.zeros(3, int), "labels have the shape"),
        (np.full((4, 2), np.nan), np.zeros(4, int), "NaN or infinity"),
        (np.zeros((4, 2)), np.full(4, -1), "smallest label is -1"),
    ],
)
def test_malformed_data_are_refused(inputs, labels, sentence):
    with pytest.raises(InfoplaneError, match=sentence):
        Dataset("own", inputs, labels)


def test_unknown_names_and_options_are_refused():
    with pytest.raises(InfoplaneError, match=r"no data set 'sztt'; allowed are .*szt"):
        datasets.load("sztt")
    with pytest.raises(InfoplaneError, match="has no option 'sed'; allowed are none"):
        datasets.load("szt", sed=1)
    with pytest.raises(InfoplaneError, match="data set npz: the option path is 5; it must be a text"):
        datasets.files("npz", path=5)
    with pytest.raises(InfoplaneError, match="the option samples is True; it must be a whole number"):
        datasets.files("mnist", folder="x", samples=True)
    with pytest.raises(InfoplaneError, match="data set shuffled: seed is -1; it must be at least 0"):
        datasets.load("shuffled", seed=-1)


def test_shuffled_split(szt):
    training, test = datasets.split(szt, Split(0.8, 0, "shuffled", False))
    assert len(training) == 3277
    assert np.array_equal(np.sort(np.concatenate([training, test])), np.arange(4096))
    again, _ = datasets.split(szt, Split(0.8, 0, "shuffled", False))
    other, _ = datasets.split(szt, Split(0.8, 1, "shuffled", False))
    assert np.array_equal(training, again)
    assert not np.array_equal(training, other)


def test_ordered_split_is_that_of_the_published_code(szt):
    training, test = datasets.split(szt, Split(0.8, 0, "ordered", False))
    assert np.array_equal(training, np.arange(3277))
    assert szt.labels[training].mean() == pytest.approx(0.437, abs=0.001)
    assert szt.labels[test].mean() == pytest.approx(0.836, abs=0.001)
    assert (szt.inputs[test][:, :2] == 1).all()


@pytest.mark.parametrize("order", ["shuffled", "ordered"])
def test_stratified_split_keeps_the_proportions(szt, order):
    training, test = datasets.split(szt, Split(0.8, 0, order, True))
    share = szt.labels.mean()
    assert szt.labels[training].mean() == pytest.approx(share, abs=2e-4)
    assert szt.labels[test].mean() == pytest.approx(share, abs=2e-3)


def test_an_empty_part_is_refused():
    dataset = Dataset("own", np.eye(3), np.array([0, 1, 1]))
    with pytest.raises(InfoplaneError, match="no test samples"):
        datasets.split(dataset, Split(0.99, 0, "shuffled", False))
    with pytest.raises(InfoplaneError, match="no training samples"):
        datasets.split(dataset, Split(0.01, 0, "shuffled", False))


def test_parity_needs_every_bit():
    parity = datasets.load("parity")
    flipped = parity.inputs.copy()
    flipped[:, 5] = 1 - flipped[:, 5]
    rows = (flipped @ 2.0 ** np.arange(11, -1, -1)).astype(int)
    assert np.array_equal(parity.labels[rows], 1 - parity.labels)
    assert parity.label_entropy == 1.0


def test_shuffled_labels_are_those_of_szt_in_another_order(szt):
    shuffled = datasets.load("shuffled", seed=3)
    assert np.array_equal(np.sort(shuffled.labels), np.sort(szt.labels))
    assert abs(np.corrcoef(shuffled.labels, szt.labels)[0, 1]) < 0.06
    assert np.array_equal(shuffled.labels, datasets.load("shuffled", seed=3).labels)
    assert not np.array_equal(shuffled.labels, datasets.load("shuffled", seed=4).labels)


def test_digits():
    digits = datasets.load("digits")
    assert digits.inputs.shape == (1797, 64)
    assert (digits.inputs.min(), digits.inputs.max()) == (0, 1)
    assert digits.classes == 10
    # One class in ten of nearly equal size.
    assert digits.label_entropy == pytest.approx(np.log2(10), abs=1e-3)


def test_a_users_archive(tmp_path):
    path = str(tmp_path / "own.npz")
    np.savez(path, inputs=np.eye(4), labels=np.array([0, 1, 2, 0]))
    own = datasets.load("npz", path=path)
    assert np.array_equal(own.inputs, np.eye(4, dtype=np.float32))
    assert own.classes == 3
    assert datasets.files("npz", path=path) == [Path(path)]
    assert datasets.files("szt") == []


class _Bomb:
    def __reduce__(self):
        return (Path.touch, (Path("executed"),))


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("missing", "there is no such file"),
        ("text", "not a NumPy archive"),
        ("truncated", "not a NumPy archive"),
        ("empty", "not a NumPy archive"),
        ("single", "this is a single array"),
        ("other", "there is no array 'inputs'; found are 'x', needed"),
        ("pickled", "this is a pickle; it must be an archive that numpy.savez"),
        ("objects", "not a NumPy archive of plain arrays"),
        ("texts", "labels: the type is <U1 .texts., and whole numbers are needed"),
        ("fractions", "labels have the value 0.5; they must be whole numbers"),
        ("folder", "there is no such file"),
        ("pipe", "there is no such file"),
        ("ragged", r"labels have the shape \(2,\)"),
        ("infinite", "inputs contain NaN or infinity"),
        ("large", "inputs contain NaN or infinity"),
        ("classes", "the largest label is 1000000000000; classes count from 0, and there are only 3 samples"),
    ],
)
def test_archives_that_are_refused(tmp_path, monkeypatch, name, sentence):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "own.npz"
    inputs, labels = np.eye(3), np.array([0, 1, 0])
    if name == "text":
        path.write_text("inputs,labels")
    elif name == "empty":
        path.write_bytes(b"")
    elif name == "truncated":
        np.savez(path, inputs=inputs, labels=labels)
        path.write_bytes(path.read_bytes()[:-100])
    elif name == "single":
        with open(path, "wb") as file:
            np.save(file, inputs)
    elif name == "other":
        np.savez(path, x=inputs)
    elif name == "pickled":
        path.write_bytes(pickle.dumps(_Bomb()))
    elif name == "objects":
        np.savez(path, inputs=np.array([_Bomb()] * 3), labels=labels)
    elif name == "texts":
        np.savez(path, inputs=inputs, labels=np.array(["a", "b", "c"]))
    elif name == "fractions":
        np.savez(path, inputs=inputs, labels=labels / 2)
    elif name == "folder":
        path.mkdir()
    elif name == "pipe":
        os.mkfifo(path)
    elif name == "ragged":
        np.savez(path, inputs=inputs, labels=labels[:2])
    elif name == "infinite":
        np.savez(path, inputs=inputs + np.inf, labels=labels)
    elif name == "large":
        np.savez(path, inputs=inputs * 1e300, labels=labels)
    elif name == "classes":
        np.savez(path, inputs=inputs, labels=labels * 10**12)
    with pytest.raises(InfoplaneError, match=sentence) as raised:
        datasets.load("npz", path=str(path))
    assert str(path) in str(raised.value)
    assert not (tmp_path / "executed").exists()


def crafted(members: list[tuple[str, bytes]], compression: int) -> bytearray:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names that come twice
        for name, content in members:
            archive.writestr(name, content)
    return bytearray(buffer.getvalue())


def npy_file(descr: object, shape: object, content: bytes, *, fortran_order: object = False, version: int = 1) -> bytes:
    header = repr({"descr": descr, "fortran_order": fortran_order, "shape": shape}).encode() + b"\n"
    size = struct.pack("<H" if version == 1 else "<I", len(header))
    return b"\x93NUMPY" + bytes([version, 0]) + size + header + content


_DESCRIPTIONS = [
    "<f4",
    "<f8",
    ">i8",
    "<i8",
    "|u1",
    "|b1",
    "<U1",
    "|O",
    "|V8",
    "<c8",
    "<M8[s]",
    "<f2",
    [("a", "<f4")],
    "x",
    7,
]
_NPY = st.builds(
    npy_file,
    st.sampled_from(_DESCRIPTIONS),
    st.sampled_from([(3, 2), (3,), (6,), (), (-1,), (10**12,), (2**62, 4), (3, 0), "x", (3.5,), (None,)]),
    st.sampled_from([b"", bytes(6), bytes(12), bytes(24), bytes(48), b"\xff" * 24, pickle.dumps(_Bomb())]),
    fortran_order=st.sampled_from([False, True, 5]),
    version=st.sampled_from([1, 1, 1, 2, 3, 9]),
)
_WHOLE = {
    "inputs.npy": npy_file("<f4", (3, 2), np.arange(6, dtype="<f4").tobytes()),
    "labels.npy": npy_file("<i8", (3,), np.array([0, 1, 0], "<i8").tobytes()),
}
_NAMES = st.sampled_from(
    ["inputs.npy", "labels.npy", "../inputs.npy", "/labels.npy", "inputs.npy/x", "inputs", "x\n.npy"]
)


@settings(max_examples=250, deadline=None)
@given(data=st.data())
def test_no_archive_gives_a_traceback_runs_code_or_fills_the_memory(tmp_path_factory, data):
    members = {**_WHOLE, **data.draw(st.dictionaries(_NAMES, _NPY, max_size=2))}
    again = data.draw(st.lists(st.tuples(_NAMES, _NPY), max_size=1))
    content = crafted([*members.items(), *again], data.draw(st.sampled_from([0, 0, 8, 12, 14])))
    for at, bit in data.draw(st.lists(st.tuples(st.integers(0, len(content) - 1), st.integers(0, 7)), max_size=3)):
        content[at] ^= 1 << bit
    path = tmp_path_factory.getbasetemp() / "crafted.npz"
    path.write_bytes(content[: data.draw(st.just(len(content)) | st.integers(0, len(content)))])
    tracemalloc.start()
    try:
        for read in (datasets.load, datasets.shape):
            try:
                read("npz", path=str(path))
            except InfoplaneError as error:
                assert str(error).startswith(f"{path}: ")  # noqa: PT017
                assert "\n" not in str(error)  # noqa: PT017
        assert tracemalloc.get_traced_memory()[1] < 5e6
    finally:
        tracemalloc.stop()
    assert not Path("executed").exists()


def test_an_archive_that_unpacks_to_more_than_is_allowed_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "own.npz"
    monkeypatch.setattr(datasets.unpacking, "LARGEST", 10**6)
    np.savez_compressed(path, inputs=np.zeros((2_000_000, 2), np.float32), labels=np.zeros(9, np.int8))
    assert path.stat().st_size < 50_000
    with pytest.raises(InfoplaneError, match=r"own.npz: .*16000000 bytes are declared; allowed are 1000000"):
        datasets.load("npz", path=str(path))
    # The same archive, which now declares less than it unpacks to.
    path.write_bytes(path.read_bytes().replace(struct.pack("<I", 16_000_128), struct.pack("<I", 900_128)))
    tracemalloc.start()
    with pytest.raises(InfoplaneError, match=r"own.npz: this is not a NumPy archive of plain arrays"):
        datasets.load("npz", path=str(path))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 6e6


def test_shapes_are_those_of_the_data(tmp_path):
    np.savez(tmp_path / "own.npz", inputs=np.eye(4, 3), labels=np.array([0, 1, 2, 0]))
    assert datasets.shape("npz", path=str(tmp_path / "own.npz")) == (4, 3, 3)
    assert datasets.shape("mnist", folder="anywhere") == (70_000, 784, 10)
    assert datasets.shape("fashion_mnist", folder="anywhere", samples=500) == (500, 784, 10)
    for name in ("szt", "digits"):
        data = datasets.load(name)
        assert datasets.shape(name) == (*data.inputs.shape, data.classes)


def idx_file(array: np.ndarray) -> bytes:
    header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return gzip.compress(header + array.astype(np.uint8).tobytes())


@pytest.fixture
def idx_folder(tmp_path):
    rng = np.random.default_rng(0)
    arrays = {
        "a-images.gz": rng.integers(0, 256, (5, 4, 3)), "a-labels.gz": np.arange(5) % 3,
        "b-images.gz": rng.integers(0, 256, (2, 4, 3)), "b-labels.gz": np.array([2, 1]),
    }  # fmt: skip
    for name, array in arrays.items():
        (tmp_path / name).write_bytes(idx_file(array))
    checksums = {name: hashlib.md5((tmp_path / name).read_bytes()).hexdigest() for name in arrays}
    return tmp_path, arrays, checksums


def test_idx_files_are_read_training_images_first(idx_folder):
    folder, arrays, checksums = idx_folder
    dataset = idx.read("own", str(folder), checksums, 0)
    images = np.concatenate([arrays["a-images.gz"], arrays["b-images.gz"]]).reshape(7, 12)
    assert np.allclose(dataset.inputs, images / 255)
    assert dataset.labels.tolist() == [0, 1, 2, 0, 1, 2, 1]
    assert len(idx.read("own", str(folder), checksums, 3).labels) == 3


def test_idx_files_that_are_not_the_published_ones_are_refused(idx_folder):
    folder, _, checksums = idx_folder
    with pytest.raises(InfoplaneError, match="samples is 8; allowed are 0"):
        idx.read("own", str(folder), checksums, 8)
    (folder / "b-labels.gz").write_bytes(idx_file(np.array([1, 2])))
    with pytest.raises(InfoplaneError, match=r"b-labels.gz: its MD5 is .*; that of own is"):
        idx.read("own", str(folder), checksums, 0)
    (folder / "b-labels.gz").unlink()
    with pytest.raises(InfoplaneError, match=r"b-labels.gz: there is no such file; put the files a-images.gz,"):
        idx.read("own", str(folder), checksums, 0)


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_no_idx_content_gives_a_traceback_or_fills_the_memory(data):
    start = data.draw(st.sampled_from([b"\0\0\x08", b"\0\0\x0d", b"\x08", b""]))
    sizes = data.draw(st.lists(st.sampled_from([0, 1, 2, 3, 2**31, 2**32 - 1]), max_size=4))
    dimensions = data.draw(st.just(len(sizes)) | st.integers(0, 255))
    raw = start + bytes([dimensions]) + struct.pack(f">{len(sizes)}I", *sizes) + bytes(data.draw(st.integers(0, 12)))
    content = bytearray(gzip.compress(raw, mtime=0))
    for at, bit in data.draw(st.lists(st.tuples(st.integers(0, len(content) - 1), st.integers(0, 7)), max_size=3)):
        content[at] ^= 1 << bit
    end = data.draw(st.just(len(content)) | st.integers(0, len(content)))
    tracemalloc.start()
    try:
        array = idx.parse(bytes(content[:end]), Path("x.gz"))
    except InfoplaneError as error:
        assert str(error).startswith("x.gz: this is not")  # noqa: PT017
    else:
        assert array.dtype == np.uint8
    finally:
        assert tracemalloc.get_traced_memory()[1] < 5e6
        tracemalloc.stop()


@pytest.mark.parametrize(
    "content",
    # Without the time, since the workers of pytest-xdist must give the tests the same names.
    [b"", gzip.compress(b"", mtime=0), gzip.compress(b"\0\0\x08\x01\0\0\0\x05abc", mtime=0), b"text"],
)
def test_idx_content_that_is_malformed_is_refused(content):
    with pytest.raises(InfoplaneError, match=r"x.gz: this is not"):
        idx.parse(content, Path("x.gz"))


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_image_data_are_asked_for_where_they_are_missing(tmp_path, name):
    with pytest.raises(
        InfoplaneError, match=f"put the files train-images-idx3-ubyte.gz, .* of {name} into that folder"
    ):
        datasets.load(name, folder=str(tmp_path))
    assert len(datasets.files(name, folder=str(tmp_path))) == 4


# What people bring

_INPUTS = np.array([[0, 1], [2, 3], [4, 5], [6, 7], [8, 0], [3, 1]])
_LABELS = np.array([0, 1, 1, 2, 0, 2])
_MASK = np.zeros((6, 2), bool)
_MASK[1, 0] = True
_ONE_BY_ONE = [*map(list, _INPUTS[:-1]), [3]]
_FIELDS = np.zeros(6, [("a", "f4"), ("b", "f4")])
_DATES = _INPUTS.astype("M8[D]")
_NUMBERED = pd.DataFrame({"a": _INPUTS[:, 0], "b": _INPUTS[:, 1]})
# What it is, the array, and what is said where it is refused: by a data set, and by the estimators if otherwise.
AS_INPUTS = {
    "float32": (_INPUTS.astype("f4"), None),
    "float64": (_INPUTS.astype("f8"), None),
    "float16": (_INPUTS.astype("f2"), None),
    "longdouble": (_INPUTS.astype(np.longdouble), None),
    "images of bytes": (_INPUTS.astype("u1"), None),
    "integers": (_INPUTS.astype("i8"), None),
    "booleans": (_INPUTS % 2 == 1, None),
    "by columns": (np.asfortranarray(_INPUTS.astype("f8")), None),
    "a view with steps": (np.repeat(_INPUTS, 2, axis=0)[::2], None),
    "big-endian": (_INPUTS.astype(">f4"), None),
    "big-endian integers": (_INPUTS.astype(">i2"), None),
    "lists": (_INPUTS.tolist(), None),
    "a frame of pandas": (_NUMBERED, None),
    "a frame of several types": (_NUMBERED.astype({"a": "f4", "b": "i2"}), None),
    "a tensor": (torch.tensor(_INPUTS, dtype=torch.float32), None),
    "a tensor with gradient": (torch.tensor(_INPUTS, dtype=torch.float32, requires_grad=True), None),
    "masked, but no value": (np.ma.masked_array(_INPUTS, False), None),
    "masked": (np.ma.masked_array(_INPUTS, _MASK), "1 of 12 values are masked; .*select them first"),
    "objects": (_INPUTS.astype(object), "Python objects.*astype"),
    "a frame with texts": (_NUMBERED.assign(b=list("abcdef")), "Python objects"),
    "texts": (_INPUTS.astype(str), "texts"),
    "complex numbers": (_INPUTS + 1j, "complex128"),
    "dates": (_DATES, "dates"),
    "durations": (_DATES - _DATES[0], "durations"),
    "records": (_FIELDS, "records"),
    "of several lengths": (_ONE_BY_ONE, "cannot be read as an array"),
    "sparse": (scipy.sparse.csr_matrix(_INPUTS), "no array; .*toarray"),
    "a sparse tensor": (torch.tensor(_INPUTS).to_sparse(), "cannot be read as an array"),
    "a bfloat16 tensor": (torch.tensor(_INPUTS, dtype=torch.bfloat16), "cannot be read as an array"),
    "NaN": (np.where(_MASK, np.nan, _INPUTS), "NaN or infinit"),
    "infinity": (np.where(_MASK, np.inf, _INPUTS), "NaN or infinit"),
    "a single number": (np.array(5.0), r"shape \(\)"),
    "one axis": (np.arange(6.0), r"shape \(6,\)"),
    "empty": (np.zeros((0, 2)), r"shape \(0, 2\)"),
    "without features": (np.zeros((6, 0)), r"shape \(6, 0\)"),
    "nothing": (None, "NoneType is no array"),
    "a set": ({1, 2}, "set is no array"),
}  # fmt: skip
AS_LABELS = {
    "integers": (_LABELS, None),
    "int8": (_LABELS.astype("i1"), None),
    "uint64": (_LABELS.astype("u8"), None),
    "big-endian": (_LABELS.astype(">i4"), None),
    "whole floats": (_LABELS.astype("f8"), None),
    "whole float16": (_LABELS.astype("f2"), None),
    "list": (_LABELS.tolist(), None),
    "column": (_LABELS[:, None], None),
    "row": (_LABELS[None], None),
    "series": (pd.Series(_LABELS), None),
    "nullable series": (pd.Series(_LABELS, dtype="Int64"), None),
    "tensor": (torch.tensor(_LABELS), None),
    "float tensor": (torch.tensor(_LABELS, dtype=torch.float32), None),
    "masked, but no value": (np.ma.masked_array(_LABELS, False), None),
    "masked": (np.ma.masked_array(_LABELS, _MASK[:, 0]), "1 of 6 values are masked"),
    "fractions": (_LABELS / 2, "labels have the value 0.5; they must be whole numbers"),
    "NaN": (np.where(_MASK[:, 0], np.nan, _LABELS), "labels have the value nan"),
    "infinity": (np.where(_MASK[:, 0], -np.inf, _LABELS), "labels have the value -inf"),
    "beyond exact floats": (_LABELS * 1e300, "labels have the value 1e.300"),
    "texts": (_LABELS.astype(str), "texts.*numpy.unique"),
    "bytes": (_LABELS.astype("S"), "texts"),
    "objects": (_LABELS.astype(object), "Python objects"),
    "categories": (pd.Categorical(list("abbcac")), "numpy.unique"),
    "one-hot": (np.eye(3)[_LABELS], r"shape \(6, 3\).*argmax"),
    "one too few": (_LABELS[1:], r"shape \(5,\); they must be \(6,\)"),
    "complex": (_LABELS + 0j, "complex128"),
    "dates": (_LABELS.astype("M8[D]"), "dates"),
    "a single number": (np.array(1), r"shape \(\)"),
}  # fmt: skip


@pytest.mark.parametrize("kind", AS_INPUTS)
def test_inputs_as_people_have_them(kind):
    array, refused = AS_INPUTS[kind]
    if refused:
        with pytest.raises(InfoplaneError, match=f"^data set own: inputs.*{refused}") as raised:
            Dataset("own", array, _LABELS)
        assert "\n" not in str(raised.value)
        with pytest.raises(InfoplaneError, match=f"^activity.*{refused}"):
            estimators.ebab(array, _LABELS, bins=3)
        return
    expected = _INPUTS % 2 if kind == "booleans" else _INPUTS
    dataset = Dataset("own", array, _LABELS)
    assert dataset.inputs.tolist() == expected.tolist()
    assert dataset.inputs.dtype == np.dtype("f4")
    known = estimators.ebab(expected.astype("f8"), _LABELS, bins=3)
    assert np.allclose(estimators.ebab(array, _LABELS, bins=3), known)
    assert np.allclose(estimators.kde(array, _LABELS), estimators.kde(expected.astype("f8"), _LABELS), rtol=1e-5)


@pytest.mark.parametrize("kind", AS_LABELS)
def test_labels_as_people_have_them(kind):
    array, refused = AS_LABELS[kind]
    activity = _INPUTS.astype("f4")
    if refused:
        with pytest.raises(InfoplaneError, match=f"^data set own: labels.*{refused}|^data set own: .*{refused}"):
            Dataset("own", activity, array)
        with pytest.raises(InfoplaneError, match=refused):
            estimators.ebab(activity, array, bins=3)
        return
    assert Dataset("own", activity, array).labels.tolist() == _LABELS.tolist()
    assert estimators.ebab(activity, array, bins=3) == estimators.ebab(activity, _LABELS, bins=3)
    assert estimators.ebab(activity, _LABELS, input_ids=array) == estimators.ebab(activity, _LABELS, input_ids=_LABELS)


@pytest.mark.parametrize("dtype", [">f4", ">f8", ">i2", "<f4"])
def test_arrays_are_brought_into_the_machines_byte_order(dtype):
    brought = arrays.plain(_INPUTS.astype(dtype), "x")
    assert brought.dtype.isnative
    assert brought.tolist() == _INPUTS.tolist()
    own = _INPUTS.astype("f4")
    assert np.shares_memory(arrays.plain(own, "x"), own)


def test_a_huge_label_is_shown_as_it_is():
    labels = _LABELS.astype("u8")
    labels[2] = 2**64 - 1
    with pytest.raises(InfoplaneError, match="the largest label is 18446744073709551615"):
        Dataset("own", _INPUTS, labels)
    # Estimators only ask which labels are equal.
    assert estimators.ebab(_INPUTS, labels, bins=3) == estimators.ebab(_INPUTS, [0, 1, 7, 2, 0, 2], bins=3)


def test_booleans_as_labels():
    assert Dataset("own", _INPUTS, _LABELS > 0).labels.tolist() == [0, 1, 1, 1, 0, 1]


def test_samples_that_are_not_masked_give_what_they_give_alone():
    # The sentence that refuses masked arrays says how to select samples; with it the fill values play no part.
    rng = np.random.default_rng(7)
    activity, labels = rng.normal(size=(300, 3)), np.arange(300) % 2
    hidden = np.ma.masked_array(np.where(rng.random((300, 3)) < 0.05, 1e20, activity), None)
    hidden = np.ma.masked_greater(hidden, 1e19)
    with pytest.raises(InfoplaneError, match=r"activity: [0-9]+ of 900 values are masked"):
        estimators.ebab(hidden, labels, bins=10)
    kept = ~np.ma.getmaskarray(hidden).any(axis=1)
    assert 0 < kept.sum() < 300
    assert estimators.ebab(hidden[kept], labels[kept], bins=10) == estimators.ebab(
        activity[kept], labels[kept], bins=10
    )


def _written(path: Path, kind: str) -> None:
    if kind == "npy":
        with path.open("wb") as file:
            np.save(file, _INPUTS)
    elif kind == "csv":
        _NUMBERED.to_csv(path)
    elif kind == "csv.gz":
        _NUMBERED.to_csv(path, compression="gzip")
    elif kind == "h5":
        import h5py

        with h5py.File(path, "w") as file:
            file["inputs"] = _INPUTS
    elif kind == "mat":
        scipy.io.savemat(path, {"inputs": _INPUTS}, appendmat=False)
    elif kind == "pt":
        torch.save({"inputs": torch.tensor(_INPUTS)}, path)
    elif kind == "parquet":
        _NUMBERED.to_parquet(path)
    elif kind == "rds":  # what saveRDS(1L, compress = FALSE) writes begins with X; save() writes RDX3
        path.write_bytes(b"RDX3\nX\n\0\0\0\3")
    elif kind == "pickle":
        path.write_bytes(pickle.dumps(_INPUTS))
    elif kind == "objects":
        np.savez(path, inputs=_NUMBERED.assign(b=list("abcdef")).to_numpy(), labels=_LABELS)


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("npy", "this is a single array"),
        ("csv", "not a NumPy archive"),
        ("csv.gz", "this is a gzip-compressed file"),
        ("h5", "this is an HDF5 file"),
        ("mat", "this is a file of MATLAB"),
        ("pt", "this is a file of PyTorch"),
        ("parquet", "this is a Parquet file"),
        ("rds", "this is a file of R"),
        ("pickle", "this is a pickle"),
        ("objects", "inputs are Python objects"),
    ],
)
def test_files_as_people_have_them(tmp_path, kind, sentence):
    path = tmp_path / "own.npz"
    _written(path, kind)
    for read in (datasets.load, datasets.shape):
        with pytest.raises(InfoplaneError, match=f"own.npz: .*{sentence}") as raised:
            read("npz", path=str(path))
        if "PyTorch" in sentence or "this is" in sentence:
            assert "numpy.savez(path, inputs=..., labels=...)" in str(raised.value)


@pytest.mark.parametrize("kind", ["float64", "images of bytes", "by columns", "big-endian", "booleans", "float16"])
def test_archives_of_other_types_are_read(tmp_path, kind):
    array = AS_INPUTS[kind][0]
    np.savez(tmp_path / "own.npz", inputs=array, labels=_LABELS[:, None].astype(">f8"))
    own = datasets.load("npz", path=str(tmp_path / "own.npz"))
    assert own.inputs.tolist() == array.astype("f8").tolist()
    assert own.labels.tolist() == _LABELS.tolist()
    assert datasets.shape("npz", path=str(tmp_path / "own.npz")) == (6, 2, 3)


@pytest.mark.parametrize(
    ("inputs", "labels", "sentence"),
    [
        (np.zeros((0, 2)), np.zeros(0, int), r"inputs have the shape \(0, 2\)"),
        (np.zeros((6, 2, 3)), _LABELS, r"shape \(6, 2, 3\).*reshape"),
        (np.zeros(6), _LABELS, r"inputs have the shape \(6,\)"),
        (np.array(5.0), _LABELS, r"inputs have the shape \(\)"),
        (_INPUTS, np.zeros(0, int), r"labels have the shape \(0,\)"),
        (_INPUTS, np.array(1), r"labels have the shape \(\)"),
        (_INPUTS, -_LABELS, "the smallest label is -2"),
    ],
)
def test_shapes_are_refused_in_the_same_words_with_and_without_loading(tmp_path, inputs, labels, sentence):
    path = str(tmp_path / "own.npz")
    np.savez(path, inputs=inputs, labels=labels)
    said = []
    for read in (datasets.load, datasets.shape):
        with pytest.raises(InfoplaneError, match=f"own.npz: .*{sentence}") as raised:
            read("npz", path=path)
        said.append(str(raised.value).replace("data set npz: ", ""))
    assert said[0] == said[1]


def test_a_path_may_begin_with_a_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    np.savez(tmp_path / "own.npz", inputs=_INPUTS, labels=_LABELS)
    assert datasets.load("npz", path="~/own.npz").classes == 3
    assert datasets.shape("npz", path="~/own.npz") == (6, 2, 3)
    assert datasets.files("npz", path="~/own.npz") == [tmp_path / "own.npz"]
    assert datasets.files("mnist", folder="~")[0].parent == tmp_path
    with pytest.raises(InfoplaneError, match=r"put the files .* into that folder") as raised:
        datasets.load("mnist", folder="~")
    assert str(raised.value).startswith(f"{tmp_path}/train-images")
    with pytest.raises(InfoplaneError, match=r"~nobody-here/own.npz: the home folder"):
        datasets.load("npz", path="~nobody-here/own.npz")
    for bad in ("", "a\nb", "a\0b"):
        with pytest.raises(InfoplaneError, match="is no path of a file"):
            datasets.load("npz", path=bad)


# What makes a study impossible or odd


def _run(**changes) -> RunSettings:
    split = Split(changes.pop("fraction", 0.5), 0, changes.pop("order", "ordered"), changes.pop("stratified", False))
    values = {
        "dataset": "npz", "dataset_options": (), "split": split, "hidden_layers": (3,), "activations": ("tanh",),
        "batch_normalisation": False, "dropout": 0.0, "initialisation": Initialisation("he", None),
        "optimiser": "adam", "learning_rate": 0.01, "momentum": 0.0, "batch_size": None, "l2": 0.0,
        "weight_decay": 0.0, "penalised_layers": (1,), "epochs": 2, "recorded_epochs": RecordedEpochs("list"),
        "record_gradients": False, "study_seed": 0,
    }  # fmt: skip
    return RunSettings(**{**values, **changes})


_EIGHT = np.arange(16.0).reshape(8, 2)


@pytest.mark.parametrize(
    ("inputs", "labels", "changes", "sentence"),
    [
        (_EIGHT, [1] * 8, {}, "all 8 labels are 1; a study needs at least two classes"),
        (
            _EIGHT,
            [0, 0, 0, 0, 1, 1, 2, 2],
            {},
            "no training sample has the label 1, 2, which test samples have; .*stratif",
        ),
        (_EIGHT, [0, 1] * 4, {"fraction": 0.99}, "leaves no test samples"),
        (_EIGHT * 0 + 5, [0, 1] * 4, {}, "all 8 inputs are equal, so that"),
        (16777216 + np.arange(8)[:, None] / 9, [0, 1] * 4, {}, "those given differ, but are equal in float32"),
        (_EIGHT, [0, 1] * 4, {"batch_normalisation": True, "batch_size": 1}, "found are batch_size 1 and 4 training"),
        (_EIGHT[:2], [0, 0], {}, "all 2 labels are 0"),
    ],
)
def test_a_study_that_is_impossible_is_refused(inputs, labels, changes, sentence):
    with pytest.raises(InfoplaneError, match=sentence) as raised:
        datasets.notes(Dataset("own", inputs, np.array(labels)), _run(**changes))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("inputs", "labels", "changes", "sentences"),
    [
        (_EIGHT, [0, 1] * 4, {}, []),
        (_EIGHT, [0, 1] * 4, {"batch_size": 4}, []),
        (_EIGHT, [0, 1] * 4, {"batch_size": 5}, ["batch_size is 5, and the training samples are 4"]),
        (_EIGHT, [0, 1, 0, 1, 0, 0, 0, 0], {}, ["no test sample has the label 1; split.stratified: true"]),
        (_EIGHT, [1, 2] * 4, {}, ["no sample has the label 0, for which the network has an output"]),
        (
            _EIGHT[[0, 1, 2, 3, 4, 5, 6, 6]],
            [0, 1, 0, 1, 0, 1, 0, 0],
            {},
            [r"7 of 8 inputs are distinct, so that H\(X\) is 2.750 bits and not 3.000$"],
        ),
        (
            _EIGHT[[0, 1, 2, 0, 0, 1, 6, 7]],
            [0, 1, 0, 1, 1, 1, 0, 0],
            {},
            [
                "5 of 8 inputs are distinct.*; of 4 test inputs 2 are training inputs, too",
                "equal inputs have different",
            ],
        ),
        # Integers beyond 2^24, of which every second one is no float32.
        (2**24 + np.arange(8)[:, None], [0, 1] * 4, {}, ["5 of 8 inputs.*", "equal inputs", "3 fewer distinct inputs"]),
        # One of them repeated in what was given, too: 7 distinct inputs of which 5 remain.
        (2**24 + np.array([[0, 0, 1, 2, 3, 4, 6, 8]]).T, [0, 0, 0, 1, 1, 1, 0, 1], {}, ["5 of 8", "2 fewer distinct"]),
        (
            np.append(_EIGHT[:7], [[12, 13 + 1e-9]], axis=0),
            [0, 1, 0, 1, 0, 1, 0, 0],
            {},
            ["7 of 8", "1 fewer distinct"],
        ),
        (_EIGHT / 7, [0, 1] * 4, {}, []),  # no float32 either, but all remain distinct
    ],
)
def test_what_is_odd_is_noted(inputs, labels, changes, sentences):
    found = datasets.notes(Dataset("own", inputs, np.array(labels)), _run(**changes))
    assert len(found) == len(sentences), found
    for note, sentence in zip(found, sentences, strict=True):
        assert re.search(sentence, note), note
        assert note.startswith("data set own: ")
        assert "\n" not in note


def test_notes_name_the_runs_that_they_concern(tmp_path):
    path = str(tmp_path / "own.npz")
    np.savez(path, inputs=_EIGHT, labels=np.array([0, 1] * 4))
    own = _run(dataset_options=(("path", path),))
    runs = {
        "a": own,
        "b": dataclasses.replace(own, batch_size=9),
        "c": dataclasses.replace(own, batch_size=9, epochs=5),
        "d": dataclasses.replace(own, dataset_options=(("path", "nowhere.npz"),)),
        "e": _run(dataset="szt"),
    }
    batch, missing = datasets.notes_of_runs(runs)
    assert batch.startswith("b, c: data set npz: batch_size is 9, and the training samples are 4")
    assert missing.startswith("d: nowhere.npz: there is no such file")
    with pytest.raises(InfoplaneError, match=r"^runs.d: nowhere.npz: there is no such file"):
        datasets.check_planned(runs)
    del runs["d"]
    datasets.check_planned(runs)


def test_planning_reads_neither_inputs_nor_what_takes_long(tmp_path):
    # Inputs that cannot be read are the stage's to refuse; those of MNIST are not even looked for.
    path = tmp_path / "own.npz"
    np.savez(path, inputs=_EIGHT * np.nan, labels=np.array([0, 1] * 4))
    own = _run(dataset_options=(("path", str(path)),))
    datasets.check_planned({"own": own, "mnist": _run(dataset="mnist", dataset_options=(("folder", "nowhere"),))})
    np.savez(path, inputs=_EIGHT, labels=np.zeros(8))
    with pytest.raises(InfoplaneError, match=r"^runs.own: data set npz: all 8 labels are 0"):
        datasets.check_planned({"own": own})
