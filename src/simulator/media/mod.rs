//! The format of backup media: a container of our own, checked by SHA-256 throughout. A real SQL
//! Server can't restore it, and says so with 3241.
