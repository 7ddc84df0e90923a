//! Fakes of the ports.
