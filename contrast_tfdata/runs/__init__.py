"""What commands do with records and networks in a folder: one run, several of them, folds."""
