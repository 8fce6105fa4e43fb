"""Counted work against sums by hand, and the floors that follow."""

import pytest
import torch
from torch import nn

from benchmarks import floors
from benchmarks.floors import Ceilings, Counter, Work, count, measure_ceilings
from benchmarks.predictions import Chip


def test_a_convolution_by_hand() -> None:
    conv = nn.Conv2d(2, 3, 3, padding=1, bias=False)
    with Counter() as counter, torch.no_grad():
        conv(torch.rand(5, 2, 4, 6))
    # 5 pictures of 4 x 6 places, 3 maps out, each of 2 x 3 x 3 products and as many sums.
    assert counter.work.flops == 5 * 24 * 3 * 18 * 2
    assert counter.work.numbers == 5 * 2 * 24 + 3 * 2 * 9 + 5 * 3 * 24  # read, weights, written


def test_backwards_by_hand() -> None:
    linear = nn.Linear(7, 3, bias=False)
    x = torch.rand(5, 7, requires_grad=True)
    with Counter() as counter:
        linear(x).sum().backward()
    assert counter.work.flops == 3 * (2 * 5 * 7 * 3)  # forwards, by weight, by input
    assert counter.work.numbers == 3 * (5 * 7 + 7 * 3 + 5 * 3)


def test_gradients_of_gradients_count_too() -> None:
    conv = nn.Conv2d(1, 1, 3)
    x = torch.rand(1, 1, 5, 5, requires_grad=True)
    with Counter() as first:
        (slope,) = torch.autograd.grad(conv(x).square().sum(), x, create_graph=True)
    with Counter() as second:
        slope.square().sum().backward()
    assert second.work.flops > first.work.flops > 0


def test_count_is_linear_in_the_batch() -> None:
    conv = nn.Conv2d(2, 3, 3, padding=1, bias=False)

    def work(batch: int) -> object:
        return conv(torch.rand(batch, 2, 4, 6))

    with Counter() as counter:
        work(50)
    assert count(work, 50) == counter.work


def test_floor_is_the_slower_of_computing_and_moving() -> None:
    ceilings = Ceilings({"fp32": 100.0, "bf16": 400.0}, bandwidth=10.0)
    computing = Work(flops=1000, numbers=1, bytes=1)
    assert ceilings.floor(computing, "fp32") == 10.0
    assert ceilings.floor(computing, "bf16") == ceilings.floor(computing) == 2.5
    moving = Work(flops=1, numbers=20, bytes=100)
    assert ceilings.floor(moving, "fp32") == 18.0
    assert ceilings.floor(moving) == 14.0
    both = computing + moving * 2
    assert both == Work(1002, 41, 201)


def test_what_is_in_bfloat16_is_told_apart() -> None:
    linear = nn.Linear(8, 4, bias=False)
    x = torch.rand(2, 8)
    with Counter(mixed=True) as counter, torch.no_grad():
        linear(x)
        with torch.autocast("cpu", torch.bfloat16):
            linear(x)
    work = counter.work
    assert (work.flops, work.coarse) == (2 * 128, 128)
    assert (work.numbers, work.bytes) == (0, (16 + 32 + 8) * (4 + 2))
    assert work.launches == 2 + 2  # products; weight and picture rounded


def test_a_machine_is_bound_by_one_of_three() -> None:
    chip = Chip("x", float32=10.0, bfloat16=100.0, bandwidth=5.0)
    bounds = chip.bounds(Work(flops=120, numbers=10, bytes=10, launches=2, coarse=100))
    assert bounds == {"arithmetic": 2.0 + 1.0, "memory": 10.0, "launches": pytest.approx(1e-5)}


def test_bytes_by_hand() -> None:
    assert floors.episode_bytes(128, steps=40) == 42 * 49_152
    assert floors.episode_kept(128, 40, action_dim=65).bytes == 42 * 49_152 + 40 * 65 * 4
    assert floors.stroke_drawn(128).bytes == 65_536
    assert floors.stroke_drawn(128, differentiated=True).bytes == 2 * 65_536
    assert floors.parameters_stepped(10, averaged=5).bytes == 4 * (7 * 10 + 3 * 5)
    assert floors.transition_drawn(2).bytes == 3 * 12
    assert floors.bundle_laid(2).numbers == 2 * 12
    assert floors.parameter_count(nn.Linear(3, 2), nn.Linear(1, 1).requires_grad_(False)) == 10


def test_ceilings_are_measured() -> None:
    ceilings = measure_ceilings(effort=0.02, repeats=1)
    assert set(ceilings.rates) == set(floors.WIDTHS)
    assert min(*ceilings.rates.values(), ceilings.bandwidth) > 0
    with pytest.raises(KeyError):
        ceilings.floor(Work(), "int8")
