"""Self-contained HTML pages: style, pictures inside them, the frame around the body."""

import base64
import html
from pathlib import Path

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
