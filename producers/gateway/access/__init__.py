"""Who a request comes from, what that caller may see, and how much: keys, owners, browser sessions, limits.

`gate.py` applies all of it before a handler runs; handlers take the caller from `caller_of()`.
"""
