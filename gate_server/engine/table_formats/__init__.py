"""Tables that have a log of their own: which files they are made of, and which rows and columns of these.

A module per format turns the objects below a table's root into those files that its log names, each with a
view; what is known of reading and judging Parquet then holds for them.
"""
