"""The studio as an ASGI app: routes, websocket, uploads, and who may use it."""
