//! A browser of one person, with a profile of its own: what they see and what they do.

use std::fmt::Debug;
use std::future::Future;
use std::time::{Duration, Instant};

use fantoccini::actions::{
    InputSource, KeyAction, KeyActions, MOUSE_BUTTON_LEFT, MouseActions, PointerAction,
};
use fantoccini::elements::Element;
use fantoccini::error::CmdError;
use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::driver::Driver;
use crate::harness::{PATIENCE, installed};

/// Flags that let Chromium run as root without a screen, and keep it from asking the outside world for anything.
const FLAGS: [&str; 11] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--window-size=1280,800",
];

/// A browser. It is closed when dropped, also by a test that fails.
#[derive(Debug)]
pub(crate) struct Window {
    client: Client,
    runtime: Runtime,
    base: String,
    // In the order in which they have to go: the browser before its profile.
    driver: Driver,
    _profile: TempDir,
}

impl Window {
    /// Opens one that knows nobody; paths are below `base`.
    #[track_caller]
    pub(crate) fn open(base: &str) -> Self {
        let driver = Driver::start();
        let profile = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let mut flags: Vec<String> = FLAGS.map(ToOwned::to_owned).to_vec();
        flags.push(format!("--user-data-dir={}", profile.path().display()));
        let wanted = json!({
            "goog:chromeOptions": {"args": flags, "binary": installed("chromium")},
            "goog:loggingPrefs": {"browser": "ALL"},
            // A dialog that nobody expects fails the next step of a test.
            "unhandledPromptBehavior": "ignore",
        });
        let Value::Object(wanted) = wanted else { unreachable!() };
        let connecting = async {
            ClientBuilder::new(HttpConnector::new())
                .capabilities(wanted)
                .connect(&driver.url())
                .await
                .expect("Chromium starts")
        };
        let client = runtime.block_on(connecting);
        Self { client, runtime, base: base.to_owned(), driver, _profile: profile }
    }

    #[track_caller]
    fn wait<T, E: Debug>(&self, what: impl Future<Output = Result<T, E>>) -> T {
        self.runtime.block_on(async {
            tokio::time::timeout(PATIENCE, what)
                .await
                .expect("the browser answers in time")
                .expect("the browser does it")
        })
    }

    /// The group of processes it runs in.
    pub(crate) fn group(&self) -> u32 {
        self.driver.group()
    }

    /// Goes to a path of the server.
    #[track_caller]
    pub(crate) fn visit(&self, path: &str) {
        self.go(&self.address(path));
    }

