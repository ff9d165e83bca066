"""The machines that train together, as TF_CONFIG names them, and how they meet; no TensorFlow here."""

import contextlib
import dataclasses
import json
import re
import socket
import time
from collections.abc import Mapping
from typing import Any

from contrast_tfdata.errors import InterruptedRunError, UsageError

VARIABLE = "TF_CONFIG"
STRATEGIES = ("auto", "one_device", "mirrored", "multi_worker")
_KINDS = ("chief", "worker")
"""Kinds of tasks that train, the one that writes first; `ps` and `evaluator` belong to other ways of training."""
_EXAMPLE = '{"cluster": {"worker": ["host0:12345", "host1:12345"]}, "task": {"type": "worker", "index": 0}}'
_RETRY_SECONDS = 0.2
_ANSWER_SECONDS = 3.0
"""How long a machine that is up may take to accept a connection."""
_LISTEN_SECONDS = 10.0
"""How long a port may be taken: a worker that has just ended may not have left it yet."""
_GO, _TAKEN = b"go\n", b"taken\n"


@dataclasses.dataclass(frozen=True)
class Cluster:
    """Workers that train together, and which of them this process is.

    Attributes:
        tasks: (kind, index within the kind, host:port) of each, the one that writes the results first.
        rank: position of this process among them.
    """

    tasks: tuple[tuple[str, int, str], ...]
    rank: int

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> "Cluster":
        """Reads TF_CONFIG. Raises UsageError, with everything that is wrong with it."""
        if not environ.get(VARIABLE):
            raise UsageError(f"--strategy=multi_worker needs the environment variable {VARIABLE}, as in {_EXAMPLE}")
        try:
            content = json.loads(environ[VARIABLE])
        except ValueError as error:
            raise UsageError(f"{VARIABLE} is no JSON ({error}); it should look like {_EXAMPLE}") from error
        tasks, problems = _read_cluster(content)
        rank = None if problems else _read_rank(content, tasks, problems)
        if problems:
            raise UsageError(
                "\n".join([f"{VARIABLE} should look like {_EXAMPLE}:", *(f"  {each}" for each in problems)])
            )
        return cls(tasks, rank)

    @classmethod
    def for_strategy(cls, strategy: str, environ: Mapping[str, str]) -> "Cluster | None":
        """Returns the workers that a strategy means: `auto` those of TF_CONFIG, where it names several.

        Raises:
            UsageError: TF_CONFIG is wrong, or missing for `multi_worker`.
        """
        if strategy == "multi_worker":
            return cls.from_environment(environ)
        if strategy != "auto" or not environ.get(VARIABLE):
            return None
        cluster = cls.from_environment(environ)
        return cluster if len(cluster.tasks) > 1 else None

    @property
    def is_chief(self) -> bool:
        """Whether this is the worker that writes the results."""
        return self.rank == 0

    @property
    def port(self) -> int:
        """The port on which this worker listens."""
        return _host_and_port(self.tasks[self.rank][2])[1]

    def name(self, rank: int) -> str:
        """Returns a worker's name for people."""
        kind, index, address = self.tasks[rank]
        return f"{kind} {index} ({address})"

    def silent(self) -> list[int]:
        """Returns the ranks of the other workers to which no connection can be made."""
        return [rank for rank in range(len(self.tasks)) if rank != self.rank and not self._answers(rank)]

    def named_in(self, text: str) -> list[int]:
        """Returns the ranks of the other workers that a message of TensorFlow names, as in /job:worker/task:1."""
        named = {(kind, int(index)) for kind, index in re.findall(r"/job:(\w+)(?:/replica:\d+)?/task:(\d+)", text)}
        return [rank for rank, (*task, _) in enumerate(self.tasks) if tuple(task) in named and rank != self.rank]

    def _answers(self, rank: int) -> bool:
        try:
            with socket.create_connection(_host_and_port(self.tasks[rank][2]), timeout=_ANSWER_SECONDS):
                return True
        except OSError:
            return False

    def gather(self, seconds: float) -> None:
        """Returns once all workers have come here.

        TensorFlow's own start waits for the others for an hour, cannot be interrupted meanwhile, and does not say for
        whom it waits. So they meet here first, at the port of the first one, before TensorFlow takes it.

        Args:
            seconds: how long to wait.

        Raises:
            UsageError: the port is taken, or two workers say that they are the same one.
            InterruptedRunError: some did not come in time; they are named.
        """
        deadline = time.monotonic() + seconds
        with self._listen(
            min(deadline, time.monotonic() + _LISTEN_SECONDS)
        ) as listener:  # every worker, since TensorFlow will need its port
            if self.is_chief:
                self._await_others(listener, deadline)
        if not self.is_chief:
            self._report_to_chief(deadline)

    def _listen(self, deadline: float) -> socket.socket:
        while True:
            try:
                if socket.has_dualstack_ipv6():
                    return socket.create_server(("", self.port), family=socket.AF_INET6, dualstack_ipv6=True)
                return socket.create_server(("", self.port))
            except OSError as error:
                if time.monotonic() > deadline:
                    raise UsageError(
                        f"{self.name(self.rank)} cannot listen on port {self.port}: {error.strerror}; is another "
                        f"worker of this machine called the same in {VARIABLE}?"
                    ) from error
            time.sleep(_RETRY_SECONDS)

    def _await_others(self, listener: socket.socket, deadline: float) -> None:
        with contextlib.ExitStack() as connections:
            came = {}
            while len(came) < len(self.tasks) - 1:
                missing = [rank for rank in range(1, len(self.tasks)) if rank not in came]
                connection = connections.enter_context(self._accept(listener, deadline, missing))
                rank = _read_introduction(connection)
                if rank in came:
                    connection.sendall(_TAKEN)
                elif rank in missing:
                    came[rank] = connection
            for connection in came.values():
                with contextlib.suppress(OSError):  # whoever left meanwhile will be missed by TensorFlow
                    connection.sendall(_GO)
                    connection.recv(1)  # The other side closes first, and so keeps the port from lingering here.

    def _accept(self, listener: socket.socket, deadline: float, missing: list[int]) -> socket.socket:
        try:
            listener.settimeout(max(deadline - time.monotonic(), 0.001))
            connection, _ = listener.accept()
        except TimeoutError:
            raise _did_not_come([self.name(rank) for rank in missing]) from None
        connection.settimeout(_ANSWER_SECONDS)
        return connection

    def _report_to_chief(self, deadline: float) -> None:
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError), self._connect(deadline) as connection:
                connection.sendall(f"{self.rank}\n".encode())
                answer = connection.makefile("rb").readline(16)
                if answer == _GO:
                    return
                if answer == _TAKEN:
                    raise UsageError(f"{self.name(self.rank)} is there already: two workers have the same index")
                # Anything else comes from TensorFlow in a former chief, which has not noticed yet that it should end.
            time.sleep(_RETRY_SECONDS)
        raise _did_not_come([self.name(0)])

    def _connect(self, deadline: float) -> socket.socket:
        connection = socket.create_connection(_host_and_port(self.tasks[0][2]), timeout=_ANSWER_SECONDS)
        connection.settimeout(max(deadline - time.monotonic(), 0.001))
        return connection


