"""The central side: candidates of many nodes become located incidents, notified, recorded and open to audit."""
