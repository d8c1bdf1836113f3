//! On a phone, by the keyboard alone, in the dark, and as assistive technology reads it.

use serde_json::json;

use crate::stage::{Stage, page_of};
use crate::window::Window;

const TAB: &str = "\u{e004}";
const ENTER: &str = "\u{e007}";

/// What has the focus: its name, and whether it shows that it has it.
const FOCUS: &str = "const here = document.activeElement;
    const style = getComputedStyle(here);
    const box = here.getBoundingClientRect();
    return {
        id: here.id,
        name: (here.innerText || here.value || '').trim(),
        tag: here.tagName.toLowerCase(),
        shown: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 1,
        visible: box.width > 0 && box.height > 0 && box.top >= 0 && box.left >= 0,
    };";

/// Goes on with the tabulator until something has the focus, which shows at every stop.
#[track_caller]
fn tab_to(window: &Window, tag: &str, name: &str) {
    let mut stops = Vec::new();
    for _ in 0..40 {
        window.keys(TAB);
        let focus = window.script(FOCUS);
        assert_eq!((&focus["shown"], &focus["visible"]), (&json!(true), &json!(true)), "{focus}");
        if focus["tag"] == tag && (focus["name"] == name || focus["id"] == name) {
            return;
        }
        stops.push(focus);
    }
    panic!("no way to {tag} `{name}`: {stops:#?}");
}

#[test]
fn a_request_is_found_read_and_approved_by_the_keyboard_alone() {
    let stage = Stage::open();
    let id = stage.refund();
    let bob = stage.window();
    bob.go(&stage.link("bob"));
    tab_to(&bob, "button", "Sign in as bob");
    bob.keys(ENTER);
    bob.see("Sign out");
    // The way past the head of the page is its first stop.
    bob.keys(TAB);
    let first = bob.script(FOCUS);
    assert_eq!((&first["name"], &first["visible"]), (&json!("Skip to the content"), &json!(true)));
    bob.keys(ENTER);
    tab_to(&bob, "a", "request_refund");
    bob.keys(ENTER);
    bob.see("What it would do");
    tab_to(&bob, "textarea", "approve-reason");
    bob.keys("seen");
    tab_to(&bob, "button", "Approve");
    bob.keys(ENTER);
    bob.see("Your decision counts.");
    let request = stage.request(&id);
    assert_eq!(request["votes"][0]["reason"], "seen");
}

/// Every kind of page, with what is hard to fit.
#[track_caller]
fn every_page(stage: &Stage, window: &Window, look: impl Fn(&str)) {
    let long = "Donaudampfschifffahrtsgesellschaft".repeat(14);
    let open = stage.closing("cus_1020", &long);
    let changed = stage.asked(
        "alice",
        "request_customer_status_change",
        &json!({"customer_id": "cus_1021", "proposed_status": "paused", "reason": "on holiday\n\nuntil May"}),
    );
    let denied = stage.refund();
    let reason = "no ".repeat(90);
    stage
        .desk
        .run(&["approvals", "deny", &denied, "--as", "carol", "--reason", &reason])
        .succeeded();
    window.visit("/inbox");
    look("to sign in");
    window.go(&stage.link("bob"));
    look("a link");
    window.press("Sign in as bob");
    window.see("Sign out");
    look("what waits");
    for (id, what) in
        [(&open, "a long request"), (&changed, "a preview"), (&denied, "a denied one")]
    {
        window.visit(&page_of(id));
        window.see("What it would do");
        look(what);
    }
    window.visit("/inbox/history");
    window.see("denied");
    look("history");
    window.visit("/inbox/history?q=nothing-like-it");
    look("an empty list");
    window.visit("/inbox/nothing");
    look("nothing");
    window.visit(&page_of(&changed));
    window.press("Approve");
    window.see("Your decision counts.");
    look("a decision");
    window.press("Sign out");
    window.see("You are signed out");
    look("signed out");
}

#[test]
fn every_page_fits_a_phone() {
    let stage = Stage::open();
    let window = stage.window();
    window.on_phone();
    every_page(&stage, &window, |what| {
        let size = window.script("return [innerWidth, visualViewport.scale]");
        assert_eq!(size, json!([360, 1]), "{what}");
        window.fits_its_width();
        // What is pressed is large enough for a finger: WCAG 2.2, 2.5.8.
        let small = window.script(
            "return [...document.querySelectorAll('button, select, input:not([type=hidden]), textarea, nav a')]
                .map(e => [e.innerText || e.id, e.getBoundingClientRect()])
                .filter(([, box]) => box.width < 24 || box.height < 24)
                .map(([name]) => name)",
        );
        assert_eq!(small, json!([]), "{what}");
    });
}

/// As people see it: the colours of the text and of what is behind it.
fn colours(window: &Window) -> String {
    let asked = "const style = getComputedStyle(document.body);
        return style.color + ' on ' + style.backgroundColor";
    window.script(asked).to_string()
}

#[test]
fn no_page_has_a_barrier_in_light_or_dark() {
    let mut seen = Vec::new();
    for scheme in ["light", "dark"] {
        let stage = Stage::open();
        let window = stage.window();
        window.in_colours(scheme);
        every_page(&stage, &window, |what| {
            let found = window.barriers();
            assert!(found.is_empty(), "{what}, {scheme}: {found:#?}");
            assert_eq!(window.count("h1"), 1, "{what}");
            assert_eq!(window.count("main"), 1, "{what}");
            assert!(!window.title().is_empty(), "{what}");
            assert_eq!(window.attribute("html", "lang").as_deref(), Some("en"), "{what}");
        });
        seen.push(colours(&window));
    }
    assert_ne!(seen[0], seen[1], "dark looks like light");
}

#[test]
fn what_happened_is_said_aloud() {
    let stage = Stage::open();
    let id = stage.refund();
    let bob = stage.signed_in("bob");
    assert_eq!(bob.attribute("#live", "aria-live").as_deref(), Some("polite"));
    bob.visit(&page_of(&id));
    for field in ["approve-reason", "deny-reason"] {
        assert!(bob.has(&format!("label[for={field}]")), "{field}");
    }
    bob.press("Approve");
    bob.see("Your decision counts.");
    assert_eq!(bob.text_of("[role=status]"), "You approved this. Your decision counts.");
    bob.back();
    bob.visit(&page_of(&id));
    assert!(bob.has("section[aria-labelledby]"));
}
