//! Things a permission is checked on, loaded by id before any policy is asked.
