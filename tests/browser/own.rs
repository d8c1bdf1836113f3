//! What the tests of the pages lean on notices what it is there to notice. The pages here are a test's own.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use crate::harness::PATIENCE;
use crate::stage::Turn;
use crate::window::Window;

/// Serves one page to whoever asks for whatever, and says where.
fn serve(headers: &'static str, body: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut asked = [0; 4096];
            drop(stream.read(&mut asked));
            let page = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: text/html; charset=utf-8\r\n{headers}\
                 content-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            );
            drop(stream.write_all(page.as_bytes()));
        }
    });
    format!("http://{address}")
}

fn fails(what: impl FnOnce()) -> bool {
    catch_unwind(AssertUnwindSafe(what)).is_err()
}

#[test]
fn what_a_script_does_shows() {
    let _turn = Turn::take();
    let page =
        "<!doctype html><title>quiet</title><p>text</p><script>document.title = 'ran'</script>";
    let window = Window::open(&serve("", page));
    window.visit("/");
    assert_eq!(window.title(), "ran");
    window.see("text").does_not_see("ran");
    assert!(fails(|| {
        window.does_not_see("text");
    }));
    assert_eq!(window.script("return document.querySelectorAll('script').length"), 1);
    // And the same page where none may run.
    window.without_scripts().visit("/");
    assert_eq!(window.title(), "quiet");
}

#[test]
fn a_dialog_shows() {
    let _turn = Turn::take();
    let page = "<!doctype html><p>text</p><script>setTimeout(() => alert('boo'), 0)</script>";
    let window = Window::open(&serve("", page));
    window.asks_nothing();
    window.visit("/");
    let since = Instant::now();
    while !fails(|| window.asks_nothing()) {
        assert!(since.elapsed() < PATIENCE, "no dialog shows");
    }
}

#[test]
fn what_a_policy_forbids_shows_in_the_console() {
    let _turn = Turn::take();
    let page = "<!doctype html><p>text</p><script>document.title = 'ran'</script>";
    let window = Window::open(&serve("content-security-policy: default-src 'none'\r\n", page));
    window.visit("/");
    assert_eq!(window.title(), "");
    let said = window.console().join("\n");
    assert!(said.contains("Content Security Policy"), "{said}");
    assert!(window.console().is_empty(), "asked twice");
}

#[test]
fn a_page_that_is_too_wide_shows() {
    let _turn = Turn::take();
    let page = "<!doctype html><meta name=viewport content='width=device-width'>\
                <p style='width: 900px'>text</p>";
    let window = Window::open(&serve("", page));
    window.on_phone().visit("/");
    assert_eq!(window.script("return [innerWidth > 0, screen.width]")[1], 360);
    assert!(fails(|| window.fits_its_width()));
    window.on_desktop().visit("/");
    window.fits_its_width();
}

#[test]
fn the_colours_a_system_is_set_to_show() {
    let _turn = Turn::take();
    let window = Window::open(&serve("", "<!doctype html><p>text</p>"));
    window.visit("/");
    for scheme in ["dark", "light"] {
        window.in_colours(scheme);
        let asked = format!("return matchMedia('(prefers-color-scheme: {scheme})').matches");
        assert_eq!(window.script(&asked), true, "{scheme}");
    }
}

#[test]
fn a_barrier_shows() {
    let _turn = Turn::take();
    let page = "<!doctype html><html lang=en><title>page</title><main><h1>Page</h1>\
                <input type=text><img src=data:,></main></html>";
    // The strictest policy there is does not keep axe-core from looking.
    let window = Window::open(&serve("content-security-policy: default-src 'none'\r\n", page));
    window.visit("/");
    let found = window.barriers();
    assert!(found.iter().any(|line| line.contains("critical: label:")), "{found:#?}");
    assert!(found.iter().any(|line| line.contains("critical: image-alt:")), "{found:#?}");
}

/// The processes of a group that have not ended.
fn alive(group: u32) -> usize {
    let running = |stat: &str| {
        // `pid (name) state parent group ..`
        let mut parts = stat.rsplit(')').next().unwrap().split_whitespace();
        parts.next() != Some("Z") && parts.nth(1) == Some(&group.to_string())
    };
    std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| std::fs::read_to_string(entry.unwrap().path().join("stat")).ok())
        .filter(|stat| running(stat))
        .count()
}

#[test]
fn no_browser_outlives_a_test_that_fails() {
    let _turn = Turn::take();
    let mut group = 0;
    let url = serve("", "<!doctype html><p>text</p>");
    assert!(fails(|| {
        let window = Window::open(&url);
        group = window.group();
        assert!(alive(group) > 3, "{}", alive(group));
        panic!("as a test does");
    }));
    assert_eq!(alive(group), 0);
}
