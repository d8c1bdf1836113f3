//! What is switched off, and the forms to switch.

use maud::{Markup, html};

use super::runs::reason;
use super::text::{code, fenced, value};
use super::time::stamp;
use super::token;
use crate::clock::Timestamp;
use crate::inbox::base::PATH;
use crate::inbox::session::Visitor;
use crate::store::{Switch, SwitchScope};

/// The page: what is off first, then what could be.
pub(in crate::inbox) fn page(
    off: &[Switch],
    can_off: &[SwitchScope],
    can_on: &[SwitchScope],
    now: Timestamp,
    visitor: &Visitor,
) -> Markup {
    let at = format!("{PATH}/switches");
    html! {
        section aria-labelledby="off" {
            h2 #off { "Switched off" }
            @if off.is_empty() { p { "Nothing that you may switch is off." } }
            ul.cards {
                @for (n, switch) in off.iter().enumerate() {
                    li.card {
                        p.tags { span.tag.state-off { "off" } (named(&switch.scope)) }
                        p { "By " (value(&switch.by)) ", " (stamp(switch.since, now)) }
                        @if let Some(reason) = &switch.reason { (fenced(reason)) }
                        @if can_on.contains(&switch.scope) || other_tenants(&switch.scope, visitor) {
                            form method="post" action=(at) {
                                (token(visitor))
                                input type="hidden" name="to" value="on";
                                input type="hidden" name="scope" value=(switch.scope.to_string());
                                label for={ "on-" (n) } { "Why it is safe again" }
                                textarea id={ "on-" (n) } name="reason" rows="2" maxlength="1000" required {}
                                button.quiet type="submit" { "Switch on" }
                            }
                        }
                    }
                }
            }
        }
        @if !can_off.is_empty() {
            section aria-labelledby="brake" {
                h2 #brake { "Switch off" }
                p { "It holds within a second, in every process, for calls that have not begun." }
                form method="post" action=(at) {
                    (token(visitor))
                    input type="hidden" name="to" value="off";
                    label for="scope" { "What" }
                    select #scope name="scope" required {
                        option value="" { "Choose" }
                        @for scope in can_off { option value=(scope.to_string()) { (words(scope)) } }
                    }
                    (reason("Why"))
                    button.deny type="submit" { "Switch off" }
                }
            }
        }
    }
}

/// Whether it is another tenant's: what can be switched is listed for the visitor's own, and policy may let them do more.
fn other_tenants(scope: &SwitchScope, visitor: &Visitor) -> bool {
    matches!(scope, SwitchScope::Tenant(name) if *name != visitor.who.tenant)
}

fn named(scope: &SwitchScope) -> Markup {
    html! {
        @match scope {
            SwitchScope::Everything => strong { "everything" },
            SwitchScope::Tenant(name) => { "every tool for " (code(name)) }
            SwitchScope::Tool(name) => { (code(name)) }
        }
    }
}

fn words(scope: &SwitchScope) -> String {
    match scope {
        SwitchScope::Everything => "everything, for everybody".to_owned(),
        SwitchScope::Tenant(name) => format!("every tool, for {name}"),
        SwitchScope::Tool(name) => format!("{name}, for everybody"),
    }
}
