"""Going back and putting right: forks, rewinds, edits and skips of stored runs.

Each is a job of the pump: it reads how a run stands, which nothing changes meanwhile, and what it writes is one batch.
``standing`` reads, ``placing`` puts a run (or a new one) at a checkpoint, ``editing`` changes variables, ``skipping``
answers what a run waits for.
"""
