use super::Entry;
use super::lent::State;
use super::meta::Tool;

/// The tools a server is given: one list, in one place, that a reviewer can read. Made by [`tools!`](crate::tools).
pub struct ToolSet<S: State> {
    entries: Vec<Entry<S>>,
}

impl<S: State> ToolSet<S> {
    /// An empty set.
    #[must_use]
    pub fn new() -> Self {
        Self { entries: Vec::new() }
    }

    /// This set with one more tool.
    #[must_use]
    pub fn with<T: Tool<S>>(mut self) -> Self {
        // Here and not in `tools!` alone, so that a set put together by hand is held to the same rules.
        const { super::meta::check(T::SPEC) };
        self.entries.push(T::entry());
        self
    }

    /// This set with all tools of another.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.entries.extend(other.entries);
        self
    }

    pub(crate) fn into_entries(self) -> Vec<Entry<S>> {
        self.entries
    }
}

impl<S: State> Default for ToolSet<S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<S: State> std::fmt::Debug for ToolSet<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.entries.iter().map(|e| e.spec().name)).finish()
    }
}

/// The list of tools that a server serves, by the names of the functions that `#[tool]` stands on.
///
/// ```
/// use mcp_secure::prelude::*;
///
/// /// Says how many open tickets a customer has.
/// #[tool(risk = "low", permission = "ticket.read", read_only)]
/// async fn count_open_tickets(customer: u32) -> Content {
///     Content::text(format!("customer {customer} has none"))
/// }
///
/// let set: ToolSet<()> = tools![count_open_tickets];
/// ```
#[macro_export]
macro_rules! tools {
    ($($tool:path),* $(,)?) => {{
        $(const _: () = $crate::__private::check(<$tool as $crate::__private::ToolMeta>::SPEC);)*
        'set: {
            let set = $crate::__private::ToolSet::new();
            // Never taken. It tells the compiler the state's type before it looks at the tools, so that what it says of
            // a tool that does not fit can name the state.
            if false {
                break 'set set;
            }
            set$(.with::<($tool)>())*
        }
    }};
}
