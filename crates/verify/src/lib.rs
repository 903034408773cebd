//! The ordered checks an access token passes: pure functions, no I/O, no clock.
