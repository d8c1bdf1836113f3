//! What pages look like: the frame around each, and the short ones that say what happened.

pub(super) mod entrance;
pub(super) mod list;
pub(super) mod outcome;
pub(super) mod request;
pub(super) mod runs;
pub(super) mod switches;
pub(super) mod text;
pub(super) mod time;
pub(super) mod values;

use axum::http::StatusCode;
use maud::{DOCTYPE, Markup, html};

use super::base::PATH;
use super::session::Visitor;

/// Where in the navigation a page is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Pending,
    History,
    Runs,
    Switches,
}

/// What is around a page.
pub(super) struct Frame<'a> {
    pub(super) server: &'a str,
    pub(super) visitor: Option<&'a Visitor>,
    /// Whether people are taken at their word here.
    pub(super) asserted: bool,
    pub(super) here: Option<Place>,
    /// Whether the page refreshes itself.
    pub(super) alive: bool,
    /// Whether the visitor could switch anything.
    pub(super) switches: bool,
}

impl Frame<'_> {
    /// The list of a place itself.
    pub(super) const fn at(mut self, place: Place) -> Self {
        self.here = Some(place);
        self.alive = matches!(place, Place::Pending);
        self
    }

    /// At a place that has pages of its own: it takes no script.
    pub(super) const fn within(mut self, place: Place) -> Self {
        self.here = Some(place);
        self.alive = false;
        self
    }

    /// A whole page with one heading.
    pub(super) fn page(&self, title: &str, body: &Markup) -> Markup {
        html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { (title) " · " (self.server) }
                    link rel="stylesheet" href={ (PATH) "/style.css" };
                    link rel="icon" type="image/svg+xml" href={ (PATH) "/icon.svg" };
                    @if self.alive {
                        script src={ (PATH) "/refresh.js" } defer {}
                    }
                }
                body {
                    a.skip href="#main" { "Skip to the content" }
                    (self.header())
                    main #main tabindex="-1" {
                        h1 { (text::name(title)) }
                        (body)
                    }
                    (self.footer())
                }
            }
        }
    }

    fn header(&self) -> Markup {
        html! {
            header.top {
                div.bar {
                    a.home href=(PATH) { (self.server) }
                    @if let Some(visitor) = self.visitor {
                        nav aria-label="Pages" {
                            ul {
                                (self.link(Place::Pending, PATH, "Waiting"))
                                (self.link(Place::History, &format!("{PATH}/history"), "History"))
                                (self.link(Place::Runs, &format!("{PATH}/runs"), "Runs"))
                                @if self.switches {
                                    (self.link(Place::Switches, &format!("{PATH}/switches"), "Switches"))
                                }
                            }
                        }
                        form.who method="post" action={ (PATH) "/sign-out" } {
                            (token(visitor))
                            span { (text::value(name(visitor))) " · " (text::value(&visitor.who.tenant)) }
                            button.quiet type="submit" { "Sign out" }
                        }
                    }
                }
            }
        }
    }

    fn link(&self, place: Place, address: &str, word: &str) -> Markup {
        let current = (self.here == Some(place)).then_some("page");
        html! { li { a href=(address) aria-current=[current] { (word) } } }
    }

    fn footer(&self) -> Markup {
        html! {
            footer {
                @if self.asserted {
                    p { "Sandbox: people are taken at their word, and the record says so." }
                }
            }
        }
    }
}

/// What the visitor is called.
pub(super) fn name(visitor: &Visitor) -> &str {
    visitor.who.person.as_deref().unwrap_or(&visitor.who.subject)
}

/// What makes a form the visitor's own.
pub(super) fn token(visitor: &Visitor) -> Markup {
    html! { input type="hidden" name="token" value=(visitor.token()); }
}

/// A page that leads on by itself, and by its link where a browser does not. What it leads to is asked for by a page of ours.
pub(super) fn onward(title: &str, address: &str) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta http-equiv="refresh" content={ "0;url=" (address) };
                title { (title) }
                link rel="stylesheet" href={ (PATH) "/style.css" };
            }
            body {
                main #main {
                    h1 { (title) }
                    p { a href=(address) { "Continue" } }
                }
            }
        }
    }
}

/// A page that says one thing.
pub(super) struct Told {
    pub(super) title: &'static str,
    says: &'static str,
}

impl Told {
    pub(super) fn body(&self) -> Markup {
        html! {
            p { (self.says) }
            p { a href=(PATH) { "Go to the inbox" } }
        }
    }
}

pub(super) const BROKEN: Told = Told {
    title: "Something went wrong",
    says: "This page could not be made. Look again at what you were at; an operator finds the cause in the server's log.",
};
pub(super) const SLOW: Told = Told {
    title: "This takes longer than usual",
    says: "Whether it was done is not known yet. Look again at what you were at before you do it once more.",
};
pub(super) const UNAVAILABLE: Told = Told {
    title: "Not available at present",
    says: "The server can not read or write what it has to, so nothing was done. Try again in a moment.",
};
pub(super) const FOREIGN: Told = Told {
    title: "This was not sent from here",
    says: "The form did not come from a page of this server, so nothing was done. Open the request here and decide again.",
};
pub(super) const STALE_FORM: Told = Told {
    title: "This form is not valid",
    says: "It belongs to another session, so nothing was done. Open the request again and decide again.",
};
const NOTHING_HERE: Told = Told {
    title: "There is nothing here",
    says: "There is no such page, or it is not for you to see.",
};
const UNREADABLE: Told = Told {
    title: "This could not be read",
    says: "The address or the form is not one of ours, so nothing was done.",
};
const NOT_ALLOWED: Told =
    Told { title: "Not allowed", says: "This can not be done at this address." };
const TOO_LARGE: Told = Told {
    title: "Too large",
    says: "What was sent is larger than any form here, so nothing was done.",
};
const TOO_SLOW: Told = Told {
    title: "Too slow",
    says: "The form did not arrive in time, so nothing was done. Try again.",
};
const TOO_MANY: Told = Told {
    title: "Too many requests",
    says: "There were too many requests from your address. Wait a moment and try again.",
};

/// What is said of a status that needs no more words.
pub(super) const fn told_of(status: StatusCode) -> &'static Told {
    match status {
        StatusCode::NOT_FOUND => &NOTHING_HERE,
        StatusCode::PAYLOAD_TOO_LARGE => &TOO_LARGE,
        StatusCode::REQUEST_TIMEOUT => &TOO_SLOW,
        StatusCode::TOO_MANY_REQUESTS => &TOO_MANY,
        StatusCode::BAD_REQUEST | StatusCode::UNSUPPORTED_MEDIA_TYPE => &UNREADABLE,
        StatusCode::FORBIDDEN | StatusCode::METHOD_NOT_ALLOWED => &NOT_ALLOWED,
        StatusCode::SERVICE_UNAVAILABLE => &UNAVAILABLE,
        _ => &BROKEN,
    }
}
