//! Cedar policies: default deny, indexed by action, any error denies.
