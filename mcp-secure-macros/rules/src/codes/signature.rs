//! R8, R9, R12 and R13: the signature, its types, resource ids, and the state.

super::codes! {
    ITEM_KIND = "MS0801", "R8", Macro, "the attribute is not on a function",
        why: "On anything else it would register nothing, without a word.",
        fix: "Put it on a free `async fn`.",
        bad: "/// Refunds.\n#[tool(risk = \"high\", permission = \"refund.request\", approval)]\nstruct Refund;",
        good: "/// Refunds.\n#[tool(risk = \"high\", permission = \"refund.request\", approval)]\nasync fn refund() -> Receipt";
    METHOD = "MS0802", "R8", Macro, "the function is a method",
        why: "A tool has no `self`: what it needs is lent by the server, one parameter each.",
        fix: "Move it out of the `impl` or `trait` and borrow what it needs: `refunds: &RefundService`.",
        bad: "async fn refund(&self, order_id: OrderId) -> Receipt",
        good: "async fn refund(refunds: &RefundService, order_id: OrderId) -> Receipt";
    GENERIC = "MS0803", "R8", Macro, "the function is generic",
        why: "A tool has one schema, made from concrete types.",
        fix: "Write the types out; leave out lifetimes, which are inferred.",
        bad: "async fn refund<T: Order>(order: T) -> Receipt",
        good: "async fn refund(order: OrderId) -> Receipt";
    NOT_ASYNC = "MS0804", "R8", Macro, "the function is not `async`",
        why: "Every call runs under a timeout and can be cancelled, which takes an `async fn`.",
        fix: "Write `async fn`.",
        bad: "fn refund(order_id: OrderId) -> Receipt",
        good: "async fn refund(order_id: OrderId) -> Receipt";
    QUALIFIER = "MS0805", "R8", Macro, "the function is `const`, `unsafe`, `extern` or variadic",
        why: "The server calls tools as plain async functions.",
        fix: "Remove the qualifier.",
        bad: "async unsafe fn refund(order_id: OrderId) -> Receipt",
        good: "async fn refund(order_id: OrderId) -> Receipt";
    PARAMETER_PATTERN = "MS0806", "R8", Macro, "a parameter has a pattern instead of a name",
        why: "The name of an owned parameter is the name of the argument.",
        fix: "Name the parameter and take it apart in the body.",
        bad: "async fn refund(Order { id }: Order) -> Receipt",
        good: "async fn refund(order: Order) -> Receipt";
    BORROW_FORM = "MS0807", "R8", Macro, "a borrowed parameter is not `&Type`",
        why: "Borrowed parameters are lent by the server and shared between calls; text and lists come from the model and are owned.",
        fix: "Use `&Type` for what the server lends, an owned type such as `String` for an input.",
        bad: "async fn refund(reason: &str) -> Receipt",
        good: "async fn refund(reason: RefundReason) -> Receipt";
    INPUT_FORM = "MS0808", "R8", Macro, "an owned parameter is not of a concrete, owned type",
        why: "An input's schema is made from its type.",
        fix: "Name a type that derives `Deserialize` and `JsonSchema`.",
        bad: "async fn refund(order: impl Into<OrderId>) -> Receipt",
        good: "async fn refund(order: OrderId) -> Receipt";
    BODY_MISSING = "MS0809", "R8", Macro, "the function has no body",
        why: "There is nothing to run.",
        fix: "Put the attribute on a free function with a body, not on a declaration in a trait or an `extern` block.",
        bad: "trait Refunds {\n    #[tool(risk = \"high\", permission = \"refund.request\", approval)]\n    async fn refund(order_id: OrderId) -> Receipt;\n}",
        good: "#[tool(risk = \"high\", permission = \"refund.request\", approval)]\nasync fn refund(order_id: OrderId) -> Receipt { /* ... */ }";
    WHOLE_INPUT = "MS0810", "R8", Macro, "`#[input]` is not on the one owned parameter",
        why: "It makes that parameter the whole arguments object, so there is no place for others.",
        fix: "Keep one owned parameter, a struct of yours, or remove `#[input]`.",
        bad: "async fn refund(#[input] refund: Refund, note: Note) -> Receipt",
        good: "async fn refund(#[input] refund: Refund) -> Receipt";
    ARG_MISPLACED = "MS0811", "R8", Macro, "`#[arg]` where there is no single input to bound",
        why: "A borrowed parameter is no input, and the fields of a whole `#[input]` are bounded in their own struct.",
        fix: "Move the bounds to an owned parameter, or to the struct.",
        bad: "async fn refund(#[arg(max = 3)] refunds: &Refunds) -> Receipt",
        good: "async fn refund(refunds: &Refunds, #[arg(max = 3)] tries: u32) -> Receipt";
    RETURN_FORM = "MS0812", "R8", Macro, "the return type is not concrete and owned",
        why: "The output schema is made from it, and the value outlives the call.",
        fix: "Return `T` or `Result<T, E>` with a named type.",
        bad: "async fn show() -> impl Serialize",
        good: "async fn show() -> Shown";
    CFG_PARAMETER = "MS0813", "R8", Macro, "a parameter is conditional",
        why: "The advertised schema would not follow the condition.",
        fix: "Put `#[cfg(...)]` on two whole functions instead.",
        bad: "async fn refund(#[cfg(unix)] order_id: OrderId) -> Receipt",
        good: "#[cfg(unix)]\nasync fn refund(order_id: OrderId) -> Receipt";
    STATE_LACKS = "MS0814", "R8", Compiler, "the application's state does not lend a borrowed type",
        why: "Borrowed parameters are fields of the state given to the server.",
        fix: "Add a field of that type to the struct that derives `State`; inputs from the model are owned.",
        bad: "async fn refund(refunds: &RefundService) -> Receipt // no such field in the state",
        good: "#[derive(State)]\nstruct App { #[state(write)] refunds: RefundService }";
    NOT_DECLARED = "MS0815", "R8", Compiler, "something that is no declared tool is registered",
        why: "Nothing is served without its policy.",
        fix: "Put `#[tool(...)]` on the function and name the function in `tools![...]`.",
        bad: "async fn refund() {}\ntools![refund]",
        good: "#[tool(risk = \"high\", permission = \"refund.request\", approval)]\nasync fn refund() {}\ntools![refund]";

    SECRET_INPUT = "MS0901", "R9", Macro, "an input is a secret",
        why: "Arguments pass through the model, the client and the record: a secret among them is one no longer.",
        fix: "Lend the credential from the server's state.",
        bad: "async fn charge(key: Secret<ApiKey>) -> Receipt",
        good: "async fn charge(payments: &Payments) -> Receipt";
    SECRET_OUTPUT = "MS0902", "R9", Macro, "an output is a secret",
        why: "What a tool returns is read by the model and the client.",
        fix: "Return a handle, a status or a masked form.",
        bad: "async fn rotate() -> Secret<ApiKey>",
        good: "async fn rotate() -> Rotated";
    SECRET_FIELD = "MS0903", "R9", Macro, "a field of an output is a secret",
        why: "What a tool returns is read by the model and the client.",
        fix: "Leave the field out, or return a masked form.",
        bad: "#[derive(ToolOutput)]\nstruct Account { key: Secret<ApiKey> }",
        good: "#[derive(ToolOutput)]\nstruct Account { key_id: String }";
    OUTPUT_SHAPE = "MS0904", "R9", Macro, "an output does not serialise as an object",
        why: "MCP's structured content is a JSON object.",
        fix: "Use a struct with named fields, or an enum with `#[serde(tag = \"...\")]`.",
        bad: "#[derive(ToolOutput)]\nstruct Total(u64);",
        good: "#[derive(ToolOutput)]\nstruct Total { cents: u64 }";
    OUTPUT_UNFIT = "MS0905", "R9", Compiler, "the return type is no tool output",
        why: "An output has a schema and is checked against it; an error says apart what the model may read and what only the log holds.",
        fix: "Derive `ToolOutput`, `Serialize` and `JsonSchema` for it; of a `Result`, implement `From<YourError> for ToolError`.",
        bad: "async fn show() -> Shown // a plain struct",
        good: "#[derive(Serialize, JsonSchema, ToolOutput)]\nstruct Shown { id: String }";
    INPUT_UNFIT = "MS0906", "R9", Compiler, "an owned parameter is no input",
        why: "An input is validated against a schema and then deserialised.",
        fix: "Derive `Deserialize` and `JsonSchema` for it; borrow it if the server lends it.",
        bad: "async fn refund(order: Order) -> Receipt // a plain struct",
        good: "#[derive(Deserialize, JsonSchema)]\nstruct Order { id: OrderId }";

    UNNAMED_RESOURCE_ID = "MS1201", "R12", Compiler, "an input is a resource id that no `resource` names",
        why: "The permission would be checked on nothing while the body acts on whatever id the model gives.",
        fix: "Add `resource = Order(order_id)`, or say why not with `broad = \"...\"`.",
        bad: "#[tool(risk = \"low\", permission = \"order.read\", read_only)]\nasync fn show(order_id: OrderId) -> Shown",
        good: "#[tool(risk = \"low\", permission = \"order.read\", read_only, resource = Order(order_id))]\nasync fn show(order_id: OrderId) -> Shown";
    RESOURCE_ID_SHAPE = "MS1202", "R12", Macro, "`ResourceId` is derived on something other than a newtype",
        why: "The id's text is that of its one field.",
        fix: "Use a struct with exactly one field, as `struct OrderId(String);`.",
        bad: "#[derive(ResourceId)]\nstruct OrderId { shop: String, number: u64 }",
        good: "#[derive(ResourceId)]\nstruct OrderId(String);";

    READ_ONLY_WRITES = "MS1301", "R13", Compiler, "a read-only function borrows what can write",
        why: "`read_only` is a promise that the types keep, not a hint.",
        fix: "Borrow a read-only handle, or remove `read_only`.",
        bad: "#[tool(risk = \"low\", permission = \"refund.read\", read_only)]\nasync fn list(refunds: &RefundService) -> Refunds // a `#[state(write)]` field",
        good: "#[tool(risk = \"low\", permission = \"refund.read\", read_only)]\nasync fn list(ledger: &RefundLedger) -> Refunds";
    STATE_SHAPE = "MS1302", "R13", Macro, "`State` is derived on something other than a plain struct with named fields",
        why: "Each field is lent by its type.",
        fix: "Use a struct with named fields and no generics.",
        bad: "#[derive(State)]\nstruct App(RefundService);",
        good: "#[derive(State)]\nstruct App { refunds: RefundService }";
    STATE_FIELD_TWICE = "MS1303", "R13", Macro, "two fields of the state have one type",
        why: "A borrowed parameter names its type only, so it would not be clear which field is lent.",
        fix: "Use a newtype for one of them, or `#[state(skip)]`.",
        bad: "#[derive(State)]\nstruct App { main: Pool, audit: Pool }",
        good: "#[derive(State)]\nstruct App { main: Pool, audit: AuditPool }";
}
