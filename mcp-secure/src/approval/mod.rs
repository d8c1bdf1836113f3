//! A person decides, outside the model's context: states, binding, votes.
