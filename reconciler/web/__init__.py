"""The daemon's HTTP: probes, metrics, an API, webhooks and the page. Only ``daemon --listen`` imports it."""
