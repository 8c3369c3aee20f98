"""`hnas explain`: what a code means. Needs no torch."""

import click

from hnas.cli.terminal import say


@click.command(short_help="What an error code means, with an example and its mend.")
@click.argument("code", required=False)
def explain(code: str | None) -> int:
    """Explain CODE: what it means, a file that raises it, and the mend. Without CODE, list all codes.

    \b
    hnas explain E0304
    """
    from hnas.cli.catalogue import catalogue, listing, page
    from hnas.diag import did_you_mean

    if code is None:
        say(listing())
        return 0
    wanted = code.strip("[]").upper()
    if wanted not in catalogue():
        advice = did_you_mean(wanted, catalogue())
        raise click.UsageError(f"there is no code {code}; {advice or 'hnas explain lists them all'}")
    say(page(wanted))
    return 0