    /// The whole address of a path.
    pub(crate) fn address(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// Goes to an address.
    #[track_caller]
    pub(crate) fn go(&self, url: &str) {
        self.wait(self.client.goto(url));
    }

    #[track_caller]
    pub(crate) fn back(&self) {
        self.wait(self.client.back());
    }

    /// The path of the page that is shown.
    #[track_caller]
    pub(crate) fn path(&self) -> String {
        self.wait(self.client.current_url()).path().to_owned()
    }

    #[track_caller]
    pub(crate) fn title(&self) -> String {
        self.wait(self.client.title())
    }

    /// The text that is rendered, as a person reads it.
    #[track_caller]
    pub(crate) fn text(&self) -> String {
        // A page may go away between the two steps.
        self.until("a page with a body", || {
            let text = async { self.client.find(Locator::Css("body")).await?.text().await };
            self.runtime.block_on(text).ok()
        })
    }

    /// The markup of the page as it stands now.
    #[track_caller]
    pub(crate) fn source(&self) -> String {
        self.wait(self.client.source())
    }

    /// Waits until `ask` has an answer.
    #[track_caller]
    fn until<T>(&self, what: &str, ask: impl Fn() -> Option<T>) -> T {
        let since = Instant::now();
        loop {
            if let Some(answer) = ask() {
                return answer;
            }
            assert!(since.elapsed() < PATIENCE, "there never was {what}\n{}", self.now());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// What a failing test tells of the page.
    fn now(&self) -> String {
        let state = async {
            let url = self.client.current_url().await?;
            let text = self.client.find(Locator::Css("body")).await?.text().await?;
            Ok::<_, CmdError>(format!("at {url}:\n{text}"))
        };
        self.runtime.block_on(state).unwrap_or_else(|error| format!("no page: {error}"))
    }

    /// Waits until the page shows a text.
    #[track_caller]
    pub(crate) fn see(&self, text: &str) -> &Self {
        self.until(&format!("`{text}`"), || self.text().contains(text).then_some(()));
        self
    }

    /// The page does not show a text now.
    #[track_caller]
    pub(crate) fn does_not_see(&self, text: &str) -> &Self {
        let shown = self.text();
        assert!(!shown.contains(text), "`{text}` is shown:\n{shown}");
        self
    }

    /// Waits for an element.
    #[track_caller]
    pub(crate) fn find(&self, css: &str) -> Element {
        self.locate(Locator::Css(css))
    }

    #[track_caller]
    fn locate(&self, by: Locator<'_>) -> Element {
        self.until(&format!("{by:?}"), || self.runtime.block_on(self.client.find(by)).ok())
    }

    /// Whether there is such an element now.
    #[track_caller]
    pub(crate) fn has(&self, css: &str) -> bool {
        self.count(css) > 0
    }

    #[track_caller]
    pub(crate) fn count(&self, css: &str) -> usize {
        self.wait(self.client.find_all(Locator::Css(css))).len()
    }

    /// The rendered text of an element.
    #[track_caller]
    pub(crate) fn text_of(&self, css: &str) -> String {
        self.wait(self.find(css).text())
    }

    #[track_caller]
    pub(crate) fn attribute(&self, css: &str, name: &str) -> Option<String> {
        self.wait(self.find(css).attr(name))
    }

    /// Clicks twice, as fast as a person does who is used to it.
    #[track_caller]
    pub(crate) fn double_click(&self, css: &str) {
        let element = self.find(css);
        self.script(&format!(
            "document.querySelector({css:?}).scrollIntoView({{block: 'center'}})"
        ));
        let at = PointerAction::MoveToElement { element, duration: None, x: 0.0, y: 0.0 };
        let mut clicks = MouseActions::new("mouse".into()).then(at);
        for _ in 0..2 {
            clicks = clicks
                .then(PointerAction::Down { button: MOUSE_BUTTON_LEFT })
                .then(PointerAction::Up { button: MOUSE_BUTTON_LEFT });
        }
        self.wait(self.client.perform_actions(clicks));
    }

    /// Clicks what is found, and finds it anew where the page was replaced in between.
    #[track_caller]
    fn click(&self, find: impl Fn() -> Element) {
        for _ in 0..10 {
            let element = find();
            let clicked = self.wait(async {
                match element.click().await {
                    Err(error) if error.is_stale_element_reference() => Ok(false),
                    done => done.map(|()| true),
                }
            });
            if clicked {
                return;
            }
        }
        panic!("the page is replaced again and again");
    }

    /// Presses the button of a name.
    #[track_caller]
    pub(crate) fn press(&self, name: &str) {
        self.click(|| self.button(name));
    }

    #[track_caller]
    pub(crate) fn button(&self, name: &str) -> Element {
        self.locate(Locator::XPath(&format!("//button[normalize-space()={name:?}]")))
    }

    #[track_caller]
    pub(crate) fn has_button(&self, name: &str) -> bool {
        let by = format!("//button[normalize-space()={name:?}]");
        !self.wait(self.client.find_all(Locator::XPath(&by))).is_empty()
    }

    /// Follows the link of a name.
    #[track_caller]
    pub(crate) fn follow(&self, name: &str) {
        let by = format!("//a[normalize-space()={name:?}]");
        self.click(|| self.locate(Locator::XPath(&by)));
    }

    /// Writes into a field, over what stands there.
    #[track_caller]
    pub(crate) fn write(&self, css: &str, text: &str) {
        let field = self.find(css);
        self.wait(field.clear());
        self.wait(field.send_keys(text));
    }

    /// Presses keys one after the other, wherever the focus is.
    #[track_caller]
    pub(crate) fn keys(&self, keys: &str) {
        for key in keys.chars() {
            let stroke = KeyActions::new("keyboard".into())
                .then(KeyAction::Down { value: key })
                .then(KeyAction::Up { value: key });
            self.wait(self.client.perform_actions(stroke));
        }
    }

    /// Runs a script as the page itself would not: the driver's are not under the page's policy.
    #[track_caller]
    pub(crate) fn script(&self, script: &str) -> Value {
        self.wait(self.client.execute(script, Vec::new()))
    }

    /// Runs a script that hands its answer to the function it is given last.
    #[track_caller]
    pub(crate) fn script_later(&self, script: &str) -> Value {
        self.wait(self.client.execute_async(script, Vec::new()))
    }

    /// Opens a second tab and goes there; [`Self::turn_to`] leads back.
    #[track_caller]
    pub(crate) fn another_tab(&self) {
        let tab = self.wait(self.client.new_window(true));
        self.wait(self.client.switch_to_window(tab.handle));
    }

    /// Turns to a tab, counted from nought.
    #[track_caller]
    pub(crate) fn turn_to(&self, tab: usize) {
        let tabs = self.wait(self.client.windows());
        self.wait(self.client.switch_to_window(tabs[tab].clone()));
    }

    /// What the console said since it was last asked.
    #[track_caller]
    pub(crate) fn console(&self) -> Vec<String> {
        let lines = self.raw("se/log", json!({"type": "browser"}));
        lines.as_array().unwrap().iter().map(|line| line["message"].to_string()).collect()
    }

    /// No dialog is open.
    #[track_caller]
    pub(crate) fn asks_nothing(&self) {
        let text = self.runtime.block_on(self.client.get_alert_text());
        assert!(text.is_err(), "a dialog says {text:?}");
    }

    /// A command of the developer tools.
    #[track_caller]
    pub(crate) fn devtools(&self, command: &str, parameters: Value) -> Value {
        self.raw("goog/cdp/execute", json!({"cmd": command, "params": parameters}))
    }

    #[track_caller]
    fn raw(&self, path: &'static str, body: Value) -> Value {
        self.wait(self.client.issue_cmd(Vendor { path, body }))
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        let closing = self.client.clone().close();
        // What does not close in time is ended with its driver.
        drop(
            self.runtime
                .block_on(async { tokio::time::timeout(Duration::from_secs(5), closing).await }),
        );
    }
}

/// A command that is this driver's own.
#[derive(Debug)]
struct Vendor {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for Vendor {
    fn endpoint(
        &self,
        base: &url::Url,
        session: Option<&str>,
    ) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(self.body.to_string()))
    }
}
