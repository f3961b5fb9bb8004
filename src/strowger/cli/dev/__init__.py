"""`strowger dev`: a server for trying things out, without a file."""
