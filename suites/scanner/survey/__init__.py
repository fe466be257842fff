"""What a scan knows of a service before it attacks: accounts, good calls, and known values."""
