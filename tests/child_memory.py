"""The peak memory of a child process, for tests that start one."""

PEAK = """
def peak():
    with open("/proc/self/status") as status:
        return int(next(line.split()[1] for line in status if line.startswith("VmHWM")))
"""
"""Source of `peak()`, which returns KiB.

The kernel's VmHWM begins anew with the program; ru_maxrss would count what the parent held, too.
"""
