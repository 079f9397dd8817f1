"""Matrix products of many small layers on the CPU, compiled: libraries are slow where a matrix has ten rows.

A seed is computed by itself, by the same instructions wherever it lies, so that its numbers are the same bits in any
block. The loops over samples are written out as vectors for LLVM: what makes them fast is that the sums of a whole
tile, a few units by a few vectors of samples, stay in registers.

A tensor is handed over as its `Place`. Its samples are the last axis, without gaps, a multiple of 64 in number, and
seeds may share one place. All of it is float32.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.extending import intrinsic
from torch import Tensor

from infoplane.runtime.compiled import compiled

WIDEST = 64
"""Layers of up to this many units and columns are computed here; with wider ones torch is as good."""

Place = tuple[int, int, int, int]
"""Address of a tensor of three axes, which must live as long, and its strides in bytes."""


def place(tensor: Tensor) -> Place:
    """Where a float32 tensor of three axes lies."""
    first, second, third = (4 * stride for stride in tensor.stride())
    return tensor.data_ptr(), first, second, third


# The sums of a tile and what is added to them fit into the 16 registers of 8 numbers that most processors have.
# Wider registers gain little here, and with one width these sums are the same bits on all of them.
_LANES = 8
_UNITS = 6  # of a tile of values, by two vectors of samples
_ROWS, _COLUMNS = 4, 3  # of a tile of the gradient
_VECTOR_BYTES = 4 * _LANES
_STEP = 2 * _VECTOR_BYTES

_FLOAT, _INT64, _INT32 = ir.FloatType(), ir.IntType(64), ir.IntType(32)
_VECTOR = ir.VectorType(_FLOAT, _LANES)
_FUSED = ("contract",)


def _number(value: int) -> Any:
    return ir.Constant(_INT64, value)


def _pointer(builder: Any, address: Any, kind: Any) -> Any:
    return builder.inttoptr(address, kind.as_pointer())


def _load(builder: Any, address: Any) -> Any:
    vector = builder.load(_pointer(builder, address, _VECTOR))
    vector.align = 4
    return vector


def _store(builder: Any, vector: Any, address: Any) -> None:
    builder.store(vector, _pointer(builder, address, _VECTOR)).align = 4


def _load_everywhere(builder: Any, address: Any) -> Any:
    """One number in all lanes."""
    undefined, zero = ir.Constant(_VECTOR, ir.Undefined), ir.Constant(_INT32, 0)
    vector = builder.insert_element(undefined, builder.load(_pointer(builder, address, _FLOAT)), zero)
    return builder.shuffle_vector(vector, undefined, ir.Constant(ir.VectorType(_INT32, _LANES), [0] * _LANES))


def _total(builder: Any, vector: Any) -> Any:
    """The sum over lanes, by halves."""
    lanes = _LANES
    while lanes > 1:
        lanes //= 2
        indices = ir.VectorType(_INT32, lanes)
        low, high = (
            builder.shuffle_vector(
                vector,
                ir.Constant(vector.type, ir.Undefined),
                ir.Constant(indices, list(range(start, start + lanes))),
            )
            for start in (0, lanes)
        )
        vector = builder.fadd(low, high)
    return builder.extract_element(vector, ir.Constant(_INT32, 0))


def _sums_in_loop(
    builder: Any, count: int, steps: Any, moving: list[tuple[Any, Any]], terms: Callable[[list[Any]], list[Any]]
) -> list[Any]:
    """A loop of `steps` >= 1 turns that adds products to `count` vectors, from zero; returns the sums.

    `moving` has addresses, each with what is added to it after a turn; `terms` gives the pairs of factors.
    """
    before = builder.block
    loop, after = builder.append_basic_block(), builder.append_basic_block()
    builder.branch(loop)
    builder.position_at_end(loop)

    def changing(kind: Any, initial: Any) -> Any:
        value = builder.phi(kind)
        value.add_incoming(initial, before)
        return value

    turn = changing(_INT64, _number(0))
    addresses = [changing(_INT64, address) for address, _ in moving]
    sums = [changing(_VECTOR, ir.Constant(_VECTOR, [0.0] * _LANES)) for _ in range(count)]
    results = [
        builder.fadd(builder.fmul(a, b, flags=_FUSED), total, flags=_FUSED)
        for total, (a, b) in zip(sums, terms(addresses), strict=True)
    ]
    next_turn = builder.add(turn, _number(1))
    turn.add_incoming(next_turn, loop)
    for address, (_, stride) in zip(addresses, moving, strict=True):
        address.add_incoming(builder.add(address, stride), loop)
    for total, result in zip(sums, results, strict=True):
        total.add_incoming(result, loop)
    builder.cbranch(builder.icmp_signed("<", next_turn, steps), loop, after)
    builder.position_at_end(after)
    return results


def _by_size(builder: Any, size: Any, variants: dict[int, Callable[[], None]]) -> None:
    """Emits all variants and chooses one by `size`."""
    end = builder.append_basic_block()
    choice = builder.switch(size, end)
    for number, emit in variants.items():
        block = builder.append_basic_block()
        choice.add_case(_number(number), block)
        builder.position_at_end(block)
        emit()
        builder.branch(end)
    builder.position_at_end(end)


@intrinsic
def _multiply_tile(typingctx, units, matrix, row, column, columns, below, unit_below, out, unit_out):  # type: ignore[no-untyped-def]  # numba calls it
    """out[u, samples] = sum over c of matrix[u, c] below[c, samples] for up to _UNITS units and two vectors."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        units, matrix, row, column, columns, below, unit_below, out, unit_out = arguments

        def emit(count: int) -> None:
            def terms(addresses: list[Any]) -> list[Any]:
                weight, values = addresses
                vectors = [_load(builder, builder.add(values, _number(half * _VECTOR_BYTES))) for half in range(2)]
                pairs = []
                for _ in range(count):
                    factor = _load_everywhere(builder, weight)
                    pairs += [(factor, vector) for vector in vectors]
                    weight = builder.add(weight, row)
                return pairs

            results = _sums_in_loop(builder, 2 * count, columns, [(matrix, column), (below, unit_below)], terms)
            address = out
            for unit in range(count):
                for half in range(2):
                    _store(builder, results[2 * unit + half], builder.add(address, _number(half * _VECTOR_BYTES)))
                address = builder.add(address, unit_out)

        _by_size(builder, units, {count: partial(emit, count) for count in range(1, _UNITS + 1)})
        return context.get_dummy_value()

    return types.none(*[types.int64] * 9), generate


