//! R5 to R7: names that must exist, raw power, unbounded inputs.

super::codes! {
    RESOURCE_INPUT = "MS0501", "R5", Macro, "`resource` names no input",
        why: "The resource is loaded by an id that the call carries.",
        fix: "Name one of the function's owned parameters.",
        bad: "#[tool(risk = \"low\", permission = \"order.read\", read_only, resource = Order(id))]\nasync fn show(order_id: OrderId) -> Shown",
        good: "#[tool(risk = \"low\", permission = \"order.read\", read_only, resource = Order(order_id))]\nasync fn show(order_id: OrderId) -> Shown";
    KEY_INPUT = "MS0502", "R5", Macro, "the idempotency key names no input",
        why: "A key made of something that is not there would not tell two calls apart.",
        fix: "Name owned parameters of the function.",
        bad: "#[tool(risk = \"high\", permission = \"refund.request\", idempotency(key = [order]))]\nasync fn refund(order_id: OrderId) -> Receipt",
        good: "#[tool(risk = \"high\", permission = \"refund.request\", idempotency(key = [order_id]))]\nasync fn refund(order_id: OrderId) -> Receipt";
    KEY_INPUT_REPEATED = "MS0503", "R5", Macro, "the idempotency key names an input twice",
        why: "The second mention has no effect, so another input was probably meant.",
        fix: "Name each input once.",
        bad: "idempotency(key = [order_id, order_id])",
        good: "idempotency(key = [order_id, line_id])";
    URI_VARIABLE = "MS0504", "R5", Macro, "a variable of the URI template is no input",
        why: "What the client writes at that place would go nowhere.",
        fix: "Add an owned parameter of that name, or correct the template.",
        bad: "#[resource(uri = \"kb://articles/{slug}\", mime_type = \"text/markdown\", permission = \"kb.read\")]\nasync fn article(name: Slug) -> Article",
        good: "#[resource(uri = \"kb://articles/{slug}\", mime_type = \"text/markdown\", permission = \"kb.read\")]\nasync fn article(slug: Slug) -> Article";
    URI_UNUSED_INPUT = "MS0505", "R5", Macro, "an input is no variable of the URI template",
        why: "A resource is read by its URI alone, so the input could never be given.",
        fix: "Put `{name}` into the template, or borrow the value from the server.",
        bad: "#[resource(uri = \"kb://articles\", mime_type = \"text/markdown\", permission = \"kb.read\")]\nasync fn article(slug: Slug) -> Article",
        good: "#[resource(uri = \"kb://articles/{slug}\", mime_type = \"text/markdown\", permission = \"kb.read\")]\nasync fn article(slug: Slug) -> Article";
    URI_FORM = "MS0506", "R5", Macro, "the URI template or media type is malformed",
        why: "A client could not read the resource, or would misread it.",
        fix: "Write a scheme and `{variable}` parts, as `kb://articles/{slug}`, and a media type as `text/markdown`.",
        bad: "#[resource(uri = \"articles/{slug\", mime_type = \"text/markdown\", permission = \"kb.read\")]",
        good: "#[resource(uri = \"kb://articles/{slug}\", mime_type = \"text/markdown\", permission = \"kb.read\")]";
    ROLLBACK_INPUT = "MS0507", "R5", Macro, "a rollback does not take exactly the tool's output",
        why: "The rollback is run later from the recorded output, which is all it gets from the call.",
        fix: "Give it one owned parameter, the tool's output type, next to what it borrows.",
        bad: "#[rollback]\nasync fn cancel(refunds: &Refunds, receipt: Receipt, why: Why) -> Result<Cancelled, RefundError>",
        good: "#[rollback]\nasync fn cancel(refunds: &Refunds, receipt: Receipt) -> Result<Cancelled, RefundError>";
    RESERVED_INPUT = "MS0508", "R5", Macro, "an input has a name that the server adds itself",
        why: "`dry_run` as a control adds a reserved input of that name.",
        fix: "Rename the parameter.",
        bad: "#[tool(risk = \"high\", permission = \"refund.request\", dry_run = preview)]\nasync fn refund(dry_run: bool) -> Receipt",
        good: "#[tool(risk = \"high\", permission = \"refund.request\", dry_run = preview)]\nasync fn refund(order_id: OrderId) -> Receipt";
    COMPANION_UNFIT = "MS0509", "R5", Compiler, "the function named by `dry_run`, `when` or `rollback` does not fit",
        why: "A preview or predicate of other inputs than the tool's would speak of another call.",
        fix: "Mark it `#[dry_run]`, `#[when]` or `#[rollback]` and give it the tool's owned inputs in the same order; a rollback takes the tool's output.",
        bad: "#[dry_run]\nasync fn preview(amount: Cents) -> Preview",
        good: "#[dry_run]\nasync fn preview(order_id: OrderId, amount: Cents) -> Preview";
    RESOURCE_UNFIT = "MS0510", "R5", Macro, "`resource` names a type that is no resource, or an input that is no id",
        why: "The permission is checked on what is loaded by the id, so both have to be of the right kind.",
        fix: "Implement `Resource<S>` for the type, and derive `ResourceId` for the type of the input.",
        bad: "resource = Order(order_id) // order_id: String",
        good: "resource = Order(order_id) // order_id: OrderId, which derives `ResourceId`";
    RESOURCE_SENSITIVE = "MS0511", "R5", Macro, "the id of the resource is `sensitive`",
        why: "Records and the people who decide are shown what the call acts on, which is the resource by its id.",
        fix: "Remove `sensitive`, and let the resource be named by something that may be shown: a number of your own instead of that of the card.",
        bad: "resource = Card(card_number) // #[arg(sensitive)] card_number: CardNumber",
        good: "resource = Card(card_id) // card_id: CardId";

    RAW_INPUT = "MS0601", "R6", Macro, "an input is raw power as bare text",
        why: "Text that is a query, a command, a path or an address lets the model do whatever the backend can do.",
        fix: "Use an enum or a type of your own with few values, or say why with `broad = \"...\"`.",
        bad: "async fn report(sql: String) -> Report",
        good: "async fn report(report: ReportKind) -> Report";
    RAW_TOOL = "MS0602", "R6", Macro, "the tool offers raw power over bare text",
        why: "A tool that runs what the model writes has no bounds to check.",
        fix: "Offer one narrow action, or say why with `broad = \"...\"`.",
        bad: "async fn run_query(text: String) -> Rows",
        good: "async fn list_open_orders(customer_id: CustomerId) -> Orders";

    FREE_JSON = "MS0701", "R7", Macro, "an input is free JSON",
        why: "Its schema would admit everything, so nothing would be validated.",
        fix: "Use a struct that derives `Deserialize` and `JsonSchema`, or say why with `broad = \"...\"`.",
        bad: "async fn update(fields: serde_json::Value) -> Updated",
        good: "async fn update(fields: CustomerChange) -> Updated";
    FREE_MAP = "MS0702", "R7", Macro, "an input is a map of free JSON",
        why: "Neither its keys nor its values would be validated.",
        fix: "Use a struct with named fields, or say why with `broad = \"...\"`.",
        bad: "async fn update(fields: HashMap<String, Value>) -> Updated",
        good: "async fn update(fields: CustomerChange) -> Updated";
    BOUNDS_CROSSED = "MS0703", "R7", Macro, "a lower bound is above the upper one",
        why: "No value could satisfy both.",
        fix: "Exchange or correct the bounds.",
        bad: "#[arg(min = 20, max = 1)] limit: u32",
        good: "#[arg(min = 1, max = 20)] limit: u32";
    BOUND_MISFIT = "MS0704", "R7", Macro, "a bound does not fit the input's type",
        why: "A bound that cannot be applied would be shown and never enforced.",
        fix: "`min` and `max` bound numbers, `min_len` and `max_len` texts and lists, `pattern` texts.",
        bad: "#[arg(max = 40)] name: String",
        good: "#[arg(max_len = 40)] name: String";
    DEFAULT_OUTSIDE = "MS0705", "R7", Macro, "the default is not a permitted value",
        why: "A call that leaves the input out would be refused by its own schema.",
        fix: "Choose a default within the bounds or the list.",
        bad: "#[arg(min = 1, max = 20, default = 50)] limit: u32",
        good: "#[arg(min = 1, max = 20, default = 10)] limit: u32";
    PATTERN = "MS0706", "R7", StartUp, "the pattern is no regular expression",
        why: "A pattern that does not compile cannot be enforced.",
        fix: "Correct the expression; the dialect is that of JSON Schema. The message names the input, or the field of a type, that has it.",
        bad: "#[arg(pattern = \"^ord_[0-9\")] order: String",
        good: "#[arg(pattern = \"^ord_[0-9]+$\")] order: String";
}
