import pickle
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from torch import Tensor

from datamodules import Digits, ImageDataModule, Images, Mnist
from datamodules.streaming.train_stream import apply_flips
from impasto.errors import UserError

Build = Callable[..., ImageDataModule]
AnySet = tuple[ImageDataModule, Path | None]


def test_splits_are_disjoint_and_hold_every_image(any_set: AnySet) -> None:
    data, _ = any_set
    splits = data.splits()
    rows = np.concatenate([splits[name] for name in ("train", "val", "test")])
    assert sorted(rows) == list(range(len(rows)))
    assert min(len(split) for split in splits.values()) > 0


def test_batches_are_what_the_contract_says(any_set: AnySet) -> None:
    data, _ = any_set
    data.setup()
    batch = apply_flips(next(iter(data.train_dataloader())))
    assert batch["target"].shape == (4, 3, 16, 16)
    assert batch["target"].dtype == torch.uint8
    assert batch["index"].shape == (4,)
    assert batch["index"].dtype == torch.int64
    labelled = data.name in ("digits", "mnist", "kmnist", "svhn", "imagenet")
    assert set(batch) == {"target", "index"} | ({"label"} if labelled else set())
    if labelled:
        assert batch["label"].dtype == torch.int64
    assert set(batch["index"].tolist()) <= set(data.splits()["train"].tolist())


def test_the_root_is_only_read(any_set: AnySet, snapshot: Callable[[Path], object]) -> None:
    data, root = any_set
    if root is None:
        pytest.skip("comes with the installation")
    before = snapshot(root)
    data.setup()
    for loader in (data.val_dataloader(), data.test_dataloader()):
        assert sum(len(batch["index"]) for batch in loader) > 0
    assert snapshot(root) == before


def test_only_what_a_mirrored_digit_survives_is_flipped(any_set: AnySet) -> None:
    data, _ = any_set
    assert data.flip == (data.name not in ("digits", "mnist", "kmnist", "svhn"))


def test_evaluation_covers_the_whole_split_in_order(build: Build) -> None:
    data = build(Digits, eval_batch_size=100)
    for split, loader in (("val", data.val_dataloader()), ("test", data.test_dataloader())):
        index = torch.cat([batch["index"] for batch in loader])
        assert index.tolist() == data.splits()[split].tolist()


def test_a_limit_takes_a_seeded_part_of_the_split(build: Build) -> None:
    whole, small, again = (
        build(Digits, val_limit=limit, test_limit=limit).splits() for limit in (None, 10, 10)
    )
    for split in ("val", "test"):
        assert len(small[split]) == 10
        assert set(small[split]) < set(whole[split])
        assert small[split].tolist() == again[split].tolist()
        assert small[split].tolist() != whole[split][:10].tolist()
    assert small["train"].tolist() == whole["train"].tolist()


def test_the_seed_leaves_the_splits_alone_and_the_split_seed_does_not(build: Build) -> None:
    first, other, drawn = (
        build(Digits, **seeds).splits()["test"].tolist()
        for seeds in ({}, {"seed": 5}, {"split_seed": 5})
    )
    assert first == other
    assert first != drawn


def test_a_root_that_is_missing_or_empty_is_named(
    rooted_kind: type[ImageDataModule], build: Build, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=r"`root=.*nowhere`: no such folder — "):
        build(rooted_kind, tmp_path / "nowhere")
    (tmp_path / "void").mkdir()
    with pytest.raises(UserError, match=r"`root=.*void`: the folder is empty — "):
        build(rooted_kind, tmp_path / "void")
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"`root=.*file`: is not a folder — "):
        build(rooted_kind, tmp_path / "file")


