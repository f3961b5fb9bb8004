"""`python -m strowger` is the command `strowger`."""

from strowger.cli import main

if __name__ == "__main__":
    main(prog_name="strowger")
