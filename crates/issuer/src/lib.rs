//! The OAuth 2.1 authorization server: discovery, keys and the token endpoint.
