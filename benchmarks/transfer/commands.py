"""What the commands of this folder share: the flag for real images, and running the package as a user does."""

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path


def parse(parser: argparse.ArgumentParser, arguments: Sequence[str] | None) -> argparse.Namespace:
    """Returns the options with `real`, the folder of real images; ends this process where nothing names one."""
    parser.add_argument("--real", type=Path, default=os.environ.get("CONTRAST_REAL_DATA"), help="folder of real images")
    options = parser.parse_args(arguments)
    if options.real is None:
        parser.error("name the folder of real images with --real, or in CONTRAST_REAL_DATA")
    return options


def run(command: str, *flags: str) -> None:
    """Runs `python -m contrast_tfdata.COMMAND`, what it prints on stderr; ends this process where it fails."""
    print(f"{command} {' '.join(flags)}", file=sys.stderr, flush=True)
    done = subprocess.run([sys.executable, "-m", f"contrast_tfdata.{command}", *flags], check=False, stdout=sys.stderr)
    if done.returncode:
        sys.exit(done.returncode)
