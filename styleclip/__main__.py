"""`python -m styleclip`, the same as the `styleclip` command."""

from styleclip.cli import main

if __name__ == "__main__":
    main(prog_name="styleclip")
