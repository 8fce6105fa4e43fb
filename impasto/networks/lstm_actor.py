"""The sequential policy of Neural Painters: a picture in, strokes out one after the other."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from impasto.bounds import Count, Depth, Whole, Width, validated
from impasto.networks.resnet import ResNet
from impasto.runtime.precision import full_precision


@validated
class LstmActor(nn.Module):
    """A policy pi(s) that emits the strokes of its bundle by an LSTM (Nakano, 2019, section 3).

    A convolutional encoder says what is to be seen. The LSTM begins from that, and at each of its K
    steps sees it again, beside which stroke is due; a linear layer makes the stroke of its output.
    With ``bundle`` as large as ``strokes`` a painting is one such sequence, as in the paper; with a
    smaller one every bundle is, and is made in sight of the canvas so far.

    Args:
        in_channels: Channels of the observation.
        out_features: Numbers in an action, K * D.
        bundle: Strokes in an action, K.
        features: Numbers that the encoder says about the picture.
        units: Of the LSTM.
        layers: Of the LSTM.
        blocks: Residual blocks in each stage of the encoder; see `ResNet`, like the rest.
        width: Channels of its first stage.
        norm: How it normalizes.
        residual: How strongly missing paint is shown to it.
        hidden: Units of a layer at its end.
        glance: Squares on a side of what that layer sees of the picture directly.
        coordinates: Whether it sees planes of coordinates.

    Raises:
        ValueError: `out_features` is no multiple of `bundle`.
    """

    def __init__(
        self,
        in_channels: int,
        out_features: int,
        bundle: Count = 5,
        features: Count = 256,
        units: Width = 256,
        layers: Depth = 1,
        blocks: Sequence[Depth] = (1, 1, 1, 1),
        width: Width = 32,
        norm: str = "batch",
        residual: float = 0.0,
        hidden: Whole = 0,
        glance: Whole = 0,
        coordinates: bool = True,
    ) -> None:
        super().__init__()
        if out_features % bundle:
            raise ValueError(f"{out_features} numbers are no {bundle} strokes of one length")
        self._config = {
            "in_channels": in_channels,
            "out_features": out_features,
            "bundle": bundle,
            "features": features,
            "units": units,
            "layers": layers,
            "blocks": list(blocks),
            "width": width,
            "norm": norm,
            "residual": residual,
            "hidden": hidden,
            "glance": glance,
            "coordinates": coordinates,
        }
        self.encoder = ResNet(
            in_channels, features, blocks, width, norm, residual, hidden, glance, coordinates
        )
        self.begin = nn.Linear(features, 2 * layers * units)  # hidden and cell state of each layer
        # Seeing the same at every step, an LSTM would settle, and repeat its last stroke.
        self.due = nn.Parameter(torch.randn(bundle, features))
        self.lstm = nn.LSTM(features, units, layers, batch_first=True)
        self.head = nn.Linear(units, out_features // bundle)

    def config(self) -> dict[str, Any]:
        """Return the constructor arguments."""
        return dict(self._config)

    def forward(self, observation: Tensor) -> Tensor:
        """Map (B, in_channels, H, W) to (B, K * D) in [0, 1]."""
        features = self.encoder(observation)  # (B, features)
        with full_precision(features):
            first = self.begin(features).tanh()
            state = first.view(len(first), 2, self.lstm.num_layers, -1).permute(1, 2, 0, 3)
            inputs = torch.relu(features[:, None] + self.due)  # (B, K, features)
            out, _ = self.lstm(inputs, (state[0].contiguous(), state[1].contiguous()))
            strokes: Tensor = self.head(out).sigmoid()  # (B, K, D)
        return strokes.flatten(1)

    @property
    def coarse_parts(self) -> tuple[nn.Module, ...]:
        """Layers that may run in bfloat16."""
        return self.encoder.coarse_parts
