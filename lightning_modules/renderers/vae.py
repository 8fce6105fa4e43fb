"""A renderer learned as a variational autoencoder (Nakano, Neural Painters, 2019, section 2.2)."""

from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from impasto.bounds import Count, NotNegative, validated
from impasto.errors import UserError
from impasto.renderers import VaeRenderer
from impasto.runtime.precision import full_precision
from lightning_modules.base import Metrics
from lightning_modules.optimizers import Learner, OptimizerFactory, SchedulerFactory
from lightning_modules.renderers.base import RendererModule

EncoderFactory = Callable[[int, int], nn.Module]  # (n, Z); alpha to means and log-variances


@validated
class VaeRendererModule(RendererModule):
    """First a latent space of strokes is learned, then where in it a shape's stroke is (Figure 2).

    Stage 1, the first `vae_updates`: an encoder E and the renderer's decoder minimize, with alpha x
    (Kingma and Welling, "Auto-Encoding Variational Bayes", 2014, Eq. 10),

        E over z from E(x)  -log p(x | z)  +  kl_weight KL(E(x) || N(0, 1))

    where p(x | z) takes every pixel for the probability that paint is there. Stage 2, all others:
    the renderer's layers for the shape learn E's mean by mean squared error; the rest stays.

    Args:
        renderer: Decoder, and layers for the shape.
        encoder: Makes E from the pixels on a side and the numbers of a latent point.
        vae_updates: Updates of stage 1.
        kl_weight: Of the divergence.
        optimizer: Makes the optimizer, which in each stage moves what has a gradient.
        scheduler: Makes its schedule in updates, from the beginning of stage 1 on.
        shared: Arguments of `RendererModule`.

    Raises:
        UserError: A `criterion`.
    """

    curves: ClassVar[tuple[str, ...]] = ("pixel_error", "latent_error")
    renderer: VaeRenderer

    def __init__(
        self,
        renderer: VaeRenderer,
        *,
        encoder: EncoderFactory,
        optimizer: OptimizerFactory,
        vae_updates: Count = 250_000,
        kl_weight: NotNegative = 1.0,
        scheduler: SchedulerFactory | None = None,
        **shared: Any,
    ) -> None:
        super().__init__(renderer, optimizer=optimizer, scheduler=scheduler, **shared)
        if self.criterion != "mse":
            todo = "leave it out, or choose `NeuralRenderer`"
            raise UserError(
                f"`criterion={self.criterion}`: a VAE learns by losses of its own", todo
            )
        self.encoder = encoder(renderer.canvas_size, renderer.latent)
        self.vae_updates = vae_updates
        self.kl_weight = kl_weight
        learning = nn.ModuleList([self.encoder, renderer.draw, renderer.to_latent])
        self.register_learners({"renderer": Learner(learning, optimizer, scheduler)})

    @property
    def last_phase(self) -> tuple[int, str]:
        """First update of stage 2, and its argument."""
        return self.vae_updates, "`VaeRendererModule.vae_updates`"

    @property
    def compilable(self) -> list[nn.Module]:
        """The parts of the renderer, which learn apart, and the encoder."""
        return [self.encoder, self.renderer.draw, self.renderer.to_latent]

    def loss(self, draw: int) -> tuple[Tensor, Metrics]:
        """Return the loss of the stage that is due."""
        shape, exact = self.pairs_of(draw)
        with full_precision(shape):
            if draw < self.vae_updates:
                return self.vae_loss(exact, self._numbers_of(draw))
            loss = self.latent_loss(shape, exact)
        return loss, {"latent_error": loss.detach()}

    def vae_loss(self, exact: Tensor, generator: torch.Generator) -> tuple[Tensor, Metrics]:
        """Return the loss of stage 1, as above, in nats per stroke.

        Args:
            exact: x, (N, 1, n, n).
            generator: Draws z.

        Returns:
            A scalar; and `pixel_error`, the mean squared error of what is decoded, with `kl`, the
            divergence in nats per stroke.
        """
        mean, log_variance = self.encoder(exact)  # (N, Z) each
        noise = torch.randn(mean.shape, generator=generator, device=mean.device)
        logits = self.renderer.decode(mean + (log_variance / 2).exp() * noise)
        surprise = F.binary_cross_entropy_with_logits(logits, exact, reduction="sum") / len(exact)
        divergence = (mean.square() + log_variance.exp() - 1 - log_variance).sum(1).mean() / 2
        error = F.mse_loss(logits.detach().sigmoid(), exact)
        loss = surprise + self.kl_weight * divergence
        return loss, {"vae_loss": loss.detach(), "pixel_error": error, "kl": divergence.detach()}

    def latent_loss(self, shape: Tensor, exact: Tensor) -> Tensor:
        """Return the loss of stage 2: shapes (N, S) against the latent means of (N, 1, n, n)."""
        with torch.no_grad():
            mean, _ = self.encoder(exact)
        return F.mse_loss(self.renderer.locate(shape), mean)
