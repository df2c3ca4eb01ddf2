"""The records between stages and their topics. Imports nothing else of murmur; everything else imports this package.

Read `topics.py` first (every topic, its key and its value type), then the module of the record you are after.
"""
