//! What a running tool may ask of the call it serves.
