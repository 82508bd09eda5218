"""Large containers, kept beside their document in chunks, so that a step writes what changed and not the whole (G3).

``kept`` is what a run has in chunks, ``writer`` writes a document with them, ``upkeep`` brings the chunks of one
container up to date, ``unchanged`` tells what need not be written, ``texts`` is for large text, ``reader`` reads.
"""
