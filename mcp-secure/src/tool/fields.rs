use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// One thing wrong with the arguments, in words a model can act on. It never holds a value.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Fault {
    /// Where, as a JSON pointer (RFC 6901); empty for the arguments object itself.
    pub(crate) path: String,
    /// What is wrong and what would be right.
    pub(crate) message: String,
}

/// The validated arguments while typed inputs are taken out of them.
///
/// Faults are collected, so that a model hears of all of them at once.
#[derive(Debug)]
pub struct Fields<'a> {
    arguments: &'a Map<String, Value>,
    faults: Vec<Fault>,
}

impl<'a> Fields<'a> {
    pub(crate) fn new(arguments: &'a Map<String, Value>) -> Self {
        Self { arguments, faults: Vec::new() }
    }

    /// The input `name`; absent reads as `null`, which only an `Option` accepts.
    pub fn take<T: DeserializeOwned>(&mut self, name: &'static str) -> Option<T> {
        let value = self.arguments.get(name).unwrap_or(&Value::Null);
        if let Ok(input) = T::deserialize(value) {
            return Some(input);
        }
        // The parser's own words could quote the value, so they stay inside.
        self.faults.push(Fault {
            path: format!("/{name}"),
            message: "the value is not of the kind this input takes".to_owned(),
        });
        None
    }

    /// The whole arguments object as one input.
    pub fn whole<T: DeserializeOwned>(&mut self) -> Option<T> {
        if let Ok(input) = T::deserialize(self.arguments) {
            return Some(input);
        }
        self.faults.push(Fault {
            path: String::new(),
            message: "the arguments are not of the kind this tool takes".to_owned(),
        });
        None
    }

    pub(crate) fn into_faults(self) -> Vec<Fault> {
        self.faults
    }
}
