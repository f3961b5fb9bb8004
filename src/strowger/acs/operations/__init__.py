"""The operations of Call Automation: a table of all of them, and one file for each that is carried out."""
