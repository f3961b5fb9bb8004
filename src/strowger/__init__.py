"""Strowger: the Azure Communication Services Call Automation contract over your own SIP phones and trunks."""

__version__ = "0.1.0"
