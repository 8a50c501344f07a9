"""Rounds that hit a sender in the middle of a send: ``python -m tests.crash --rounds 500 --seed 1``.

rounds.py says what a round is (pure: a seed gives a round), relay.py strikes at the n-th mail, fork_server.py starts
senders quickly, stage.py prepares a newsletter for each round, play.py plays one, verdict.py judges it (pure),
report.py adds them up.

With ``--machines 3`` workers on machines of their own are hit: machines.py makes these, fleet.py says what a round is
and judges it (pure), play_fleet.py plays one.
"""
