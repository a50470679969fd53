"""One WebSocket to the server, and the succession of them."""
