"""What runs in worker processes: jobs that need the meaning of a document, or all of its bytes.

Started as `python -m collab_server.engine.worker`; nothing in the server imports it. The only place, beside
`collab_server.client`, that imports pycrdt.
"""
