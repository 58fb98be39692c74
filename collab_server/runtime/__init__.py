"""Sessions, rooms and their saving on the event loop: asyncio around the pure core."""
