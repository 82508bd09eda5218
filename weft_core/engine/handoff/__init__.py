"""Handing a run to another engine, and taking one in: exactly one of them owns it at any moment (CONTRACT.md).

Each change of hands is a job of the pump, one batch that is conditional on the store's owner: ``leaving`` parks a run,
keeps a mirror of it or takes it back, ``receiving`` takes one in, ``mirror`` writes down what its owner did.
``mover`` speaks to the other engine (on its ``line``) until it has answered, ``answering`` is what that one is told,
``outbox`` keeps what people say to runs that are away, and ``placing`` hands off what belongs on a server.
"""