def test_a_root_with_something_else_says_what_was_looked_for(
    rooted_kind: type[ImageDataModule], build: Build, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").write_text("not a picture")
    data = build(rooted_kind, tmp_path / "other")
    looked_for = {
        "mnist": "no MNIST in it; looked for train-images-idx3-ubyte",
        "kmnist": "no KMNIST in it; looked for train-images-idx3-ubyte",
        "svhn": "train_32x32.mat",
        "celeba": "img_align_celeba/000001.jpg",
        "imagenet": "train/<class>",
        "images": "no pictures",
    }
    with pytest.raises(UserError) as caught:
        data.setup()
    assert "`root=" in caught.value.what
    assert looked_for[data.name] in caught.value.what


def test_a_cache_inside_the_root_is_refused(build: Build, images_root: Path) -> None:
    with pytest.raises(UserError, match=r"`cache=.*` lies in `root="):
        build(Images, images_root, cache=str(images_root / "cache"))


@pytest.mark.parametrize(
    ("option", "value", "key"),
    [
        ("batch_size", 0, "batch_size"),
        ("canvas_size", 0, "canvas_size"),
        ("seed", -1, "seed"),
        ("num_workers", -1, "num_workers"),
        ("val_limit", 0, "val_limit"),
        ("test_limit", -3, "test_limit"),
        ("eval_batch_size", 0, "eval_batch_size"),
    ],
)
def test_a_number_out_of_range_names_its_key(
    build: Build, option: str, value: int, key: str
) -> None:
    with pytest.raises(UserError, match=f"^`{key}` is {value} — give a whole number, at least"):
        build(Digits, **{option: value})


@pytest.mark.parametrize("value", ["many", 2.5, True])
def test_what_is_no_whole_number_names_its_key(build: Build, value: object) -> None:
    with pytest.raises(
        UserError, match=r"^`val_limit` is .* — give a whole number, at least 1, or null"
    ):
        build(Digits, val_limit=value)


def test_an_empty_root_is_not_the_current_folder() -> None:
    with pytest.raises(UserError, match=r"^`root` is given, but empty"):
        Images(canvas_size=16, batch_size=4, root="")


@pytest.mark.parametrize("workers", [0, 2])
def test_a_resumed_module_hands_out_the_same_next_batches(
    build: Build, images_root: Path, workers: int
) -> None:
    def stream(data: ImageDataModule, count: int) -> list[dict[str, Tensor]]:
        batches = islice(iter(data.train_dataloader()), count)
        return [apply_flips(batch) for batch in batches]

    whole = stream(build(Images, images_root, num_workers=0), 13)  # 4 batches to an epoch
    first = build(Images, images_root, num_workers=workers)
    stream(first, 6)
    state = pickle.loads(pickle.dumps(first.state_dict()))
    assert state == {"position": 6, "together": 4, "images": len(first._open())}
    second = build(Images, images_root, num_workers=workers)
    loader = second.train_dataloader()
    second.load_state_dict(state)  # later than the loader: it is lazy
    rest = [apply_flips(batch) for batch in islice(iter(loader), 7)]
    for expected, batch in zip(whole[6:], rest, strict=True):
        assert torch.equal(expected["target"], batch["target"])
        assert torch.equal(expected["index"], batch["index"])


def test_ranks_share_the_validation_split_and_none_has_nothing(
    build: Build, images_root: Path
) -> None:
    data = build(Images, images_root)
    whole = data.images("val").rows.tolist()
    assert len(whole) >= 2
    for world in (1, 2, len(whole), len(whole) + 1):
        shares = []
        for rank in range(world):
            data.trainer = SimpleNamespace(  # type: ignore[assignment]
                global_rank=rank,
                world_size=world,
                strategy=SimpleNamespace(root_device=torch.device("cpu")),
            )
            batches = list(data.val_dataloader())
            shares.append([row for batch in batches for row in batch["index"].tolist()])
            tested = [row for batch in data.test_dataloader() for row in batch["index"].tolist()]
            assert tested == data.images("test").rows.tolist()  # rank 0 measures it alone
        joined = [row for share in shares for row in share]
        # With fewer images than ranks each of them sees all, and the mean is the same.
        assert joined == whole * (world if world > len(whole) else 1)
        assert all(shares)


class _Count(pl.LightningModule):
    """Keeps what Lightning hands to an update: of four rollouts the first one, then of two each."""

    def __init__(self, data: ImageDataModule) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(1, 1)
        self.data = data
        self.seen: list[list[int]] = []
        self.keys: set[str] = set()
        self.updates, self.update_count = 5, 0

    @property
    def rollouts_due(self) -> int:
        return 2 if self.update_count else 4

    def training_step(self, batch: Iterator[dict[str, Tensor]], batch_index: int) -> Tensor:
        self.seen.append([self.data.state_dict()["position"]])
        for targets in batch:
            self.seen[-1].append(self.data.state_dict()["position"])
            self.keys |= set(targets)
        self.update_count += 1
        return self.layer(targets["target"].float().mean().reshape(1, 1)).sum()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.0)


def test_lightning_reads_no_batch_ahead(build: Build, images_root: Path) -> None:
    data = build(Images, images_root)
    module = _Count(data)
    trainer = pl.Trainer(
        max_epochs=1,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        limit_val_batches=0,
    )
    trainer.fit(module, datamodule=data)
    # 12 batches of 4 cross borders of epochs of 16 images.
    assert module.seen == [[0, 1, 2, 3, 4], [4, 5, 6], [6, 7, 8], [8, 9, 10], [10, 11, 12]]
    assert module.keys == {"target", "index"}  # flipped


def test_reading_leaves_the_global_random_state_alone(build: Build, mnist_root: Path) -> None:
    data = build(Mnist, mnist_root)
    torch.manual_seed(0)
    np.random.seed(0)
    before = torch.get_rng_state(), np.random.get_state()[1].tolist()
    data.setup()
    for _ in zip(range(5), data.train_dataloader(), strict=False):
        pass
    for _ in data.val_dataloader():
        pass
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.random.get_state()[1].tolist() == before[1]


def test_a_set_that_has_lost_an_image_is_not_gone_on_with(build: Build, images_root: Path) -> None:
    before = build(Images, images_root)
    state = before.state_dict()
    before.load_state_dict(state)
    gone = next(path for path in sorted(images_root.rglob("*")) if path.is_file())
    gone.unlink()
    words = rf"has \d+ images, and had {state['images']} when .* put back what is missing"
    with pytest.raises(UserError, match=words):
        build(Images, images_root).load_state_dict(state)
