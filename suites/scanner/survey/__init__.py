"""What a scan knows of a service before it attacks: accounts, valid calls, and known values."""
