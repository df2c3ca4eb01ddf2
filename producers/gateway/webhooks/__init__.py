"""Registered webhook endpoints over HTTP, and the delivery log. The webhook sink sends; they meet only through topics."""
