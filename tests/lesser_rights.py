"""Children for which the rights of files hold, whoever runs the tests."""

import ctypes

_PR_CAPBSET_DROP, _CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH = 24, 1, 2  # <linux/prctl.h> and <linux/capability.h>


def obey_rights() -> None:
    """To be a child's `preexec_fn`: takes from root the right to open files that their modes close to everybody.

    The child stays root otherwise, so that it still reads what is root's own. Other users have no such right to lose,
    and the call fails, which is as good.
    """
    for capability in (_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH):
        ctypes.CDLL(None).prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
