"""Counter-based random draws: published answers, the stream's definition, and distributions."""

from __future__ import annotations

import numpy as np
import pytest

from mlpcore.backend import random
from mlpcore.backend.random import (
    DROPOUT,
    SHUFFLE,
    WEIGHTS,
    normal,
    permutation,
    philox,
    philox_words,
    uniform,
)

pytestmark = pytest.mark.filterwarnings("error")

#: Random123, tests/kat_vectors, the lines "philox4x32 10": counter, key, result.
KNOWN_ANSWERS = {
    "zeros": (
        "00000000 00000000 00000000 00000000",
        "00000000 00000000",
        "6627e8d5 e169c58d bc57ac4c 9b00dbd8",
    ),
    "ones": (
        "ffffffff ffffffff ffffffff ffffffff",
        "ffffffff ffffffff",
        "408f276d 41c83b0e a20bc7c6 6d5451fd",
    ),
    "pi": (
        "243f6a88 85a308d3 13198a2e 03707344",
        "a4093822 299f31d0",
        "d16cfe09 94fdcceb 5001e420 24126ea1",
    ),
}


@pytest.mark.parametrize(("counter", "key", "answer"), KNOWN_ANSWERS.values(), ids=KNOWN_ANSWERS)
def test_philox_known_answers(counter, key, answer, library):
    def words(text):
        return tuple(library.array([int(word, 16)], "int64") for word in text.split())

    result = philox(words(counter), words(key))
    assert [f"{int(word[0]):08x}" for word in result] == answer.split()


@pytest.mark.parametrize("seed", [0, 1, 0xDEADBEEF, 2**32, 2**63 + 12345, 2**64 - 1])
def test_the_definition_of_a_stream(seed, library, philox_word):
    name = {"seed": seed, "member": 7, "purpose": DROPOUT, "step": 123456, "layer": 3}
    words = library.numpy(philox_words(count=11, xp=library.xp, **name))
    assert words.dtype == np.int64
    assert words.tolist() == [philox_word(i, **name) for i in range(11)]


@pytest.mark.parametrize("integer", ["int64", "uint64"])
def test_one_stream_per_member(integer, library, philox_word):
    seeds = np.array([5, 2**40 + 1, 5], dtype=integer)
    members, steps = np.array([0, 1, 2]), np.array([9, 9, 8])
    words = philox_words(seeds, members, WEIGHTS, steps, 6, xp=library.xp)
    assert library.numpy(words).tolist() == [
        [philox_word(i, seed=int(s), member=e, purpose=WEIGHTS, step=int(t)) for i in range(6)]
        for e, (s, t) in enumerate(zip(seeds, steps, strict=True))
    ]


def test_members_may_be_the_librarys_own_arrays(library):
    seeds, members = np.array([1, 2**35]), np.array([4, 5])
    own = (library.array(seeds, "int64"), library.array(members, "int64"))
    words = library.numpy(philox_words(*own, SHUFFLE, 1, 5, xp=library.xp))
    np.testing.assert_array_equal(words, philox_words(seeds, members, SHUFFLE, 1, 5))


def test_more_words_begin_with_the_same():
    long = philox_words(3, 0, WEIGHTS, 0, 40)
    for count in range(12):
        np.testing.assert_array_equal(philox_words(3, 0, WEIGHTS, 0, count), long[:count])


def test_members_axes_are_free():
    seeds = np.arange(6).reshape(2, 3)
    words = philox_words(seeds, 0, WEIGHTS, 0, 5)
    assert words.shape == (2, 3, 5)
    np.testing.assert_array_equal(words[1, 2], philox_words(5, 0, WEIGHTS, 0, 5))
    assert philox_words(np.zeros((0,), dtype=np.int64), 0, WEIGHTS, 0, 5).shape == (0, 5)


def test_every_part_of_a_name_matters():
    name = {"seed": 1, "member": 1, "purpose": WEIGHTS, "step": 1, "layer": 1}
    other = [{**name, key: value + 1} for key, value in name.items()]
    other += [{**name, "seed": 1 + 2**32}, {**name, "purpose": DROPOUT}]
    streams = {tuple(philox_words(count=4, **each).tolist()) for each in (name, *other)}
    assert len(streams) == 8


