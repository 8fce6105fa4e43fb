"""Feature maps of a fixed classifier of photographs."""

import hashlib
import urllib.parse
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from impasto.errors import UserError
from impasto.io.download import downloading
from impasto.persistence.tensors import Unreadable, read_tensors

_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, RGB


class ClassifierFeatures(nn.Module):
    """Fixed network from pictures to the feature maps of chosen layers.

    The weights are buffers that no checkpoint holds: every run reads them from where they come
    from. A checkpoint keeps their fingerprint, and refuses to go on with others.

    Args:
        model: A classifier of torchvision.
        layers: Names of its nodes, as `torchvision.models.feature_extraction` calls them.
        weights: ``default``: torchvision's, downloaded once; a file with a state dict, which needs
            no more than those layers; or ``random``, always the same ones, which need neither
            network nor file: what such layers keep of a picture is enough to make it again (He,
            Wang and Hopcroft, "A Powerful Generative Model Using Random Weights for the Deep Image
            Representation", 2016).
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
        self._owner = setting.removesuffix(setting.rpartition(".")[2])  # with its dot
        network = _untrained(model, layers, self._owner)
        if weights == "random":
            _randomize(network.to_empty(device="cpu"))
        else:
            _load(network, model, weights, setting)
        self.layers = list(layers)
        self.fingerprint = _fingerprint(network.state_dict())
        self.network = fixed(network.eval())
        self.register_buffer("mean", torch.tensor(_MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(_STD).view(3, 1, 1), persistent=False)
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
            owner = self._owner
            raise UserError(
                "the checkpoint's run had other weights in its perceptual reward",
                f"give the same `{owner}model`, `{owner}layers` and `{owner}weights`",
            )


def _untrained(model: str, layers: Sequence[str], owner: str) -> nn.Module:
    """Build the model up to the layers, without storage for its weights."""
    # Here and not above: importing it takes a second that no other reward need wait.
    from torchvision import models
    from torchvision.models.feature_extraction import create_feature_extractor

    if not is_model(model):
        argument = f"{owner}model"
        todo = f"give a classifier of torchvision.models, such as `{argument}=vgg16`"
        raise UserError(f"torchvision has no classifier {model!r}", todo)
    if not layers or isinstance(layers, str):
        raise UserError(f"`{owner}layers` is {layers!r}", "give a list such as [features.3]")
    with torch.device("meta"):
        whole = models.get_model(model, weights=None).eval()
    try:
        network: nn.Module = create_feature_extractor(whole, list(layers))
    except ValueError as error:
        reason = str(error).partition(". ")[0]
        todo = "torchvision.models.feature_extraction.get_graph_node_names lists the layers"
        raise UserError(f"{model} has no such layer ({reason})", todo) from error
    return network


def _load(network: nn.Module, model: str, weights: str, setting: str) -> None:
    """Load the weights of a network that has no storage yet."""
    todo = f"get that file in another way and give `{setting}=FILE`"
    path = downloaded_weights(model, todo) if weights == "default" else Path(weights)
    state = read_state(path, setting, f"give `{setting}=FILE`")
    needed = network.state_dict()
    missing = [name for name in needed if name not in state]
    todo = f"give `{setting}=FILE` with a state dict of torchvision's {model}"
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


def is_model(name: str) -> bool:
    """Return True if torchvision has a classifier of this name."""
    from torchvision import models

    return name in models.list_models(module=models)


def downloaded_weights(model: str, todo: str) -> Path:
    """Find torchvision's best weights in torch.hub's folder, where earlier downloads lie.

    Args:
        model: A classifier of torchvision.
        todo: What to do where it can't be downloaded.

    Raises:
        UserError: It can't.
    """
    from torchvision.models import get_model_weights

    url = get_model_weights(model).DEFAULT.url
    path = Path(torch.hub.get_dir()) / "checkpoints" / Path(urllib.parse.urlparse(url).path).name
    if not path.exists():
        with downloading(f"the weights of {model}", [url], todo):
            path.parent.mkdir(parents=True, exist_ok=True)
            digest = path.stem.rpartition("-")[2]
            torch.hub.download_url_to_file(url, str(path), digest, progress=False)
    return path


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
