"""What `pytest benchmarks` measures, and with what: see RESULTS.md for the figures and conftest.py for the sizes.

The process of pytest itself never imports TensorFlow: every measurement of it runs in a child (`workloads`), because
oneDNN is chosen when TensorFlow is imported and because peak memory is a process's.
"""
