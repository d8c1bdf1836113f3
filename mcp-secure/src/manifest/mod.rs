//! What is served, in one reviewable document.
