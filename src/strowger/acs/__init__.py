"""The ACS wire: operations, authentication, repeatability and errors of Call Automation, over HTTP."""
