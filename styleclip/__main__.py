"""The `styleclip` command, and `python -m styleclip`."""

from styleclip.interrupts import set_handlers


def run() -> None:
    """Run the command line; Ctrl-C ends it with a sentence from the first moment on."""
    set_handlers()
    from styleclip.cli import main

    main(prog_name="styleclip")


if __name__ == "__main__":
    run()
