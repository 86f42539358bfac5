"""The adapter to oauthlib, and the protocol's machinery that features share."""
