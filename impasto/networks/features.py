"""Feature maps of a fixed classifier of photographs."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from impasto.errors import UserError
from impasto.networks.pretrained import Pretrained, model_names, pretrained
from impasto.persistence.tensors import Unreadable, read_tensors


class ClassifierFeatures(nn.Module):
    """Fixed network from pictures to the feature maps of chosen layers.

    The weights are buffers that no checkpoint holds: every run reads them from where they come
    from. A checkpoint keeps their fingerprint, and refuses to go on with others.

    Args:
        model: A name of `impasto.networks.pretrained`.
        layers: Names of its nodes, as `torchvision.models.feature_extraction` calls them.
        weights: ``default``: torchvision's, downloaded once, or those of the extra `[features]`; a
            file with a state dict, which needs no more than those layers; or ``random``, always the
            same ones, which need neither network nor file: what such layers keep of a picture is
            enough to make it again (He, Wang and Hopcroft, "A Powerful Generative Model Using
            Random Weights for the Deep Image Representation", 2016).
        setting: What errors call `weights`, where it is another's argument, too.

    Raises:
        UserError: No such model, layer or file; the weights do not fit, or can't be downloaded.
    """

    def __init__(
        self,
        model: str = "vgg16",
        layers: Sequence[str] = ("features.3", "features.8"),
        weights: str = "default",
        setting: str = "weights",
    ) -> None:
        super().__init__()
        self.owner = setting.removesuffix(setting.rpartition(".")[2])  # with its dot
        if model not in model_names():
            argument = f"{self.owner}model"
            todo = f"give a classifier of torchvision.models, such as `{argument}=vgg16`"
            raise UserError(f"there is no classifier {model!r}", todo)
        source = pretrained(model)
        network = _untrained(source, model, layers, self.owner)
        if weights == "random":
            _randomize(network.to_empty(device="cpu"))
        else:
            _load(network, source, model, weights, setting)
        self.model, self.layers = model, list(layers)
        self.fingerprint = _fingerprint(network.state_dict())
        self.network = fixed(network.eval())
        self.register_buffer("mean", torch.tensor(source.mean).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(source.std).view(3, 1, 1), persistent=False)
        self.mean: Tensor
        self.std: Tensor

    def train(self, mode: bool = True) -> "ClassifierFeatures":
        """Stay in evaluation mode."""
        return super().train(False)

    def forward(self, pictures: Tensor) -> list[Tensor]:
        """Map RGB pictures (B, 3, H, W) in [0, 1] to a feature map (B, C, h, w) per layer."""
        maps: dict[str, Tensor] = self.network((pictures - self.mean) / self.std)
        return [maps[layer] for layer in self.layers]

    def get_extra_state(self) -> Tensor:
        """Return what a checkpoint holds in place of the weights: their fingerprint."""
        return self.fingerprint

    def set_extra_state(self, state: Tensor) -> None:
        """Compare the fingerprint with a checkpoint's.

        Raises:
            UserError: That run had other weights.
        """
        if not torch.equal(state.cpu(), self.fingerprint):
            owner = self.owner
            raise UserError(
                "the checkpoint's run had other weights in its perceptual reward",
                f"give the same `{owner}model`, `{owner}layers` and `{owner}weights`",
            )


def _untrained(source: Pretrained, model: str, layers: Sequence[str], owner: str) -> nn.Module:
    """Build the model up to the layers, without storage for its weights."""
    from torchvision.models.feature_extraction import create_feature_extractor

    if not layers or isinstance(layers, str):
        raise UserError(f"`{owner}layers` is {layers!r}", "give a list such as [features.3]")
    with torch.device("meta"):
        whole = source.build().eval()
    try:
        network: nn.Module = create_feature_extractor(whole, list(layers))
    except ValueError as error:
        reason = str(error).partition(". ")[0]
        todo = "torchvision.models.feature_extraction.get_graph_node_names lists the layers"
        raise UserError(f"{model} has no such layer ({reason})", todo) from error
    return network


def _load(network: nn.Module, source: Pretrained, model: str, weights: str, setting: str) -> None:
    """Load the weights of a network that has no storage yet."""
    example = f"`{setting}=FILE`"
    path = source.find(example) if weights == "default" else Path(weights)
    state = read_state(path, setting, f"give {example}")
    needed = network.state_dict()
    missing = [name for name in needed if name not in state]
    todo = f"give {example} with a state dict of {model}"
    if missing:
        raise UserError(f"{path} lacks {missing[0]} of {model}", todo)
    try:
        network.load_state_dict({name: state[name] for name in needed}, assign=True)
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()
        raise UserError(f"{path} does not fit {model} ({reason})", todo) from error


@torch.no_grad()
def _randomize(network: nn.Module) -> None:
    """Initialize as He et al., 2015: activations keep their variance; the same every time."""
    generator = torch.Generator().manual_seed(0)
    for name, tensor in network.state_dict().items():
        if name.endswith("num_batches_tracked"):
            tensor.zero_()
        elif tensor.ndim > 1:
            nn.init.kaiming_normal_(tensor, nonlinearity="relu", generator=generator)
        else:  # of a normalization; a bias, a mean
            tensor.fill_(float(name.endswith(("weight", "running_var"))))


def read_state(path: Path, setting: str, example: str) -> Mapping[str, Tensor]:
    """Read a state dict, without running code from the file.

    Args:
        path: The file.
        setting: The argument that named it, for errors.
        example: How to give one there.

    Raises:
        UserError: It is none.
    """
    try:
        state = read_tensors(path)
    except Unreadable as error:
        if isinstance(error.__cause__, FileNotFoundError):
            raise UserError(f"{path} does not exist", f"correct `{setting}`") from error
        todo = f"{example} with a state dict that torch.save wrote"
        raise UserError(f"{path} can't be read as weights ({error})", todo) from error
    if not isinstance(state, Mapping) or not all(isinstance(v, Tensor) for v in state.values()):
        what = f"{path} holds something else than tensors by name"
        raise UserError(what, f"{example} with a state dict alone")
    return state


def _fingerprint(state: Mapping[str, Tensor]) -> Tensor:
    """Return a fingerprint of the weights, 32 bytes."""
    digest = hashlib.sha256()
    for name, tensor in state.items():
        digest.update(name.encode())
        digest.update(tensor.contiguous().flatten().view(torch.uint8).numpy().data)
    return torch.tensor(list(digest.digest()), dtype=torch.uint8)


def fixed(network: nn.Module) -> nn.Module:
    """Turn all weights into buffers that are not saved, and switch in-place layers off."""
    for module in network.modules():
        if hasattr(module, "inplace"):
            setattr(module, "inplace", False)  # noqa: B010, no module's declared attribute
        tensors = {**module._parameters, **module._buffers}
        for name, tensor in tensors.items():
            delattr(module, name)
            constant = None if tensor is None else tensor.detach()
            module.register_buffer(name, constant, persistent=False)
    return network