@intrinsic
def _gradient_tile(typingctx, size, gradient, unit_gradient, below, unit_below, vectors, out, row):  # type: ignore[no-untyped-def]
    """out[u, c] = sum over samples of gradient[u] below[c]; `size` is 8 times the units plus the columns."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        size, gradient, unit_gradient, below, unit_below, vectors, out, row = arguments

        def lines(first: Any, stride: Any, count: int) -> list[tuple[Any, Any]]:
            addresses = [first]
            while len(addresses) < count:
                addresses.append(builder.add(addresses[-1], stride))
            return [(address, _number(_VECTOR_BYTES)) for address in addresses]

        def emit(rows: int, columns: int) -> None:
            def terms(addresses: list[Any]) -> list[Any]:
                loaded = [_load(builder, address) for address in addresses]
                return [(a, b) for a in loaded[:rows] for b in loaded[rows:]]

            moving = lines(gradient, unit_gradient, rows) + lines(below, unit_below, columns)
            results = _sums_in_loop(builder, rows * columns, vectors, moving, terms)
            address = out
            for unit in range(rows):
                for column in range(columns):
                    total = _total(builder, results[unit * columns + column])
                    where = builder.add(address, _number(4 * column))
                    builder.store(total, _pointer(builder, where, _FLOAT))
                address = builder.add(address, row)

        sizes = [(rows, columns) for rows in range(1, _ROWS + 1) for columns in range(1, _COLUMNS + 1)]
        _by_size(builder, size, {8 * rows + columns: partial(emit, rows, columns) for rows, columns in sizes})
        return context.get_dummy_value()

    return types.none(*[types.int64] * 8), generate


_PLACE = types.UniTuple(types.int64, 4)  # type: ignore[no-untyped-call]


@compiled(_PLACE, _PLACE, _PLACE, types.int64, types.int64, types.int64, types.int64)
def multiply(matrix, below, out, seeds, units, columns, samples):  # type: ignore[no-untyped-def]
    """For each seed out = matrix @ below: (units, samples) from (units, columns) and (columns, samples).

    All three are places; the matrix may be the transposed view of one.
    """
    tiles = (units + _UNITS - 1) // _UNITS
    for seed in range(seeds):
        for tile in range(tiles):
            unit = units * tile // tiles
            count = units * (tile + 1) // tiles - unit
            weights = matrix[0] + seed * matrix[1] + unit * matrix[2]
            source = below[0] + seed * below[1]
            target = out[0] + seed * out[1] + unit * out[2]
            for sample in range(0, 4 * samples, _STEP):
                _multiply_tile(
                    count, weights, matrix[2], matrix[3], columns, source + sample, below[2], target + sample, out[2]
                )  # type: ignore[call-arg]  # the context is numba's


@compiled(_PLACE, _PLACE, _PLACE, types.int64, types.int64, types.int64, types.int64)
def multiply_transposed(gradient, below, out, seeds, units, columns, samples):  # type: ignore[no-untyped-def]
    """For each seed out = gradient @ below^T: (units, columns) from (units, samples) and (columns, samples).

    All three are places; the columns of `out` are without gaps.
    """
    row_tiles, column_tiles = (units + _ROWS - 1) // _ROWS, (columns + _COLUMNS - 1) // _COLUMNS
    for seed in range(seeds):
        for row_tile in range(row_tiles):
            unit = units * row_tile // row_tiles
            rows = units * (row_tile + 1) // row_tiles - unit
            for column_tile in range(column_tiles):
                column = columns * column_tile // column_tiles
                count = columns * (column_tile + 1) // column_tiles - column
                _gradient_tile(
                    8 * rows + count,
                    gradient[0] + seed * gradient[1] + unit * gradient[2],
                    gradient[2],
                    below[0] + seed * below[1] + column * below[2],
                    below[2],
                    samples // _LANES,
                    out[0] + seed * out[1] + unit * out[2] + 4 * column,
                    out[2],
                )  # type: ignore[call-arg]


@intrinsic
def _transpose_rows(typingctx, table, row, order, out, unit_out):  # type: ignore[no-untyped-def]
    """out[c, i] = table[order[i], c] for as many samples and columns as a vector has lanes."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        table, row, order, out, unit_out = arguments
        rows = []
        for lane in range(_LANES):
            index = builder.load(_pointer(builder, builder.add(order, _number(4 * lane)), _INT32))
            rows.append(_load(builder, builder.add(table, builder.mul(builder.zext(index, _INT64), row))))
        # A matrix in four quarters is transposed by exchanging two of them and transposing each; this begins with
        # quarters of one number.
        indices = ir.VectorType(_INT32, _LANES)
        distance = 1
        while distance < _LANES:
            low = [lane if not lane & distance else _LANES + lane - distance for lane in range(_LANES)]
            high = [lane + distance if not lane & distance else _LANES + lane for lane in range(_LANES)]
            for first in range(_LANES):
                if not first & distance:
                    a, b = rows[first], rows[first + distance]
                    rows[first] = builder.shuffle_vector(a, b, ir.Constant(indices, low))
                    rows[first + distance] = builder.shuffle_vector(a, b, ir.Constant(indices, high))
            distance *= 2
        for vector in rows:
            _store(builder, vector, out)
            out = builder.add(out, unit_out)
        return context.get_dummy_value()

    return types.none(*[types.int64] * 5), generate


@compiled(types.Array(types.float32, 2, "C"), types.Array(types.int32, 2, "C"), _PLACE)
def gather(table, order, out):  # type: ignore[no-untyped-def]
    """Gives each seed its samples, out[s, c, i] = table[order[s, i], c]; `out` is a place.

    The columns of the table are a multiple of 16, and no index may be negative or beyond the table.
    """
    columns, row = table.shape[1], table.strides[0]
    for seed in range(len(order)):
        for sample in range(0, order.shape[1], _LANES):
            for column in range(0, columns, _LANES):
                _transpose_rows(
                    table.ctypes.data + 4 * column,
                    row,
                    order.ctypes.data + seed * order.strides[0] + 4 * sample,
                    out[0] + seed * out[1] + column * out[2] + 4 * sample,
                    out[2],
                )  # type: ignore[call-arg]