def _read_introduction(connection: socket.socket) -> int | None:
    """Returns the rank that a worker sends, or None for whoever else connects to a port."""
    with contextlib.suppress(OSError, ValueError):
        return int(connection.makefile("rb").readline(16))
    return None


def _did_not_come(names: list[str]) -> InterruptedRunError:
    return InterruptedRunError(
        f"did not come in time: {', '.join(names)}; start all workers within --wait_for_workers seconds, each with the "
        f"same cluster in {VARIABLE} and reachable at its address"
    )


def _read_cluster(content: Any) -> tuple[tuple[tuple[str, int, str], ...], list[str]]:
    """Returns the tasks that TF_CONFIG names, and what is wrong with them."""
    cluster = content.get("cluster") if isinstance(content, dict) else None
    if not isinstance(cluster, dict) or not cluster:
        return (), ["`cluster` is missing, the addresses of the workers by kind"]
    problems = [
        f"`cluster` has {kind!r}; only {' and '.join(_KINDS)} take part" for kind in cluster if kind not in _KINDS
    ]
    tasks = []
    for kind in _KINDS:
        addresses = cluster.get(kind, [])
        if not isinstance(addresses, list):
            problems.append(f"`{kind}` must be a list of addresses. Received: {addresses!r}")
            continue
        tasks += [(kind, index, address) for index, address in enumerate(addresses)]
    addresses = [address for *_, address in tasks]
    problems += [f"{address!r} is no host:port" for address in addresses if not _is_address(address)]
    problems += [f"{address} is there twice" for address in sorted({a for a in addresses if addresses.count(a) > 1})]
    if len(cluster.get("chief", ())) > 1:
        problems.append("there may be one chief only")
    return tuple(tasks), problems


def _read_rank(content: Mapping[str, Any], tasks: tuple[tuple[str, int, str], ...], problems: list[str]) -> int | None:
    task = content.get("task")
    if not isinstance(task, dict) or not {"type", "index"} <= task.keys():
        problems.append("`task` is missing, the type and index of this worker")
        return None
    kind, index = task["type"], str(task["index"])
    for rank, (other_kind, other_index, _) in enumerate(tasks):
        if (kind, index) == (other_kind, str(other_index)):
            return rank
    problems.append(f"`cluster` has no {kind} {index}, which `task` says that this is")
    return None


def _is_address(address: Any) -> bool:
    return isinstance(address, str) and re.fullmatch(r"[^\s/]+:\d{1,5}", address) is not None


def _host_and_port(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)
