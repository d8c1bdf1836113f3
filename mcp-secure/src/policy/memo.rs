//! What the policies said before about just the same question.
//!
//! Cedar's answer depends on nothing but what it is given, and asking it costs more than all the rest of a gate. So an
//! answer is kept under everything that Cedar would be given for a question: the principal and the action (as the number
//! of their [`Asker`]), and each value that the policies can tell apart. A question that differs in any of it is another
//! question. Where policies read the clock, or judge somebody else's call, nothing is kept.
//!
//! [`Asker`]: super::known::Asker

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use serde_json::{Map, Value};

use super::Question;
use super::action::{Action, ResourceShape};
use super::engine::Answer;
use super::known::Asker;
use super::shape::{Mismatch, Record, Shape};

/// How many answers are kept, over all principals. With the longest keys that is about 2 MiB.
const MOST: usize = 4096;

/// The longest key that is worth keeping, in bytes. Longer ones are texts of a model, which hardly come again.
const LONGEST: usize = 384;

/// All that an answer depends on.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Key(Box<[u8]>);

/// The answers that were given last.
#[derive(Debug, Default)]
pub(super) struct Memo(RwLock<HashMap<Key, Answer>>);

impl Memo {
    pub(super) fn get(&self, key: &Key) -> Option<Answer> {
        // A panic elsewhere leaves whole entries behind: nothing in here is done in two steps.
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    pub(super) fn keep(&self, key: Key, answer: &Answer) {
        let mut kept = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MOST {
            kept.clear();
        }
        kept.insert(key, answer.clone());
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.read().unwrap_or_else(PoisonError::into_inner).len()
    }
}

impl Key {
    /// The key of a question; `None` where its answer can not be kept. Values that do not fit their types are refused
    /// here as they are where a question is put to Cedar, whether a policy reads them or not.
    pub(super) fn of(
        action: &Action,
        asker: &Asker,
        q: &Question<'_>,
    ) -> Result<Option<Self>, Mismatch> {
        if q.act.has_requester() || q.requester.is_some() || action.reads.context("now") {
            return Ok(None);
        }
        let mut bytes = Vec::with_capacity(96);
        bytes.extend(asker.number.to_be_bytes());
        match (&action.resource, q.resource) {
            (ResourceShape::Application(_), None) => {}
            (ResourceShape::Of { type_name, attributes, .. }, Some(loaded))
                if loaded.type_name == type_name.as_str() =>
            {
                if action.reads.identity() {
                    text(&mut bytes, &loaded.id);
                }
                text(&mut bytes, &loaded.tenant);
                fields(&mut bytes, attributes, &loaded.attributes, &|name| {
                    action.reads.resource(name)
                })?;
            }
            // What is wrong here is said where the question is put.
            _ => return Ok(None),
        }
        let read = action.reads.context("args");
        fields(&mut bytes, &action.arguments, q.arguments, &|_| read)?;
        Ok((bytes.len() <= LONGEST).then(|| Self(bytes.into_boxed_slice())))
    }
}

/// The attributes of `map` that the record has, in the record's order; those that are not `read` are looked at and left
/// out. Which there are is the same for every question of an action, so no names are needed.
fn fields(
    bytes: &mut Vec<u8>,
    record: &Record,
    map: &Map<String, Value>,
    read: &dyn Fn(&str) -> bool,
) -> Result<(), Mismatch> {
    for (name, attribute) in &record.0 {
        let before = bytes.len();
        match map.get(name) {
            None | Some(Value::Null) if !attribute.required => bytes.push(0),
            None => return Err(Mismatch(format!("`{name}` is missing"))),
            Some(found) => value(bytes, &attribute.shape, found, name)?,
        }
        if !read(name) {
            bytes.truncate(before);
        }
    }
    Ok(())
}

/// Each kind begins with a byte of its own, and all but texts and sets have one length, so that no two values look alike.
fn value(bytes: &mut Vec<u8>, shape: &Shape, found: &Value, name: &str) -> Result<(), Mismatch> {
    match (shape, found) {
        (Shape::Bool, Value::Bool(set)) => bytes.push(if *set { 2 } else { 1 }),
        (Shape::Long, Value::Number(number)) => {
            let number = number.as_i64().ok_or_else(|| Shape::mismatch(name))?;
            bytes.push(3);
            bytes.extend(number.to_be_bytes());
        }
        (Shape::String, Value::String(found)) => {
            bytes.push(4);
            text(bytes, found);
        }
        (Shape::Set(element), Value::Array(items)) => {
            bytes.push(5);
            bytes.extend(items.len().to_be_bytes());
            for item in items {
                value(bytes, element, item, name)?;
            }
        }
        (Shape::Record(record), Value::Object(map)) => {
            bytes.push(6);
            fields(bytes, record, map, &|_| true)?;
        }
        _ => return Err(Shape::mismatch(name)),
    }
    Ok(())
}

fn text(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend(text.len().to_be_bytes());
    bytes.extend(text.as_bytes());
}
