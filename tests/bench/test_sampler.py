"""Who is sampled when, how often, and what becomes of samples that are wrong or say nothing."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import pytest
from bench.cases import Case, WrongResult
from bench.racing import race
from bench.sampler import Plan, placement, rotated, take

sys.path.insert(0, str(Path(__file__).resolve().parent))
from fakes import FAST, SLOW, Claimed, side, suite  # noqa: E402

PLAN = Plan(rounds=4, sample=100_000, longest=400_000)


def modules(**options):
    return {each.name: each.load() for each in suite(**options).implementations}


def test_the_order_rotates_from_round_to_round():
    case = Claimed("row")
    take(case, modules(), PLAN)
    rounds = [name for name, _ in case.log][-3 * (PLAN.rounds + 1) :]
    assert [rounds[at : at + 3] for at in range(0, len(rounds), 3)] == [
        ["stdlib", "hasten", "peer"],
        ["hasten", "peer", "stdlib"],
        ["peer", "stdlib", "hasten"],
        ["stdlib", "hasten", "peer"],
        ["hasten", "peer", "stdlib"],
    ]


def test_a_row_may_ask_for_fewer_rounds():
    samples = take(Claimed("row", most_rounds=2), modules(), PLAN)
    assert all(len(values) == 2 for values in samples.values.values())


@pytest.mark.parametrize("turn", range(5))
def test_rotation_keeps_everyone(turn):
    assert sorted(rotated(["a", "b", "c"], turn)) == ["a", "b", "c"]
    assert rotated(["a", "b", "c"], turn)[0] == "abc"[turn % 3]


def test_the_warm_up_round_is_dropped():
    samples = take(Claimed("row"), modules(), PLAN)
    assert samples.values == {"stdlib": [SLOW] * 4, "hasten": [FAST] * 4, "peer": [500] * 4}


def test_a_sample_lasts_as_long_as_planned():
    samples = take(Claimed("row"), modules(), PLAN)
    assert samples.operations == {"stdlib": 100, "hasten": 1000, "peer": 200}


def test_equal_work_gives_every_side_the_same_number_within_the_limit():
    samples = take(Claimed("row", equal_work=True), modules(), PLAN)
    assert samples.operations == {"stdlib": 400, "hasten": 400, "peer": 400}


def test_a_wrong_result_ends_the_row():
    with pytest.raises(WrongResult, match="got 'lost'"):
        take(Claimed("row"), modules(result="lost"), PLAN)


def test_a_side_without_the_feature_is_named():
    samples = take(Claimed("row", peers=False), modules(), PLAN)
    assert samples.missing == {"peer": "the peer has no such thing"}
    assert set(samples.values) == {"stdlib", "hasten"}


def test_samples_that_say_nothing_are_tried_again_and_then_reported():
    case = Claimed("row", measurable=False)
    samples = take(case, {"stdlib": side("stdlib", SLOW).load()}, PLAN)
    assert samples.missing == {"stdlib": "the threads never met"}
    assert samples.values == {}


def test_a_peer_that_fails_is_out_and_the_row_goes_on():
    broken = {**modules(), "peer": side("peer", 500, "lost").load()}
    samples = take(Claimed("row"), broken, PLAN, frozenset({"peer"}))
    assert samples.missing == {"peer": "WrongResult: got 'lost'"}
    assert set(samples.values) == {"stdlib", "hasten"}
    assert [len(values) for values in samples.values.values()] == [PLAN.rounds] * 2


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this platform cannot pin")
def test_pinning_is_for_the_row_only_and_covers_its_threads():
    before = os.sched_getaffinity(0)
    with placement(True):
        assert race([lambda: len(os.sched_getaffinity(0))] * 2).results == [1, 1]
    assert os.sched_getaffinity(0) == before


def test_a_row_that_needs_no_gil_says_so():
    reason = Case("row", free_threaded_only=True).unavailable()
    assert (reason is None) == bool(__import__("sysconfig").get_config_var("Py_GIL_DISABLED"))


def test_a_race_measures_from_the_first_start_to_the_last_end():
    met = threading.Barrier(2)

    def meet():
        met.wait()
        met.wait()
        return threading.get_ident()

    outcome = race([meet, meet])
    assert len(set(outcome.results)) == 2
    assert outcome.elapsed > 0
    assert 0 <= outcome.overlap <= 1


def test_an_error_in_a_racing_thread_comes_out():
    with pytest.raises(ZeroDivisionError):
        race([lambda: 1 // 0, lambda: None])
