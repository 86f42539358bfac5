"""The harness: it needs the standard library only. What is measured lives in environments of its own."""
