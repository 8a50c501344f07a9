"""The shell around the stages: load, call pure functions, save; one job per file."""
