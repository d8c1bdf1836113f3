//! Letters of any script and pictographs are no hidden characters.

use mcp_secure::prelude::*;

/// Zeigt eine Bestellung — größer als 5 € ✅️. 注文を表示します。
///
/// - lists, `code` and *stress* stay
#[tool(risk = "low", permission = "order.read", read_only, title = "Bestellung zeigen 📦")]
async fn show_order(
    /// Die Nummer: 1 < 2, a > b, "quotes" & ampersands.
    number: u32,
) {
    let _ = number;
}

pub(super) fn main() {
    let _: ToolSet<()> = tools![show_order];
}
