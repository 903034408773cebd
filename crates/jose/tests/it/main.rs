//! JOSE over its public interface: RFC vectors, round trips, attacks.

mod compact;
