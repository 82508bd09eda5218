"""Rewriting rules: forms that suspend inside a statement become simpler statements that suspend.

``table`` has the rule for each kind of statement, ``context`` what the rules of one function share.
"""
