"""Square regions of a canvas."""

import pytest
import torch

from impasto.painters.regions import Region, cover, worst_regions


@pytest.mark.parametrize(
    ("height", "width", "count"), [(64, 64, 1), (64, 65, 2), (40, 128, 4), (128, 40, 4)]
)
def test_cover_leaves_nothing_out(height: int, width: int, count: int) -> None:
    regions = cover(height, width)
    assert len(regions) == count
    seen = torch.zeros(height, width)
    for region in regions:
        assert region.side == min(height, width)
        assert region.of(seen).shape == (region.side, region.side)
        region.of(seen).fill_(1)
    assert seen.all()


def test_the_worst_come_first_and_none_overlap() -> None:
    error = torch.zeros(64, 96)
    error[50:58, 82:90] = 1.0
    error[4:12, 4:12] = 0.5
    first, second = worst_regions(error, 32, 5)
    assert Region(64, 32, 32) == first  # the one on the grid that holds all of it
    assert second.of(error).sum() == 32
    everywhere = worst_regions(torch.ones(64, 96), 32, 100)
    seen = torch.zeros(64, 96)
    for region in everywhere:
        region.of(seen).add_(1)
    assert seen.max() == 1
    assert len(everywhere) >= 4
    assert len(worst_regions(torch.ones(64, 96), 32, 2)) == 2


def test_the_last_square_ends_with_the_canvas() -> None:
    error = torch.zeros(40, 70)
    error[-1, -1] = 1.0
    assert worst_regions(error, 32, 1) == [Region(38, 8, 32)]


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (Region(8, 8, 4), True),
        (Region(15, 0, 16), True),
        (Region(16, 0, 16), False),
        (Region(0, 16, 4), False),
        (Region(17, 17, 2), False),
    ],
)
def test_squares_of_any_two_sizes_overlap_where_they_share_a_pixel(
    other: Region, expected: bool
) -> None:
    one = Region(0, 0, 16)
    assert one.overlaps(other) is other.overlaps(one) is expected


def test_without_error_there_is_none() -> None:
    assert worst_regions(torch.zeros(32, 32), 16, 3) == []
