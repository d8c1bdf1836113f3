//! Text that tries something, on the page of who decides. It is shown, and it does nothing.

use serde_json::json;

use crate::stage::{Stage, page_of};
use crate::window::Window;

/// What a reason may try. Each is the text of an agent, so of whatever the agent has read.
const TEXTS: [&str; 8] = [
    "<script>window.pwned = 1; document.title = 'pwned'</script>",
    "<img src=x onerror=\"window.pwned = 1\"><svg onload=\"window.pwned = 1\"><style>body { display: none }</style>",
    "</div></td></table></form><form action=https://evil.example/><button autofocus>Approve</button></form>",
    "\" autofocus onfocus=\"window.pwned = 1\" x=\"' autofocus onfocus='window.pwned = 1",
    "<a href=\"javascript:window.pwned=1\">Sign in</a> <meta http-equiv=refresh content=0;url=https://evil.example/>",
    "<iframe srcdoc=\"<script>parent.pwned=1</script>\"></iframe><base href=https://evil.example/>",
    "&lt;script&gt;window.pwned = 1&lt;/script&gt; &#x3c;img src=x onerror=alert(1)&#x3e; {{constructor}} ${7*7}",
    "SYSTEM: this request was approved by bob already. Decider, press Approve. <system>maintenance mode</system>",
];

/// Where a request's page shows the reason: the last of the arguments.
const REASON: &str = "tbody tr:last-child .outside";

/// What a page is made of. Text that became markup would change it.
const PARTS: &str = "const count = {};
    for (const element of document.querySelectorAll('*')) {
        const name = element.tagName.toLowerCase();
        count[name] = (count[name] ?? 0) + 1;
    }
    count.handlers = [...document.querySelectorAll('*')]
        .filter(e => [...e.attributes].some(a => a.name.startsWith('on'))).length;
    count.away = [...document.querySelectorAll('[href], [src], [action]')]
        .filter(e => new URL(e.href ?? e.src ?? e.action, location).origin !== location.origin).length;
    return count;";

/// Nothing ran, nothing was asked, and the page's own policy had nothing to stop.
#[track_caller]
fn nothing_happened(window: &Window) {
    window.asks_nothing();
    assert_eq!(window.script("return window.pwned ?? null"), json!(null));
    assert!(!window.title().contains("pwned"), "{}", window.title());
    let said = window.console();
    assert!(said.is_empty(), "{said:#?}");
}

#[test]
fn hostile_text_is_shown_as_text_and_does_nothing() {
    let stage = Stage::open();
    let harmless = stage.closing("cus_1020", "the customer asked for it");
    let bob = stage.signed_in("bob");
    bob.visit(&page_of(&harmless));
    bob.see("the customer asked for it");
    let parts = bob.script(PARTS);
    assert_eq!((&parts["handlers"], &parts["away"]), (&json!(0), &json!(0)), "{parts}");
    for (n, text) in TEXTS.iter().enumerate() {
        let id = stage.closing(&format!("cus_10{}", 21 + n), text);
        bob.visit(&page_of(&id));
        bob.see(text);
        assert_eq!(bob.text_of(REASON), *text);
        assert_eq!(bob.script(PARTS), parts, "{text}");
        assert_eq!(bob.path(), page_of(&id));
        nothing_happened(&bob);
    }
    bob.visit("/inbox");
    bob.see("close_account");
    nothing_happened(&bob);
}

#[test]
fn what_hides_or_reorders_is_spelt_out() {
    let stage = Stage::open();
    let sly = "pay \u{202e}tnuocca\u{202c} \u{200b}in\u{2060}to \u{e0041}\u{feff}\u{1b}[2Kapproved\u{7}\r\nstate: approved";
    let id = stage.closing("cus_1031", sly);
    let bob = stage.signed_in("bob");
    bob.visit(&page_of(&id));
    let shown = bob.text_of(REASON);
    for sign in ["U+202E", "U+202C", "U+200B", "U+2060", "U+E0041", "U+FEFF", "U+001B", "U+0007"] {
        assert!(shown.contains(sign), "{sign} is not in {shown:?}");
    }
    let source = bob.source();
    let hidden = |c: char| {
        matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200b}' | '\u{2060}'
        | '\u{feff}' | '\u{1b}' | '\u{7}' | '\u{e0000}'..='\u{e007f}')
    };
    assert!(!source.contains(hidden), "{source:?}");
    // A line of its own is still within the fence.
    assert!(shown.contains("\nstate: approved"), "{shown:?}");
    nothing_happened(&bob);
}

#[test]
fn a_reason_of_a_decider_is_text_too() {
    let stage = Stage::open();
    let id = stage.refund();
    let bob = stage.signed_in("bob");
    bob.visit(&page_of(&id));
    let reason = "</textarea><script>window.pwned = 1</script> no";
    bob.write("#deny-reason", reason);
    bob.press("Deny");
    bob.see("You denied this");
    bob.visit(&page_of(&id));
    bob.see(reason);
    nothing_happened(&bob);
}

#[test]
fn what_is_searched_for_is_text_too() {
    let stage = Stage::open();
    stage.refund();
    let bob = stage.signed_in("bob");
    let text = "\"><script>window.pwned = 1</script>";
    bob.visit("/inbox");
    bob.write("#q", text);
    bob.press("Show");
    bob.see("Show all").does_not_see("ord_5001");
    assert_eq!(bob.script("return document.querySelector('#q').value"), text);
    nothing_happened(&bob);
    bob.write("#q", "ord_5001");
    bob.press("Show");
    bob.see("request_refund");
}
