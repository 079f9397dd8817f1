"""Data sets, their records, and the split."""

import gzip
import hashlib
import io
import os
import pickle
import struct
import tracemalloc
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infoplane import datasets
from infoplane.datasets import Dataset, idx
from infoplane.errors import InfoplaneError
from infoplane.settings import Split

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
        ("texts", "labels have the type <U1"),
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
    content = bytearray(gzip.compress(raw))
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


@pytest.mark.parametrize("content", [b"", gzip.compress(b""), gzip.compress(b"\0\0\x08\x01\0\0\0\x05abc"), b"text"])
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
