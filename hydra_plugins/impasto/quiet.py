"""What libraries say without need."""

import logging
import warnings

_NO_NEWS = (
    r".*module\(s\) in eval mode at the start",  # target networks and renderers are
    r".*does not have many workers",  # reading from the cache needs none
    r".*LeafSpec.* is deprecated",  # between Lightning and torch
)


def quieten() -> None:
    """Leave out Lightning's advertisements, and its advice on what is done here on purpose.

    To be called once it is loaded, if it is: loading it sets what it says.
    """
    for library in ("pytorch_lightning", "lightning_fabric"):
        logging.getLogger(library).setLevel(logging.WARNING)
    logging.raiseExceptions = False  # a log that can't be written, on a full disk, says nothing
    for message in _NO_NEWS:
        warnings.filterwarnings("ignore", message=message)
