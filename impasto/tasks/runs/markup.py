"""Self-contained HTML pages with their pictures inside them, and tables in HTML and Markdown."""

import base64
import html
from pathlib import Path

import pandas as pd

from impasto.io.files import PICTURE, read_bytes

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 76rem; padding: 0 1rem }
img { max-width: 100%; image-rendering: pixelated; margin: .3rem 1rem .3rem 0; vertical-align: top }
figure { display: inline-block; margin: 0 } figcaption { color: #666; font-size: 13px }
table { border-collapse: collapse; font-size: 14px } td { padding: 0 1rem 0 0 }
"""


def page(title: str, body: str, style: str = "") -> str:
    """A whole page.

    Args:
        title: Plain text.
        body: HTML.
        style: CSS after that of every page.
    """
    return (
        '<!doctype html><html lang="en"><meta charset=utf-8>'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{html.escape(title)}</title><style>{_STYLE}{style}</style>{body}</html>"
    )


def data_uri(path: Path, at_most: int = PICTURE) -> str:
    """A picture as an address that holds all of it; its suffix says which kind it is.

    Args:
        path: The file.
        at_most: The largest size that is taken, in bytes.

    Raises:
        OSError: It can't be read, or is larger.
    """
    data = base64.b64encode(read_bytes(path, at_most)).decode()
    return f"data:image/{path.suffix[1:]};base64,{data}"


def html_table(table: pd.DataFrame, header: bool = True) -> str:
    """A table of cells that are HTML.

    Args:
        table: Texts, escaped where they hold what is none.
        header: Whether to show the names of the columns.
    """
    with pd.option_context("display.max_colwidth", None):
        return str(table.to_html(header=header, index=False, border=0, escape=False))


def markdown_table(table: pd.DataFrame) -> str:
    """A table of cells that are Markdown, below the names of its columns."""
    cells = table.map(lambda text: str(text).replace("|", r"\|")).to_numpy().tolist()
    rows = [list(table.columns), ["---"] * len(table.columns), *cells]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
