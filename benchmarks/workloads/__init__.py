"""What runs in child processes: each module serves a few functions to `children.Child`."""
