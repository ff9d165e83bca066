"""Files and folders that appear whole: replaced in one step, staged beside their place, written by one process."""
