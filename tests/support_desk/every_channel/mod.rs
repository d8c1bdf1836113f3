//! One attack after another, each on every channel there is: the four on which a client waits for people, and the four
//! places where people decide. A channel is a driver, an attack knows none of them.

mod answered;
mod asked;
mod asking;
mod decided;
mod deciding;
mod place;
mod proven;
mod scene;
