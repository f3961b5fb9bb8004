"""Trunks: which one a call takes, whether it is fit to, what it is told, and which one a call came from.

Pure: time and chance come in. It leaves to others: sending, transactions, addresses (location), and what a call is.
"""
