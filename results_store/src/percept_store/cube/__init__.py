"""The cube: the xarray view of the ledger that people query."""
