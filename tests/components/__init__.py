"""The browser components against a small server that misbehaves on demand."""
