//! Forms made by hand in a browser where somebody is signed in: what a page does not offer is refused when it is sent all
//! the same.

use serde_json::json;

use crate::window::Window;

/// Sends a form to `action` with the very token of the page that is open, as a script that got into it would.
#[track_caller]
pub(crate) fn forge(window: &Window, action: &str, fields: &[(&str, &str)]) {
    let script = format!(
        "const form = document.querySelector('form.who');
         form.action = {};
         for (const [name, value] of {}) {{
             const field = document.createElement('input');
             [field.type, field.name, field.value] = ['hidden', name, value];
             form.append(field);
         }}
         form.submit();",
        json!(action),
        json!(fields)
    );
    window.script(&script);
}
