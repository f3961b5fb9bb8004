"""The operations of the identity service (ACS: Identity, 2023-10-01), one file for each."""
