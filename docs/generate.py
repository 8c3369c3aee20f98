"""Write the generated parts of the manual anew: `python docs/generate.py`."""

from manual.pages import generated, stale


def main() -> None:
    """Write every page whose text has changed, and take away those that no section has any more."""
    for path, text in generated().items():
        path.parent.mkdir(exist_ok=True)
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
    for path in stale():
        path.unlink()


if __name__ == "__main__":
    main()
