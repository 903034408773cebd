//! Who is known: clients, their credentials and what they may ask for.
