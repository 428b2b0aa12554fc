"""What a clone is and will become: pure functions on plain values; no I/O, no clock, no click."""
