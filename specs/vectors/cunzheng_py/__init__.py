"""A second implementation of the specifications, in Python, written from specs/*.md alone.

It shares no code with the C++ libraries, so that an error in either shows as a difference. Slow and plain
on purpose: read it beside the specification.
"""
