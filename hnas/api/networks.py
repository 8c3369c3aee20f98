"""One network of a file: its block, before it is known of which space it is."""

from pathlib import Path

from hnas.api.errors import WhichNetwork
from hnas.diag import HnasError, did_you_mean
from hnas.lang import ast
from hnas.lang.depth import not_too_deep
from hnas.lang.parser import parse, read_source, source_of

TEXT = "<text>"
"""How messages call a text that is in no file."""
NONE = "name a file with a network, as the found.hnas that hnas search writes"
"""What to do where a file has none."""


def network_block(given: Path | str, name: str | None = None) -> ast.Block:
    """The network `name` of a file or text; without a name the only one.

    What the file uses is not read.

    Args:
        given: A path, or a text: a str with a line break or a brace in it.
        name: Of the network.

    Raises:
        HnasError: It cannot be read, has syntax errors, no such network, or several and none is named.
    """
    text = isinstance(given, str) and any(sign in given for sign in "\n{")
    source = source_of(str(given).encode(errors="surrogatepass"), TEXT) if text else read_source(Path(given))
    with not_too_deep():
        file = parse(source)
    found = {b.name or "": b for b in file.items if isinstance(b, ast.Block) and b.kind == "network"}
    if name is None and len(found) == 1:
        return next(iter(found.values()))
    if name is not None and name in found:
        return found[name]
    raise HnasError(_which(source.name, tuple(found), name))


def _which(path: str, known: tuple[str, ...], name: str | None) -> WhichNetwork:
    if not known:
        return WhichNetwork(None, path=path, what="no network", advice=NONE)
    if name is not None:
        return WhichNetwork(None, path=path, what=f"no network {name}", advice=did_you_mean(name, known))
    listed = f"{', '.join(known[:8])}{', ...' if len(known) > 8 else ''}"
    advice = f"say which one by its name (--name): {listed}"
    return WhichNetwork(None, path=path, what=f"{len(known)} networks", advice=advice)
