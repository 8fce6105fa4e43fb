"""Layout of the page, in Gradio."""

from collections.abc import Mapping, Sequence
from typing import Any

import gradio as gr

from impasto.tasks.serve.events import QUIET, Events
from impasto.tasks.serve.menus import Choice, find_choice
from impasto.tasks.serve.session import Session

_HEADER = """<h1>Impasto</h1>
<p>Drop a picture and watch it being painted. Every stroke is yours: step through the painting, and
take it with you as a picture, as a film, or as the strokes themselves.</p>"""
CSS = """
.gradio-container { max-width: 1200px !important; margin: auto; }
#header h1 { font-size: 1.7rem; margin: 0.4rem 0 0.1rem; }
#header p { margin: 0; opacity: 0.75; }
#status { min-height: 3rem; }
#status progress { width: 100%; height: 0.5rem; accent-color: var(--primary-500); }
#status .wrong { color: #c2410c; font-weight: 600; }
#canvas img { width: 100%; height: 100%; object-fit: contain; }
#exports { gap: 0.4rem; }
#exports button { min-width: 4.4rem; flex: 0 1 auto; }
"""


def build_page(
    session: Session, strokes: int = 500, painter: str | None = None, kind: str | None = None
) -> gr.Blocks:
    """Build the page of a session.

    Args:
        session: What it does.
        strokes: How many strokes are suggested.
        painter: Which painter is, if it is there.
        kind: Which stroke kind is.

    Returns:
        The page, to be launched with `CSS`.
    """
    page: gr.Blocks
    with gr.Blocks(title="Impasto", analytics_enabled=False) as page:
        gr.HTML(_HEADER, elem_id="header")
        with gr.Row():
            with gr.Column(scale=1, min_width=300):
                controls = Controls(session, strokes, painter, kind)
            with gr.Column(scale=2, min_width=420):
                stage = Stage(session)
        Events(session, controls, stage).connect(page)
    page.queue(api_open=False)
    return page


class Controls:
    """Left side: what to paint, and how."""

    def __init__(
        self, session: Session, strokes: int, painter: str | None, kind: str | None
    ) -> None:
        limits = session.limits
        self.photo = gr.File(
            label=f"Picture (at most {limits.megabytes:g} MB)",
            file_types=["image"],
            height=140,
            elem_id="photo",
        )
        self.painter = _dropdown("Painter", session.painters, painter, "painter")
        free = session.own[str(self.painter.value)] is None
        names = session.takes[str(self.painter.value)]
        self.kind = _dropdown("Stroke", session.kinds, kind, "kind", free, names)
        self.opaque = gr.Checkbox(
            label="Opaque strokes",
            info="as a pen's or a thick brush's; G-code needs it",
            interactive=free,
        )
        most = max(limits.strokes, 2)
        self.strokes = gr.Slider(
            1, most, min(strokes, most), step=1, label="Number of strokes", elem_id="strokes"
        )
        with gr.Row():
            self.paint = gr.Button("Paint", variant="primary", elem_id="paint")
            self.stop = gr.Button("Stop", variant="stop", interactive=False, elem_id="stop")
        self.status = gr.HTML("", elem_id="status")


class Stage:
    """Right side: the painting, and what can be done with it."""

    def __init__(self, session: Session) -> None:
        self.canvas = gr.Image(
            show_label=False,
            format="png",
            interactive=False,
            height=520,
            buttons=["fullscreen"],
            elem_id="canvas",
        )
        with gr.Row(equal_height=True):
            self.play = gr.Button("Play", size="sm", scale=1, min_width=80, interactive=False)
            self.at = gr.Slider(
                0,
                1,
                0,
                step=1,
                label="Strokes shown",
                scale=8,
                interactive=False,
                elem_id="at",
                buttons=[],
            )
        gr.Markdown("Take it with you:")
        with gr.Row(elem_id="exports"):
            self.exports = {
                name: gr.Button(
                    name.upper(), size="sm", interactive=False, elem_id=f"export-{name}"
                )
                for name in session.exporters
            }
        self.file = gr.DownloadButton(visible="hidden", size="sm", elem_id="file")
        self.fresh = gr.State(False)  # whether a painting was just finished

    def enabled(self, count: int, fresh: bool = False) -> list[Any]:
        """Updates of `play`, `at` and the exports for a painting of so many strokes; 0: none.

        One that is fresh is going to be played from the start.
        """
        ready = count > 0
        at: dict[str, Any] = {"maximum": count} if ready else {}
        if fresh:
            at["value"] = 0
        exports = [gr.Button(interactive=ready) for _ in self.exports]
        return [gr.Button(interactive=ready), gr.Slider(interactive=ready, **at), *exports]


def _dropdown(
    label: str,
    choices: Mapping[str, Choice[Any]],
    wanted: str | None,
    elem_id: str,
    interactive: bool = True,
    among: Sequence[str] = (),
) -> gr.Dropdown:
    """Menu of the choices, or at first of some of them, by name, with what each is."""
    names = list(among or choices)
    value = find_choice(names, wanted) or names[0]
    about = {name: choice.about for name, choice in choices.items()}
    dropdown = gr.Dropdown(
        names,
        value=value,
        label=label,
        info=about[value],
        elem_id=elem_id,
        interactive=interactive,
    )
    dropdown.change(
        lambda name: gr.Dropdown(info=about[name]), dropdown, dropdown, queue=False, **QUIET
    )
    return dropdown