def test_uniform_numbers(library):
    u = library.numpy(uniform(2, 0, WEIGHTS, 0, 9, xp=library.xp))
    assert u.dtype == np.float64
    np.testing.assert_array_equal(u, (philox_words(2, 0, WEIGHTS, 0, 9) + 0.5) * 2.0**-32)


@pytest.mark.parametrize("word", [0, 2**32 - 1])
def test_the_ends_of_the_uniform_interval_are_left_out(word, monkeypatch):
    monkeypatch.setattr(random, "philox_words", lambda *_: np.full(4, word))
    assert np.all((uniform(0, 0, 0, 0, 4) > 0) & (uniform(0, 0, 0, 0, 4) < 1))
    assert np.all(np.abs(normal(0, 0, 0, 0, 4)) < 7)


def test_the_distributions():
    stats = pytest.importorskip("scipy.stats")
    assert stats.kstest(uniform(0, 0, WEIGHTS, 0, 50_000), "uniform").pvalue > 0.01
    z = normal(0, 0, WEIGHTS, 0, 50_000)
    assert stats.kstest(z, "norm").pvalue > 0.01
    assert abs(stats.pearsonr(z[0::2], z[1::2]).statistic) < 0.02


def test_normal_numbers(library):
    u, v = uniform(4, 1, WEIGHTS, 2, 6).reshape(3, 2).T
    radius = np.sqrt(-2 * np.log(u))
    expected = np.stack([radius * np.cos(2 * np.pi * v), radius * np.sin(2 * np.pi * v)], axis=-1)
    for count in (5, 6):
        z = library.numpy(normal(4, 1, WEIGHTS, 2, count, xp=library.xp))
        assert z.dtype == np.float64
        np.testing.assert_allclose(z, expected.ravel()[:count], rtol=1e-13)
    assert normal(np.arange(3), 1, WEIGHTS, 2, 5).shape == (3, 5)


def test_a_permutation_follows_the_words(library, philox_word):
    rows = np.arange(100, 117)
    shuffled = permutation(library.array(rows, "int64"), seed=3, member=2, epoch=5)
    name = {"seed": 3, "member": 2, "purpose": SHUFFLE, "step": 5}
    words = [philox_word(i, **name) for i in range(17)]
    expected = [row for _, row in sorted(zip(words, rows.tolist(), strict=True))]
    assert library.numpy(shuffled).tolist() == expected


def test_a_permutation_of_each_member(library):
    rows = library.array(np.stack([np.arange(9), np.arange(9) + 50]), "int64")
    seeds, members = np.array([1, 2]), np.array([0, 3])
    shuffled = library.numpy(permutation(rows, seed=seeds, member=members, epoch=1))
    for e in range(2):
        alone = permutation(rows[e, ...], seed=int(seeds[e]), member=int(members[e]), epoch=1)
        np.testing.assert_array_equal(shuffled[e], library.numpy(alone))
    same = library.numpy(permutation(rows, seed=1, epoch=1))
    np.testing.assert_array_equal(same[0] + 50, same[1])


def test_a_permutation_of_rows_that_members_share(library):
    rows, seeds = np.arange(5, 22), np.array([4, 1, 4])
    own = library.array(np.stack([rows] * 3), "int64")
    out = library.xp.zeros((3, 17), dtype=library.xp.int64)
    shared = permutation(library.array(rows, "int64"), seed=seeds, epoch=2, out=out)
    alone = permutation(own, seed=seeds, epoch=2)
    np.testing.assert_array_equal(library.numpy(shared), library.numpy(alone))


def test_ties_keep_their_order(monkeypatch):
    monkeypatch.setattr(random, "philox_words", lambda *_, **__: np.arange(900) % 3)
    order = permutation.reference(np.arange(900), seed=0, epoch=0)
    np.testing.assert_array_equal(order, np.arange(900).reshape(300, 3).T.ravel())


def test_epochs_differ_and_repeat():
    rows = np.arange(50)
    orders = [permutation(rows, seed=0, epoch=epoch).tolist() for epoch in (0, 1, 0)]
    assert orders[0] == orders[2] != orders[1]
    assert sorted(orders[1]) == rows.tolist()
    out = np.empty_like(rows)
    assert permutation(rows, seed=0, epoch=1, out=out) is out
    assert out.tolist() == orders[1]
