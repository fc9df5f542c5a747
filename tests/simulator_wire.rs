//! Clients of SQL Server against the simulator's wire.
