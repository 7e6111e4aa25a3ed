"""Versions in production on one machine: which one answers, which one is tried, and the way back.

A command only writes what is wanted, under a lock; one supervisor for each service makes it so, turn after turn, and
can be killed between any two lines: the next turn begins with what is there.

    state.py       what is wanted, and how that may change: pure
    plan.py        which versions must run, and how the proxy must route: pure
    figures.py     what users saw of each version in a window of time: pure
    judge.py       figures against limits: wait, go on or go back, with the reason: pure
    comparison.py  answers of two versions to the same requests: pure
    store.py       the state's file and the journal
    processes.py   servers, proxy and witness as processes, found again by what stands in their environment
    haproxy.py     the only file that knows HAProxy; release.lua runs inside it
    witness.py     a process that asks the other version, too, and compares
    defaults.py    a process that answers with the documented default
    aliases.py     MLflow's aliases, moved by a process of their own
    supervisor.py  the loop that brings it together
    control.py     what commands ask for
"""
