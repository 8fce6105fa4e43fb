"""Jobs of a sweep: its folder, its processes, its report."""
