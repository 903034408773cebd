//! The reverse proxy that lets a request through only with a token that may do it.
