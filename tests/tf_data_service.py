"""A tf.data service in a process of its own, started as BUILD.md says."""

import contextlib
import re
import time
from pathlib import Path

from free_ports import free_ports
from running import start

GUIDE = (Path(__file__).parents[1] / "BUILD.md").read_text()
SECOND_WORKER = """
service.WorkerServer(service.WorkerConfig(dispatcher_address="localhost:5050", worker_address="HOST:5052", port=5052))
"""


@contextlib.contextmanager
def service_of_the_guide(*, workers=1):
    """Runs the guide's program in a process of its own; yields its address and the process."""
    programs = re.findall(r"^```python\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
    (program,) = (each for each in programs if "DispatchServer" in each)
    ports = free_ports(3)
    assert program.count("dispatcher.join()") == 1
    second = f"second = {SECOND_WORKER.strip()}\n" if workers == 2 else ""
    program = program.replace("dispatcher.join()", f"{second}print('up', flush=True)\ndispatcher.join()")
    for documented, port in zip((5050, 5051, 5052), ports, strict=True):
        program = program.replace(str(documented), str(port))
    with start("", program=program.replace("HOST", "localhost")) as process:
        while process.said() != "up\n":
            assert process.poll() is None, process.said("stderr")
            time.sleep(0.01)
        yield f"localhost:{ports[0]}", process
