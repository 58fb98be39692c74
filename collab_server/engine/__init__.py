"""What runs in worker processes: long work on documents, and whatever asks what a document means."""
