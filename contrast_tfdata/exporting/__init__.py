"""A trained network as files of other runtimes, each compared with the network before it appears."""
