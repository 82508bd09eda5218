"""Emission rules: from desugared statements to the live and the resume variant.

``table`` has the rule for each kind of statement, ``context`` what the rules share.
"""
