"""What people write, read and checked: config.yaml, subscribers.yaml, lists of readers, lines of topics."""
