"""Events: tells applications of calls by webhook, in the Event Grid schema, at least once while the call waits."""
