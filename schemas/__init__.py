"""What travels between stages, and on which topic. Imports nothing else of murmur's; everything else imports this.

Read `topics.py` first (every topic, its key and its value type), then the module of the record you are after.
"""
