"""All pairs of samples on the CPU: the sums behind both bounds of the kernel density estimators, in one pass.

What makes it fast, in the order in which it happens:
- equal samples of one class are merged and carry their number as a weight, which is exact;
- samples are ordered by class and, within a class, into blocks of neighbours (a k-d tree), and blocks that are
  too far apart for any of their pairs to count are passed over;
- each remaining pair is visited once. Its kernel value e = exp(-d^2 / (8 v)) serves the lower bound, e^4 =
  exp(-d^2 / (2 v)) the upper, and both serve the two samples of the pair, in whole and within their class.

Accuracy. Differences are taken of the samples themselves, so that large values do not cancel. A pair with
e < 2^-FAR counts as zero. A sample's sum over N samples is at least 1, its own term, and at most N 2^-FAR is left
out of it: at most N 2^-FAR / ln 2 bits of any entropy, 2e-6 for 4096 samples and 3e-5 for 60,000.
All is computed by one thread in a fixed order, so that a value depends on nothing but its own samples.
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import njit, types
from numba.extending import intrinsic

from infoplane.runtime.compiled import compiled

BLOCK = 64  # samples of a block
NARROW = 512  # up to this many units samples are the inner loop, beyond it units are, which needs no copy
FAR = np.float32(31.5)  # above 2^-31.5 the fourth power is above 2^-126, the smallest normal float32

# Sums may be reordered and products fused, but infinities and NaN keep their meaning.
_FAST = {"reassoc", "contract", "nsz", "arcp"}


@intrinsic
def _times_power_of_two(typingctx, value, exponent):  # type: ignore[no-untyped-def]  # numba calls it
    """Give value * 2^-exponent for a normal result: the exponent goes straight into the bits."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        number, shift = arguments
        bits = builder.bitcast(number, ir.IntType(32))
        bits = builder.sub(bits, builder.shl(shift, ir.Constant(ir.IntType(32), 23)))
        return builder.bitcast(bits, ir.FloatType())

    return types.float32(types.float32, types.int32), generate


# 2^-r on [0, 1], the polynomial of degree 6 that interpolates it at Chebyshev nodes: relative error below 1e-8.
def _coefficients() -> tuple[np.float32, ...]:
    nodes = (1 - np.cos(np.pi * (np.arange(7) + 0.5) / 7)) / 2
    powers = np.linalg.solve(np.vander(nodes, increasing=True), 2.0**-nodes)
    return tuple(np.float32(power) for power in powers)


_C0, _C1, _C2, _C3, _C4, _C5, _C6 = _coefficients()


@njit(inline="always", fastmath=_FAST)
def _exp2_of_minus(t):  # type: ignore[no-untyped-def]
    """2^-t for 0 <= t < FAR, else 0."""
    near = t < FAR
    t = t if near else np.float32(0)
    whole = np.int32(t)
    r = t - np.float32(whole)
    p = _C0 + r * (_C1 + r * (_C2 + r * (_C3 + r * (_C4 + r * (_C5 + r * _C6)))))
    e: np.float32 = _times_power_of_two(p, whole)  # type: ignore[call-arg]  # the context is numba's
    return e if near else np.float32(0)


@compiled()
def _merge_equal(points, classes, order):  # type: ignore[no-untyped-def]
    """Find the distinct samples of each class; returns the index of one of each, in `order`, and how many there are."""
    samples, units = points.shape
    bits = points.view(np.uint32)
    size = 1
    while size < 2 * samples:
        size *= 2
    mask = np.uint64(size - 1)
    table = np.full(size, -1, np.int32)
    members = np.empty(samples, np.int64)
    weights = np.empty(samples, np.float32)
    found = 0
    for position in range(samples):
        sample = order[position]
        code = np.uint64(classes[sample]) + np.uint64(0x9E3779B97F4A7C15)
        for unit in range(units):
            code = (code ^ np.uint64(bits[sample, unit])) * np.uint64(0xD6E8FEB86659FD93)
            code ^= code >> np.uint64(32)
        slot = np.int64(code & mask)
        while True:
            member = table[slot]
            if member < 0:
                table[slot] = found
                members[found] = sample
                weights[found] = np.float32(1)
                found += 1
                break
            other = members[member]
            same = classes[other] == classes[sample]
            unit = 0
            while same and unit < units:
                same = bits[other, unit] == bits[sample, unit]
                unit += 1
            if same:
                weights[member] += np.float32(1)
                break
            slot = (slot + 1) & np.int64(mask)
    return members[:found], weights[:found]


