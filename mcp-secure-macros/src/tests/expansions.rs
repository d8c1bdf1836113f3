//! What the macros write, for a dozen declarations.

use super::{expand, expand_in};
use crate::expand::Expansion;
use crate::house::House;

fn pretty(expansion: Expansion) -> String {
    assert!(expansion.faults.is_empty(), "{:?}", expansion.faults);
    show(expansion)
}

fn show(expansion: Expansion) -> String {
    prettyplease::unparse(&syn::parse2(expansion.into_tokens()).unwrap())
}

#[test]
fn the_bare_declaration() {
    let attr = "risk = \"high\", permission = \"refund.request\", approval";
    insta::assert_snapshot!(pretty(expand(
        "tool",
        attr,
        "/// Request a refund.\npub async fn request_refund() {}"
    )));
}

#[test]
fn a_tool_with_every_key() {
    let attr = r#"risk = "critical", permission = "account.close", resource = Customer(customer_id),
        approval(by = "account.approve", quorum = 2, expires = "12h"), destructive, idempotent, open_world = false,
        dry_run = preview, idempotency(key = [customer_id], window = "7d"),
        rollback(accounts::reopen, permission = "account.reopen", within = "30d"),
        rate_limit = ["3/min per user", "10/day per tenant"], timeout = "10s", max_output = "64KiB", max_concurrent = 4,
        owner = "accounts", title = "Close an account", name = "close-account", version = "1.2.0""#;
    let item = r"
        /// Close an account.
        ///
        /// The customer is told by mail.
        pub(crate) async fn close_account(
            caller: &Principal,
            accounts: &accounts::Service,
            /// The customer.
            customer_id: CustomerId,
            #[arg(min_len = 1, max_len = 200, sensitive)] mut reason: String,
            #[arg(min = 1, max = 30, default = 7)] days: u32,
            #[arg(min = -0.5, max = 1)] factor: f64,
        ) -> Result<Closed, CloseError> {
            accounts.close(customer_id, reason).await
        }
    ";
    insta::assert_snapshot!(pretty(expand("tool", attr, item)));
}

#[test]
fn a_read_only_tool_borrows_for_reading() {
    let attr = "risk = \"low\", permission = \"account.read\", read_only";
    let item = "/// Look.\nasync fn look(book: &AccountBook, #[arg(one_of = [\"a\", \"b\"], default = \"a\")] kind: String) -> Content { x }";
    insta::assert_snapshot!(pretty(expand("tool", attr, item)));
}

#[test]
fn a_public_tool() {
    insta::assert_snapshot!(pretty(expand(
        "tool",
        "risk = \"low\", public, read_only",
        "/// Status.\nasync fn status() -> Content { x }"
    )));
}

#[test]
fn a_whole_input() {
    let attr = "risk = \"medium\", permission = \"refund.request\", resource = Order(order_id), idempotency(key = [order_id])";
    insta::assert_snapshot!(pretty(expand(
        "tool",
        attr,
        "/// Refund.\nasync fn refund(#[input] refund: Refund) -> Receipt { x }"
    )));
}

#[test]
fn a_tool_that_is_broad() {
    let attr = "risk = \"high\", permission = \"report.run\", approval(when = is_large), broad = \"the analysts' console\"";
    insta::assert_snapshot!(pretty(expand(
        "tool",
        attr,
        "/// Run.\nasync fn run_query(sql: String) -> Content { x }"
    )));
}

#[test]
fn a_resource() {
    let attr =
        "uri = \"kb://articles/{slug}\", mime_type = \"text/markdown\", permission = \"kb.read\"";
    insta::assert_snapshot!(pretty(expand(
        "resource",
        attr,
        "/// An article.\nasync fn article(kb: &Kb, slug: Slug) -> Content { x }"
    )));
}

#[test]
fn a_prompt() {
    let attr = "permission = \"refund.request\", resource = Order(order_id)";
    insta::assert_snapshot!(pretty(expand(
        "prompt",
        attr,
        "/// Review.\nasync fn refund_review(order_id: OrderId) -> Content { x }"
    )));
}

