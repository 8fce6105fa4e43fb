"""A renderer learned against a critic (Nakano, Neural Painters, 2019, section 2.3)."""

from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from impasto.bounds import Count, NotNegative, Whole, validated
from impasto.renderers import Renderer
from impasto.rl.rewards.penalties import between, slope_error
from impasto.runtime.precision import full_precision
from lightning_modules.base import Metrics
from lightning_modules.optimizers import Learner, OptimizerFactory, SchedulerFactory
from lightning_modules.renderers.base import RendererModule

CriticFactory = Callable[[int, int], nn.Module]  # (S, n); called with (shape, alpha)


@validated
class GanRendererModule(RendererModule):
    """The renderer G draws strokes that a critic D takes for the program's (Figure 4).

    With shapes s and the program's alpha x, by the Wasserstein loss with a gradient penalty
    (Gulrajani et al., "Improved Training of Wasserstein GANs", 2017, Eq. 3):

        D minimizes  E D(s, G(s)) - E D(s, x) + weight E (||grad_y D(s, y)|| - 1)^2
        G minimizes  -E D(s, G(s)) + pixel_weight E (G(s) - x)^2

    y lies between G(s) and x, at one factor per stroke. No noise goes in. An update is
    `critic_updates` steps of D, each on strokes of its own, and one of G.

    The first `pixel_updates` regress pixels, as `RendererModule` does: a renderer that draws each
    stroke's mean in its place needs nothing from the critic but texture. Then the critic learns
    alone for `critic_alone` updates: one that knows nothing would first lead the renderer astray.
    With both at 0 the loss is the paper's from the start, if `pixel_weight` is 0, too; above, it
    holds strokes in their places while few updates are made (Isola et al., "Image-to-Image
    Translation with Conditional Adversarial Networks", 2017, Eq. 4; of squares here).

    Args:
        renderer: G.
        critic: Makes D from the numbers in a shape and the pixels on a side.
        critic_updates: Steps of D in an update.
        pixel_updates: The first updates, by pixels.
        critic_alone: Updates after these in which D learns alone.
        pixel_weight: Of the mean squared error in what G minimizes later.
        gradient_penalty: The penalty's weight.
        optimizer: Makes G's optimizer.
        critic_optimizer: Makes D's, if it is not the same.
        scheduler: Makes the schedule of G's rate in updates, of D alone too; D's stays.
        shared: Arguments of `RendererModule`.
    """

    curves: ClassVar[tuple[str, ...]] = ("renderer_loss",)

    def __init__(
        self,
        renderer: Renderer,
        *,
        critic: CriticFactory,
        optimizer: OptimizerFactory,
        critic_updates: Count = 3,
        pixel_updates: Whole = 0,
        critic_alone: Whole = 0,
        pixel_weight: NotNegative = 0.0,
        gradient_penalty: NotNegative = 10.0,
        critic_optimizer: OptimizerFactory | None = None,
        scheduler: SchedulerFactory | None = None,
        **shared: Any,
    ) -> None:
        super().__init__(renderer, optimizer=optimizer, scheduler=scheduler, **shared)
        self.critic = critic(renderer.stroke.shape_dim, renderer.canvas_size)
        self.critic_updates = critic_updates
        self.pixel_updates = pixel_updates
        self.critic_alone = critic_alone
        self.pixel_weight = pixel_weight
        self.gradient_penalty = gradient_penalty
        self.automatic_optimization = False  # the two step in turn
        ours = Learner(self.critic, critic_optimizer or optimizer, None)
        self.register_learners({**self.networks_that_learn, "critic": ours})

    @property
    def last_phase(self) -> tuple[int, str]:
        """First update in which renderer and critic learn against each other, and its argument."""
        return self.pixel_updates + self.critic_alone, "`GanRendererModule.pixel_updates`"

    @property
    def rate_keys(self) -> list[str]:
        """Config keys of the renderer's rate, and of the critic's if it has its own optimizer."""
        learners = self.networks_that_learn
        if learners["critic"].optimizer is learners["renderer"].optimizer:
            return super().rate_keys
        return [*super().rate_keys, "`GanRendererModule.critic_optimizer.lr`"]

    def training_step(self, batch: int, batch_idx: int) -> Metrics:
        """Make one update, and count it."""
        return self.record(self.update())

    def update(self) -> Metrics:
        """Update the critic, then the renderer; at first the renderer alone, by pixels."""
        if self.update_count < self.pixel_updates:
            loss, pixel_metrics = self.loss(self.update_count)
            self.descend("renderer", loss)
            return pixel_metrics
        first = self.update_count * (self.critic_updates + 1)  # each step has a draw of its own
        metrics: Metrics = {}
        for draw in range(first, first + self.critic_updates):
            metrics = self.update_critic(draw)
        if self.update_count >= self.pixel_updates + self.critic_alone:
            metrics |= self.update_renderer(first + self.critic_updates)
        return metrics

    def update_critic(self, draw: int) -> Metrics:
        """Make one step of D on the strokes of a draw."""
        shape, exact = self.pairs_of(draw)
        with full_precision(shape):
            with torch.no_grad():
                drawn = self.renderer(shape)
            loss, metrics = self.critic_loss(shape, exact, drawn, self._numbers_of(draw))
        self.descend("critic", loss)
        return {"critic_loss": loss.detach(), **metrics}

    def critic_loss(
        self, shape: Tensor, exact: Tensor, drawn: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, Metrics]:
        """Return the loss of D, as above.

        Args:
            shape: s, (N, S).
            exact: x, (N, 1, n, n).
            drawn: G(s), (N, 1, n, n), without a gradient.
            generator: Source of the factors.

        Returns:
            A scalar, and `wasserstein`, the distance that D presently sees, with the penalty.
        """
        count = len(shape)
        points = between(drawn, exact, generator).requires_grad_()
        scores = self.critic(shape.repeat(3, 1), torch.cat([exact, drawn, points]))
        real, fake, middle = scores.split(count)
        penalty = slope_error(middle, [points])
        distance = real.mean() - fake.mean()
        metrics = {"wasserstein": distance.detach(), "gradient_penalty": penalty.detach()}
        return self.gradient_penalty * penalty - distance, metrics

    def update_renderer(self, draw: int) -> Metrics:
        """Make one step of G on the strokes of a draw; exact ones are drawn for pixels only."""
        shape, exact = self.pairs_of(draw) if self.pixel_weight else (self.strokes_of(draw), None)
        metrics: Metrics = {}
        with full_precision(shape), self.toggled_optimizer(self.optimizer_of("renderer")):
            drawn = self.renderer(shape)
            loss = -self.critic(shape, drawn).mean()
            if exact is not None:
                error = F.mse_loss(drawn, exact)
                metrics["renderer_loss"] = error.detach()
                loss = loss + self.pixel_weight * error
            self.descend("renderer", loss)
        return {"generator_loss": loss.detach(), **metrics}
