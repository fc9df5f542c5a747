//! The wire: TDS 7.4, by hand.
