"""The central side: candidates of many nodes become located incidents, notified, recorded, open to audit."""
