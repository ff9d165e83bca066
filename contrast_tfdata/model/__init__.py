"""The network: the slides' function and parameters, computed in the fastest exact way the device allows."""
