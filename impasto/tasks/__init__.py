"""One function per task, of finished objects."""
