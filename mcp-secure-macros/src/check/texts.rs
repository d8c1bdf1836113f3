//! R10: texts that a model reads.

use mcp_secure_rules::text::{Place as TextPlace, lint};

use crate::diagnostics::{Faults, Place};
use crate::read::docs::Docs;
use crate::read::value::{Scalar, Text};

/// Lints a doc comment; a fault is shown at its line.
pub(crate) fn docs(docs: &Docs, place: TextPlace, faults: &mut Faults) {
    for fault in lint(&docs.text, place) {
        faults.push(fault.code, docs.part(&fault.range), fault.message);
    }
}

/// Lints a text literal; a fault is shown at the guilty part of it.
pub(crate) fn literal(text: &Text, place: TextPlace, faults: &mut Faults) {
    for fault in lint(&text.value, place) {
        faults.push(fault.code, text.part(fault.range), fault.message);
    }
}

/// Lints a permitted value or a default.
pub(crate) fn value(value: &Scalar, place: Place, faults: &mut Faults) {
    if let Scalar::Text(text) = value {
        for fault in lint(text, TextPlace::Value) {
            faults.push(fault.code, place, fault.message);
        }
    }
}
