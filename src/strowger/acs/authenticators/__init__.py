"""The kinds of credential that the API believes, one file for each; `strowger.acs.auth` asks them in turn."""
