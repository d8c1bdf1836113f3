//! Pages for who is not signed in.

use maud::{Markup, html};

use super::text::{sentence, value};
use crate::inbox::base::PATH;

/// How to sign in once more, for somebody who pressed a button of a page that was open for too long.
pub(in crate::inbox) fn over(issuer: Option<&str>, then: &str) -> Markup {
    html! {
        p.note role="alert" { "Your session is over, so nothing was done. Sign in and decide again." }
        (sign_in(issuer, then))
    }
}

/// How to sign in: at `issuer`, or by a link of the command line.
pub(in crate::inbox) fn sign_in(issuer: Option<&str>, then: &str) -> Markup {
    html! {
        @match issuer {
            Some(issuer) => {
                p { "You have to sign in to go on." }
                form method="post" action={ (PATH) "/sign-in" } {
                    input type="hidden" name="then" value=(then);
                    button type="submit" { "Sign in" }
                }
                p.small { "You sign in at " (value(issuer)) "." }
            }
            None => {
                p { "You need a one-time link to sign in. Whoever runs this server makes one on its machine:" }
                pre { code { "inbox link --as NAME" } }
                p { "Open the link it prints, then come back to this page." }
            }
        }
    }
}

/// A link that still works.
pub(in crate::inbox) fn link(name: &str, secret: &str) -> Markup {
    html! {
        p { "This link signs you in as " strong { (value(name)) } ". It works once." }
        form method="post" action={ (PATH) "/link/" (secret) } {
            button type="submit" { "Sign in as " (value(name)) }
        }
    }
}

/// A link that does not work, for whatever reason.
pub(in crate::inbox) fn spent() -> Markup {
    html! {
        p { "It was used before, its time is over, or it was not copied in full." }
        p { "Ask for a new one: " code { "inbox link --as NAME" } }
    }
}

/// Why somebody does not get in.
pub(in crate::inbox) fn refused(why: &str) -> Markup {
    html! {
        p { (sentence(why)) }
        p { a href={ (PATH) "/sign-in" } { "Sign in as somebody else" } }
    }
}

/// After signing out.
pub(in crate::inbox) fn signed_out() -> Markup {
    html! {
        p { "You are signed out on this browser." }
        p { a href={ (PATH) "/sign-in" } { "Sign in again" } }
    }
}
