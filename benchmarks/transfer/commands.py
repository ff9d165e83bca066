"""The package's commands, run as a user runs them."""

import subprocess
import sys


def run(command: str, *flags: str) -> None:
    """Runs `python -m contrast_tfdata.COMMAND`, what it prints on stderr; ends this process where it fails."""
    print(f"{command} {' '.join(flags)}", file=sys.stderr, flush=True)
    done = subprocess.run([sys.executable, "-m", f"contrast_tfdata.{command}", *flags], check=False, stdout=sys.stderr)
    if done.returncode:
        sys.exit(done.returncode)