@compiled()
def _select(keys, members, weights, first, last, middle):  # type: ignore[no-untyped-def]
    """Reorder first..last - 1 so that no key before `middle` is larger than one from it on (quickselect)."""
    low, high = first, last - 1
    while low < high:
        a, b, c = keys[low], keys[(low + high) // 2], keys[high]
        pivot = max(min(a, b), min(max(a, b), c))
        left, right = low, high
        while left <= right:
            while keys[left] < pivot:
                left += 1
            while keys[right] > pivot:
                right -= 1
            if left <= right:
                keys[left], keys[right] = keys[right], keys[left]
                members[left], members[right] = members[right], members[left]
                weights[left], weights[right] = weights[right], weights[left]
                left += 1
                right -= 1
        if middle <= right:
            high = right
        elif middle >= left:
            low = left
        else:
            break


@compiled()
def _order_by_neighbourhood(points, members, weights, first, last):  # type: ignore[no-untyped-def]
    """Order the members first..last - 1 so that every block of BLOCK holds near samples: a k-d tree's leaves."""
    units = points.shape[1]
    keys = np.empty(len(members), np.float32)
    low, high = np.empty(units, np.float32), np.empty(units, np.float32)
    stack = [(first, last)]
    while len(stack) > 0:
        start, stop = stack.pop()
        # Split where a block begins.
        middle = ((start + stop) // 2 + BLOCK // 2) // BLOCK * BLOCK
        if middle <= start:
            middle += BLOCK
        if middle >= stop:
            continue
        for unit in range(units):
            low[unit] = high[unit] = points[members[start], unit]
        for position in range(start + 1, stop):
            row = points[members[position]]
            for unit in range(units):
                low[unit] = min(low[unit], row[unit])
                high[unit] = max(high[unit], row[unit])
        widest = 0
        for unit in range(1, units):
            if high[unit] - low[unit] > high[widest] - low[widest]:
                widest = unit
        for position in range(start, stop):
            keys[position] = points[members[position], widest]
        _select(keys, members, weights, start, stop, middle)
        stack.append((start, middle))
        stack.append((middle, stop))


@compiled(fastmath=_FAST)
def _any_below(a, b, limit):  # type: ignore[no-untyped-def]
    found = np.uint32(0)
    for lane in range(BLOCK):
        found |= np.uint32(1) if a[lane] < limit or b[lane] < limit else np.uint32(0)
    return found > 0


@compiled(fastmath=_FAST)
def _squared_distances_narrow(rows, first, second, tile, far, out, out_second):  # type: ignore[no-untyped-def]
    """Squared distances of two samples of `rows` to those of `tile`; False where all are far."""
    units = len(rows)
    if units % 2:
        a, b = rows[0, first], rows[0, second]
        for lane in range(BLOCK):
            p = a - tile[0, lane]
            q = b - tile[0, lane]
            out[lane] = p * p
            out_second[lane] = q * q
    else:
        for lane in range(BLOCK):
            out[lane] = np.float32(0)
            out_second[lane] = np.float32(0)
    for half in range(units // 2):
        unit = units % 2 + 2 * half
        a, b = rows[unit, first], rows[unit + 1, first]
        c, d = rows[unit, second], rows[unit + 1, second]
        for lane in range(BLOCK):
            x, y = tile[unit, lane], tile[unit + 1, lane]
            p = a - x
            q = b - y
            r = c - x
            s = d - y
            out[lane] += p * p + q * q
            out_second[lane] += r * r + s * s
        if half % 8 == 7 and not _any_below(out, out_second, far):
            return False
    # In one or two dimensions the boxes have told already.
    return units < 3 or _any_below(out, out_second, far)


@compiled(fastmath=_FAST)
def _squared_distance(a, b):  # type: ignore[no-untyped-def]
    total = np.float32(0)
    for unit in range(len(a)):
        difference = a[unit] - b[unit]
        total += difference * difference
    return total


@compiled(fastmath=_FAST)
def _squared_distances_wide(points, members, point, far, out):  # type: ignore[no-untyped-def]
    """The same for samples in rows, each left as soon as it is far."""
    units = len(point)
    any_near = False
    for lane in range(BLOCK):
        out[lane] = far
    for lane in range(len(members)):
        row = points[members[lane]]
        total = np.float32(0)
        start = 0
        while start < units and total < far:
            stop = min(start + 64, units)
            total += _squared_distance(point[start:stop], row[start:stop])
            start = stop
        out[lane] = total
        any_near |= total < far
    return any_near


@compiled(fastmath=_FAST)
def _add_kernels(squared, squared_second, factor, weights, weight, weight_second, lower_columns, upper_columns):  # type: ignore[no-untyped-def]
    """Kernel values of two samples with a block: returns the samples' sums, and adds to those of the block."""
    lower, upper = np.float32(0), np.float32(0)
    lower_second, upper_second = np.float32(0), np.float32(0)
    for lane in range(BLOCK):
        e = _exp2_of_minus(squared[lane] * factor)
        square = e * e
        fourth = square * square
        lower += weights[lane] * e
        upper += weights[lane] * fourth
        f = _exp2_of_minus(squared_second[lane] * factor)
        square = f * f
        fourth_second = square * square
        lower_second += weights[lane] * f
        upper_second += weights[lane] * fourth_second
        # One after the other, so that it makes no difference which rows are in twos.
        lower_columns[lane] = (lower_columns[lane] + weight * e) + weight_second * f
        upper_columns[lane] = (upper_columns[lane] + weight * fourth) + weight_second * fourth_second
    return lower, upper, lower_second, upper_second


@compiled(fastmath=_FAST)
def _add_own_kernels(squared, factor, weights, same, weight, lower_columns, upper_columns):  # type: ignore[no-untyped-def]
    """The same for one sample and those of the block of its own class: `same` is 1 for these and else 0."""
    lower, upper = np.float32(0), np.float32(0)
    for lane in range(BLOCK):
        e = same[lane] * _exp2_of_minus(squared[lane] * factor)
        square = e * e
        fourth = square * square
        lower += weights[lane] * e
        upper += weights[lane] * fourth
        lower_columns[lane] += weight * e
        upper_columns[lane] += weight * fourth
    return lower, upper


@compiled()
def _extent(points):  # type: ignore[no-untyped-def]
    """The squared diagonal of the box that holds all samples."""
    extent = np.float32(0)
    for unit in range(points.shape[1]):
        least = most = points[0, unit]
        for sample in range(len(points)):
            least, most = min(least, points[sample, unit]), max(most, points[sample, unit])
        extent += (most - least) * (most - least)
    return extent


@compiled()
def _order_classes(points, classes, members, weights):  # type: ignore[no-untyped-def]
    """Order the members of each class by neighbourhood."""
    first = 0
    while first < len(members):
        last = first + 1
        while last < len(members) and classes[members[last]] == classes[members[first]]:
            last += 1
        _order_by_neighbourhood(points, members, weights, first, last)
        first = last


@compiled()
def _make_tiles(points, members, low, high):  # type: ignore[no-untyped-def]
    """The samples as (blocks, units, BLOCK), the last repeated to fill its block; fills the corners of each block."""
    blocks, units = low.shape
    tiles = np.empty((blocks, units, BLOCK), np.float32)
    for block in range(blocks):
        for lane in range(BLOCK):
            row = points[members[min(block * BLOCK + lane, len(members) - 1)]]
            for unit in range(units):
                tiles[block, unit, lane] = row[unit]
        for unit in range(units):
            row = tiles[block, unit]
            least = most = row[0]
            for lane in range(BLOCK):
                least, most = min(least, row[lane]), max(most, row[lane])
            low[block, unit], high[block, unit] = least, most
    return tiles


@compiled(fastmath=_FAST)
def _add_gaps(row, bottom, top, gaps):  # type: ignore[no-untyped-def]
    for lane in range(BLOCK):
        below, above = bottom - row[lane], row[lane] - top
        gap = below if below > above else above
        gap = gap if gap > np.float32(0) else np.float32(0)
        gaps[lane] += gap * gap


@compiled()
def _gaps(tile, low, high, other_low, other_high, far, gaps):  # type: ignore[no-untyped-def]
    """The squared distance of two boxes and, unless they are far, of the samples of a tile to the other box."""
    distance = np.float32(0)
    for unit in range(len(low)):
        gap = max(max(other_low[unit] - high[unit], low[unit] - other_high[unit]), np.float32(0))
        distance += gap * gap
    if distance > far:
        return distance
    for lane in range(BLOCK):
        gaps[lane] = np.float32(0)
    for unit in range(len(low)):
        _add_gaps(tile[unit], other_low[unit], other_high[unit], gaps)
    return distance


@compiled()
def _clear(array):  # type: ignore[no-untyped-def]
    for index in range(len(array)):
        array[index] = 0


@compiled()
def _sums(points, of_class, members, weights, tiles, low, high, factors):  # type: ignore[no-untyped-def]
    """(lower all, lower own, upper all, upper own) x (factor, member): kernel values over all members or the own class.

    The factors, ascending, share the distances. Each adds the same values in the same order as if it were alone, but
    for zeros. Fills of tiles are of weight 0 and class -1.
    """
    count = len(members)
    blocks = len(weights) // BLOCK
    narrow = points.shape[1] <= NARROW
    fars = FAR / factors
    settings = len(factors)
    lower_all = np.zeros((settings, len(weights)), np.float64)
    lower_own, upper_all, upper_own = np.zeros_like(lower_all), np.zeros_like(lower_all), np.zeros_like(lower_all)
    lower_columns = np.zeros((settings, BLOCK), np.float32)
    upper_columns = np.zeros_like(lower_columns)
    lower_own_columns, upper_own_columns = np.zeros_like(lower_columns), np.zeros_like(lower_columns)
    squared, squared_second = np.zeros(BLOCK, np.float32), np.zeros(BLOCK, np.float32)
    gaps, same = np.zeros(BLOCK, np.float32), np.zeros(BLOCK, np.float32)
    near_rows = np.zeros(BLOCK, np.int64)
    for block in range(blocks):
        start = block * BLOCK
        rows = tiles[block if narrow else 0]
        stop = min(start + BLOCK, count)
        for other in range(block, blocks):
            begin = other * BLOCK
            end = min(begin + BLOCK, count)
            columns = tiles[other if narrow else 0]
            distance = np.float32(0)
            if not narrow or other == block:
                _clear(gaps)
            else:
                distance = _gaps(tiles[block], low[block], high[block], low[other], high[other], fars[0], gaps)
            all_own = of_class[start] == of_class[end - 1]
            none_own = of_class[stop - 1] < of_class[begin]
            of_block = weights[begin : begin + BLOCK]
            # Where blocks or samples are far for one factor, they are for all larger ones.
            near_settings = 0
            while near_settings < settings and distance <= fars[near_settings]:
                near_settings += 1
            if near_settings == 0:
                continue
            for each in range(near_settings):
                _clear(lower_columns[each])
                _clear(upper_columns[each])
                _clear(lower_own_columns[each])
                _clear(upper_own_columns[each])
            near_count = 0
            for row in range(stop - start):
                if gaps[row] <= fars[0]:
                    near_rows[near_count] = row
                    near_count += 1
            for number in range(0, near_count, 2):
                # Rows in twos; where one is left, it is its own second, of no weight.
                in_twos = number + 1 < near_count
                row = near_rows[number]
                row_second = near_rows[number + 1] if in_twos else row
                first, second = start + row, start + row_second
                if narrow:
                    near = _squared_distances_narrow(rows, row, row_second, columns, fars[0], squared, squared_second)
                else:
                    in_block = members[begin:end]
                    near = _squared_distances_wide(points, in_block, points[members[first]], fars[0], squared)
                    near |= _squared_distances_wide(points, in_block, points[members[second]], fars[0], squared_second)
                if not near:
                    continue
                weight, weight_second = weights[first], weights[second] if in_twos else np.float32(0)
                last = near_settings - 1
                while last > 0 and not _any_below(squared, squared_second, fars[last]):
                    last -= 1
                for each in range(last + 1):
                    factor = factors[each]
                    lower, upper, lower_second, upper_second = _add_kernels(
                        squared,
                        squared_second,
                        factor,
                        of_block,
                        weight,
                        weight_second,
                        lower_columns[each],
                        upper_columns[each],
                    )
                    lower_all[each, first] += lower
                    upper_all[each, first] += upper
                    if in_twos:
                        lower_all[each, second] += lower_second
                        upper_all[each, second] += upper_second
                    if all_own:
                        lower_own[each, first] += lower
                        upper_own[each, first] += upper
                        if in_twos:
                            lower_own[each, second] += lower_second
                            upper_own[each, second] += upper_second
                    elif not none_own:
                        for which in range(2 if in_twos else 1):
                            position = second if which else first
                            for lane in range(BLOCK):
                                same[lane] = of_class[begin + lane] == of_class[position]
                            lower, upper = _add_own_kernels(
                                squared_second if which else squared,
                                factor,
                                of_block,
                                same,
                                weights[position],
                                lower_own_columns[each],
                                upper_own_columns[each],
                            )
                            lower_own[each, position] += lower
                            upper_own[each, position] += upper
            if other == block:  # both samples of each pair were rows
                continue
            for each in range(near_settings):
                for lane in range(BLOCK):
                    lower_all[each, begin + lane] += lower_columns[each, lane]
                    upper_all[each, begin + lane] += upper_columns[each, lane]
                    if all_own:
                        lower_own[each, begin + lane] += lower_columns[each, lane]
                        upper_own[each, begin + lane] += upper_columns[each, lane]
                    elif not none_own:
                        lower_own[each, begin + lane] += lower_own_columns[each, lane]
                        upper_own[each, begin + lane] += upper_own_columns[each, lane]
    return lower_all, lower_own, upper_all, upper_own


@compiled()
def _bound(weights, of_class, class_sizes, samples, whole, own):  # type: ignore[no-untyped-def]
    i_tx, i_ty = 0.0, 0.0
    for position in range(len(weights)):
        log_whole = np.log2(whole[position] / samples)
        i_tx -= weights[position] * log_whole
        i_ty += weights[position] * (np.log2(own[position] / class_sizes[of_class[position]]) - log_whole)
    return i_tx / samples, i_ty / samples


# One signature, for arrays that may be read-only: others would be compiled once more.
_POINTS = types.Array(types.float32, 2, "C", readonly=True)
_INTEGERS = types.Array(types.int64, 1, "C", readonly=True)
_FACTORS = types.Array(types.float32, 1, "C", readonly=True)


@compiled(_POINTS, _INTEGERS, _INTEGERS, _INTEGERS, _FACTORS)
def information_bounds(points, classes, class_sizes, order, factors):  # type: ignore[no-untyped-def]
    """I(T;X) and I(T;Y) in bits, (factors, 4): two from the upper bound, then two from the lower.

    points: (samples, units) float32. classes: (samples,) int64. class_sizes: samples of each class.
    order: the samples sorted by class. factors: log2(e) / (8 v) of each variance v; to the last bit the values of one
    do not depend on the others.
    """
    units = points.shape[1]
    members, weights = _merge_equal(points, classes, order)
    count = len(members)
    blocks = (count + BLOCK - 1) // BLOCK
    narrow = units <= NARROW
    tiled = blocks if narrow else 1  # wide samples stay in their rows
    low, high = np.empty((tiled, units), np.float32), np.empty((tiled, units), np.float32)
    padded, of_class = np.zeros(blocks * BLOCK, np.float32), np.full(blocks * BLOCK, -1, np.int64)
    results = np.empty((len(factors), 4), np.float64)
    extent = _extent(points) if narrow else np.float32(0)
    ascending = np.argsort(factors)
    # Factors for which no samples are far come first: they need no neighbourhoods.
    unordered = np.count_nonzero(extent * factors <= FAR)
    for first, last in ((0, unordered), (unordered, len(factors))):
        if first == last:
            continue
        if first == unordered:
            _order_classes(points, classes, members, weights)
        tiles = _make_tiles(points, members, low, high)
        for position in range(count):
            padded[position] = weights[position]
            of_class[position] = classes[members[position]]
        together = ascending[first:last]
        sums = _sums(points, of_class, members, padded, tiles, low, high, factors[together])
        for number in range(last - first):
            lower = _bound(weights, of_class, class_sizes, len(points), sums[0][number], sums[1][number])
            upper = _bound(weights, of_class, class_sizes, len(points), sums[2][number], sums[3][number])
            row = results[together[number]]
            row[0], row[1], row[2], row[3] = upper[0], upper[1], lower[0], lower[1]
    return results
