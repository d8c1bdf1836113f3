use mcp_secure::prelude::*;

struct Card;
struct CardId(String);

/// Blocks a card.
#[tool(risk = "high", permission = "card.block", resource = Card(card), approval)]
async fn block_card(#[arg(sensitive)] card: CardId) {
    let _ = card;
}

fn main() {}
