"""The task `import`: weights of other programs, as exported folders of ours."""

import logging
from pathlib import Path

from impasto.bounds import Count, validated
from impasto.errors import UserError
from impasto.renderers import judge, save_renderer
from impasto.tasks.publish.learning_to_paint import import_policy, import_renderer
from impasto.tasks.runs.run_folder import shown

log = logging.getLogger(__name__)


@validated
def import_weights(
    renderer_pkl: str | Path | None,
    actor_pkl: str | Path | None,
    strokes: Count,
    folder: str | Path,
) -> dict[str, object]:
    """Write `renderer/`, and with an actor `agent/`, of LearningToPaint's published weights.

    Args:
        renderer_pkl: Its `renderer.pkl`.
        actor_pkl: Its `actor.pkl`.
        strokes: Strokes in a painting of the agent's.
        folder: The run folder.

    Returns:
        `status`, `untrained` if the renderer draws no strokes, and its `renderer_mse`.

    Raises:
        UserError: No file is given, or one is not what it should be.
    """
    if renderer_pkl is None:
        todo = "give renderer_pkl=FILE, LearningToPaint's renderer.pkl"
        raise UserError("renderer_pkl is not set, which the agent needs too", todo)
    renderer = import_renderer(renderer_pkl)
    policy = None if actor_pkl is None else import_policy(actor_pkl, renderer, strokes)
    verdict = judge(renderer)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    save_renderer(folder / "renderer", renderer, verdict)
    log.info("renderer.weights=%s", shown(folder / "renderer"))
    if policy is not None:
        policy.save(folder / "agent")
        log.info("agent.weights=%s", shown(folder / "agent"))
    status = "finished" if verdict.trained else "untrained"
    if not verdict.trained:
        share = f"{verdict.ratio:.2f} of the mean image's"
        log.warning("warning: the renderer is NOT TRAINED, its error is %s", share)
    return {"status": status, "renderer_mse": verdict.mse}
