//! Hygiene of `macro_rules!` holds: a body that a macro wrote sees its own names.

use mcp_secure::prelude::*;

macro_rules! doubling {
    ($name:ident, $number:ident) => {
        /// Doubles a number.
        #[tool(risk = "low", public, read_only)]
        async fn $name(#[arg(max = 100)] $number: u32) -> Content {
            let args = $number;
            let $number = args * 2;
            Content::text(format!("{}", $number))
        }
    };
}

doubling!(double, args);
doubling!(twice, number);

pub(super) fn main() {
    let _: ToolSet<()> = tools![double, twice];
}
