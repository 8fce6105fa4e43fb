"""libmypaint, loaded when it is first needed, and what its functions take and return.

Of the 1.x line: https://github.com/mypaint/libmypaint, `mypaint-brush.h`, `mypaint-surface.h`,
`mypaint-tiled-surface.h` and `mypaint-fixed-tiled-surface.h`. A surface, a tiled one and a fixed
tiled one are one and the same pointer: each struct begins with the one before.
"""

import ctypes
import ctypes.util
from ctypes import POINTER, c_char_p, c_double, c_float, c_int, c_void_p
from functools import cache
from typing import Any

from impasto.errors import UserError

TILE = 64  # pixels on a side
FULL = 1 << 15  # of a premultiplied 16-bit channel that is 1
_NAMES = ("mypaint-1.5", "mypaint")
_FILES = ("libmypaint-1.5.so.1", "libmypaint-1.5.1.dylib", "libmypaint.so.0")


class Rectangle(ctypes.Structure):
    """MyPaintRectangle: pixels."""

    _fields_ = [("x", c_int), ("y", c_int), ("width", c_int), ("height", c_int)]


class TileRequest(ctypes.Structure):
    """MyPaintTileRequest."""

    _fields_ = [
        ("tx", c_int),
        ("ty", c_int),
        ("readonly", c_int),
        ("buffer", c_void_p),
        ("context", c_void_p),
        ("thread_id", c_int),
        ("mipmap_level", c_int),
    ]


class SettingInfo(ctypes.Structure):
    """MyPaintBrushSettingInfo."""

    _fields_ = [
        ("cname", c_char_p),
        ("name", c_char_p),
        ("constant", c_int),
        ("min", c_float),
        ("default", c_float),
        ("max", c_float),
        ("tooltip", c_char_p),
    ]


_OBJECT = c_void_p
_FUNCTIONS: dict[str, tuple[Any, list[Any]]] = {
    "mypaint_brush_new": (_OBJECT, []),
    "mypaint_brush_unref": (None, [_OBJECT]),
    "mypaint_brush_from_defaults": (None, [_OBJECT]),
    "mypaint_brush_from_string": (c_int, [_OBJECT, c_char_p]),
    "mypaint_brush_set_base_value": (None, [_OBJECT, c_int, c_float]),
    "mypaint_brush_reset": (None, [_OBJECT]),
    "mypaint_brush_new_stroke": (None, [_OBJECT]),
    # brush, surface; x, y, pressure, tilt in x and y; seconds
    "mypaint_brush_stroke_to": (c_int, [_OBJECT, _OBJECT, *[c_float] * 5, c_double]),
    "mypaint_brush_setting_from_cname": (c_int, [c_char_p]),
    "mypaint_brush_setting_info": (POINTER(SettingInfo), [c_int]),
    "mypaint_brush_input_from_cname": (c_int, [c_char_p]),
    "mypaint_fixed_tiled_surface_new": (_OBJECT, [c_int, c_int]),
    "mypaint_surface_unref": (None, [_OBJECT]),
    "mypaint_surface_begin_atomic": (None, [_OBJECT]),
    "mypaint_surface_end_atomic": (None, [_OBJECT, POINTER(Rectangle)]),
    # request, level, tile's column and row, whether it is only read
    "mypaint_tile_request_init": (None, [POINTER(TileRequest), *[c_int] * 4]),
    "mypaint_tiled_surface_tile_request_start": (None, [_OBJECT, POINTER(TileRequest)]),
    "mypaint_tiled_surface_tile_request_end": (None, [_OBJECT, POINTER(TileRequest)]),
}


@cache
def library() -> Any:
    """Load the library, with its functions declared.

    Raises:
        UserError: It is not installed, or is one that lacks a function.
    """
    installed = [name for name in map(ctypes.util.find_library, _NAMES) if name]
    for file in (*installed, *_FILES):
        try:
            loaded = ctypes.CDLL(file)
            for name, (result, arguments) in _FUNCTIONS.items():
                function = getattr(loaded, name)
                function.restype, function.argtypes = result, arguments
        except (OSError, AttributeError):  # not there; or of another line
            continue
        return loaded
    raise UserError(
        "libmypaint 1.5 or 1.6 is not installed: `MyPaint` draws with it",
        "run make mypaint, or install Debian's libmypaint-1.5-1 and mypaint-brushes",
    )


@cache
def setting_number(name: str) -> int:
    """Return the number of a brush setting, such as ``radius_logarithmic``; -1 if unknown."""
    number: int = library().mypaint_brush_setting_from_cname(name.encode())
    return number
