"""Match × Subscriber → Digest: which slot, which runs, which entries. Pure; ``now`` is an argument."""
