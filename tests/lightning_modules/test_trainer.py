"""The trainer's precision."""

import pytest
import torch
from pytorch_lightning.plugins.precision import MixedPrecision, Precision

from lightning_modules import AtomicCheckpointIO, AutoPrecision, Trainer


@pytest.mark.parametrize(
    ("features", "word", "kind"),
    [
        ({}, "auto", Precision),
        ({"amx_bf16": True}, "auto", AutoPrecision),
        ({"amx_bf16": True}, "bf16-mixed", MixedPrecision),
        ({"amx_bf16": True}, "32-true", Precision),
    ],
)
def test_auto_is_settled_later_where_bfloat16_is_fast(
    features: dict[str, bool], word: str, kind: type[Precision], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: features, raising=False)
    trainer = Trainer(
        accelerator="cpu",
        precision=word,
        plugins=[AtomicCheckpointIO()],
        logger=False,
        enable_checkpointing=False,
    )
    assert type(trainer.precision_plugin) is kind
    assert isinstance(trainer.strategy.checkpoint_io, AtomicCheckpointIO)


def test_float32_is_that_of_ieee() -> None:
    torch.backends.cudnn.allow_tf32 = True  # torch's default
    Trainer(accelerator="cpu", precision="32-true", logger=False, enable_checkpointing=False)
    assert torch.backends.cudnn.allow_tf32 is False
