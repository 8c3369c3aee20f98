"""The commands and their options."""

from inspect import cleandoc

import click

from hnas.cli.main import command as hnas
from manual.markdown import code, fence, prose, table


def commands() -> str:
    """A line for each command, then a section with its usage, help and options."""
    listed = hnas.commands.items()
    rows = [(f"[`hnas {name}`](#hnas-{name})", prose(each.short_help or "")) for name, each in listed]
    parts = [table(("command", "what it does"), rows)]
    for name, each in listed:
        parts += [f"## hnas {name}", _section(f"hnas {name}", each)]
    return "\n\n".join(parts)


def _section(name: str, command: click.Command) -> str:
    context = click.Context(command, info_name=name)
    parts = [fence(" ".join([name, *command.collect_usage_pieces(context)]))]
    for paragraph in cleandoc(command.help or "").split("\n\n"):
        # click's sign for lines that are kept as they are
        kept = paragraph.startswith("\b\n")
        parts.append(fence(paragraph[2:]) if kept else prose(paragraph))
    records = [p.get_help_record(context) for p in command.params if isinstance(p, click.Option)]
    rows = [(code(record[0]), prose(record[1])) for record in records if record is not None]
    return "\n\n".join([*parts, *([table(("option", "meaning"), rows)] if rows else [])])
