"""What `--help` prints: what a command does, how it is called, examples, and its own flags by task."""

import dataclasses
import difflib
import shutil
import sys
import textwrap
from collections.abc import Iterator, Mapping

from absl import flags

_COLUMN = 28
"""Where the text of a flag begins; below a name that leaves no room."""
_PLACEHOLDERS = {"int": "N", "float": "X", "path": "PATH"}
_OF_ALL_COMMANDS = ("help", "helpfull", "flagfile", "undefok", "only_check_args", "debug")
_MORE = (
    "All commands: --flagfile=FILE reads flags from a file, --undefok=NAMES ignores unknown flags of these names, "
    "--only_check_args checks the flags and ends, --debug shows a traceback with an error, --helpfull lists all flags."
)


@dataclasses.dataclass(frozen=True)
class HelpPage:
    """The help of one command.

    Attributes:
        command: name of its module.
        summary: what it does, in one sentence.
        usage: the arguments that it needs.
        examples: arguments that can be pasted.
        groups: from the heading of a task to the names of its flags, with blanks between.
    """

    command: str
    summary: str
    usage: str
    examples: tuple[str, ...]
    groups: Mapping[str, str]

    def text(self) -> str:
        """Returns the page, as wide as the terminal; 80 columns where there is none."""
        width = shutil.get_terminal_size().columns
        examples = [" \\\n".join(_command_line(f"{self._program()} {each}", width - 2)) for each in self.examples]
        blocks = [
            textwrap.fill(self.summary, width),
            "\n".join(["usage:", *_command_line(f"{self._program()} {self.usage} [--flag=value ...]", width)]),
            "\n".join(["examples:", *examples]),
            *("\n".join([f"{heading}:", *_entries(names, width)]) for heading, names in self.groups.items()),
            textwrap.fill(_MORE, width, break_on_hyphens=False),
        ]
        return "\n\n".join(blocks)

    def flag_names(self) -> list[str]:
        """Returns the names of the command's own flags."""
        return [name for names in self.groups.values() for name in names.split()]

    def nearest(self, name: str) -> str | None:
        """Returns the flag that may be meant by an unknown name, None where there is none like it."""
        known = [*self.flag_names(), *_OF_ALL_COMMANDS]
        negated = [f"no{each}" for each in known if each in flags.FLAGS and flags.FLAGS[each].boolean]
        return next(iter(difflib.get_close_matches(name, [*known, *negated], n=1)), None)

    def _program(self) -> str:
        """Returns how the command was called: as a module, or under a name of its own."""
        module = f"contrast_tfdata.{self.command}"
        return f"python -m {module}" if module in sys.orig_argv else f"contrast-{self.command.replace('_', '-')}"


class HelpFlag(flags.BooleanFlag):
    """Prints the page and ends the command, in the place of absl's flag of this name."""

    def __init__(self, name: str, short_name: str, page: HelpPage):
        super().__init__(name, False, "show this help", short_name=short_name, allow_override=True)
        self._page = page

    def parse(self, argument: str) -> None:
        """Acts at once, as absl's flag does: what follows may be wrong."""
        super().parse(argument)
        if self.value:
            print(self._page.text())
            sys.exit()


def _command_line(words: str, width: int) -> list[str]:
    return textwrap.wrap(
        words,
        width,
        initial_indent="  ",
        subsequent_indent="      ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _entries(names: str, width: int) -> Iterator[str]:
    for name in names.split():
        flag = flags.FLAGS[name]
        values = "|".join(getattr(flag.parser, "enum_values", []))
        value = values or _PLACEHOLDERS.get(flag.flag_type(), "VALUE")
        form = f"  --{name}/--no{name}" if flag.boolean else f"  --{name}={value}"
        text = flag.help.removeprefix(f"<{values}>: ")  # absl puts it before the text of an enum.
        if flag.default not in (None, "", []) and not flag.boolean:
            text += f" [{flag.default}]"
        lines = textwrap.fill(text, max(width - _COLUMN, 20), break_on_hyphens=False)
        column = textwrap.indent(lines, " " * _COLUMN)
        yield f"{form}\n{column}" if len(form) > _COLUMN - 2 else form + column[len(form) :]
