"""Files as people have them: folders, archives, tables; what each file is, and slices out of it by worker processes."""