#[test]
fn the_companions() {
    let preview = expand(
        "dry_run",
        "",
        "async fn preview(book: &Book, order_id: OrderId, amount: Cents) -> Result<Preview, E> { x }",
    );
    let when =
        expand("when", "", "async fn is_large(_order_id: OrderId, amount: Cents) -> bool { x }");
    let rollback = expand(
        "rollback",
        "",
        "pub async fn cancel(refunds: &Refunds, receipt: Receipt) -> Result<Cancelled, E> { x }",
    );
    insta::assert_snapshot!([preview, when, rollback].map(pretty).join("\n"));
}

#[test]
fn the_derives() {
    let state = expand(
        "State",
        "",
        "struct App { #[state(write)] refunds: Refunds, accounts: Arc<Book>, #[state(skip)] other: Refunds }",
    );
    let output = expand(
        "ToolOutput",
        "",
        "#[serde(tag = \"kind\")] enum Status { Open, Closed { at: u64 } }",
    );
    let id = expand("ResourceId", "", "struct OrderId { inner: String }");
    insta::assert_snapshot!([state, output, id].map(pretty).join("\n"));
}

#[test]
fn a_refused_declaration_keeps_the_function_and_a_stub() {
    let item = "/// Does it.\nasync fn f(#[arg(max = 3)] n: u32) -> R { n + }";
    let expansion =
        expand("tool", "risk = \"high\", permission = \"a.b\"", &item.replace("n + ", "n"));
    insta::assert_snapshot!(show(expansion));
}

#[test]
fn raw_identifiers_lose_their_prefix_in_texts_only() {
    let attr = "risk = \"low\", permission = \"a.b\", read_only, resource = Kind(r#type)";
    insta::assert_snapshot!(pretty(expand(
        "tool",
        attr,
        "/// Matches.\nasync fn r#match(r#type: KindId) -> R { x }"
    )));
}

#[test]
fn a_declaration_compiles_again_when_the_house_file_changes() {
    let mut house = House::default();
    house.add("/house/mcp-secure.toml".to_owned(), "");
    let attr = "risk = \"low\", permission = \"a.b\", read_only";
    let tokens =
        expand_in("tool", attr, "/// Look.\nasync fn look() {}", &house).into_tokens().to_string();
    assert!(tokens.contains("include_str ! (\"/house/mcp-secure.toml\")"), "{tokens}");
}

#[test]
fn a_body_is_left_as_it_is_even_if_it_does_not_parse() {
    let attr = "risk = \"low\", permission = \"a.b\", read_only";
    let expansion = expand("tool", attr, "/// Look.\nasync fn look() { let = ; }");
    assert!(expansion.faults.is_empty());
    assert!(expansion.tokens.to_string().contains("let = ;"));
}

#[test]
fn fragments_of_macro_rules_are_read_like_tokens_of_the_users() {
    use proc_macro2::{Delimiter, Group, TokenTree};
    // `$x:literal` and `$x:ty` arrive inside invisible groups.
    fn wrap(tokens: proc_macro2::TokenStream, find: &str) -> proc_macro2::TokenStream {
        tokens
            .into_iter()
            .map(|token| match token {
                TokenTree::Group(group) => {
                    let mut inner = Group::new(group.delimiter(), wrap(group.stream(), find));
                    inner.set_span(group.span());
                    TokenTree::Group(inner)
                }
                token if token.to_string() == find => {
                    TokenTree::Group(Group::new(Delimiter::None, token.into()))
                }
                token => token,
            })
            .collect()
    }
    let attr = "risk = \"low\", permission = \"a.b\", read_only, resource = Order(order)";
    let item = "/// Look.\nasync fn look(book: &Book, order: OrderId) -> R { x }";
    let wrapped = |source: &str, finds: &[&str]| {
        finds.iter().fold(source.parse::<proc_macro2::TokenStream>().unwrap(), |tokens, find| {
            wrap(tokens, find)
        })
    };
    let expansion = crate::expand::attribute(
        crate::role::Role::ALL[0],
        wrapped(attr, &["\"low\"", "\"a.b\"", "Order", "order"]),
        wrapped(item, &["Book", "OrderId", "R"]),
        &House::default(),
    );
    assert!(expansion.faults.is_empty(), "{:?}", expansion.faults);
}
