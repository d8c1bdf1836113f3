//! Things a permission is checked on, loaded by id before any policy is asked.

use serde_json::{Map, Value};

use crate::tool::{Reader, State, ToolError};

/// What a policy may read of a resource: a JSON object of strings, whole numbers, booleans and lists and objects of them.
pub type Attributes = Map<String, Value>;

/// The type of an id: a newtype of the application. Derive it: `#[derive(ResourceId)]`.
///
/// ```
/// use mcp_secure::prelude::*;
/// use serde::{Deserialize, Serialize};
///
/// /// An order's id: `ord_` and digits.
/// #[derive(Serialize, Deserialize, schemars::JsonSchema, ResourceId)]
/// #[serde(transparent)]
/// struct OrderId(#[schemars(regex(pattern = r"^ord_[0-9]{1,9}$"))] String);
///
/// assert_eq!(OrderId("ord_5001".to_owned()).id_text(), "ord_5001");
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not name a resource [MS0510]",
    note = "derive `ResourceId` on the id's newtype"
)]
pub trait ResourceId: Send + Sync + 'static {
    /// The id as text, as policies and records show it.
    fn id_text(&self) -> String;
}

/// An input that names resources: an id, an optional id, or a list of ids. Every one is loaded and checked.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not name a resource [MS0510]",
    label = "the input named in `resource = ..` has to be an id",
    note = "derive `ResourceId` on the id's newtype; `Option` and `Vec` of it work too"
)]
pub trait ResourceIds {
    /// The type of one id.
    type Id: ResourceId;

    /// The ids this input holds.
    fn each(&self) -> Vec<&Self::Id>;
}

impl<T: ResourceIds> ResourceIds for Option<T> {
    type Id = T::Id;

    fn each(&self) -> Vec<&T::Id> {
        self.as_ref().map(ResourceIds::each).unwrap_or_default()
    }
}

impl<T: ResourceIds> ResourceIds for Vec<T> {
    type Id = T::Id;

    fn each(&self) -> Vec<&T::Id> {
        self.iter().flat_map(ResourceIds::each).collect()
    }
}

/// Something a permission is checked on, in a server with the state `S`.
///
/// ```
/// use mcp_secure::prelude::*;
/// use serde_json::json;
///
/// # #[derive(Debug, Clone, PartialEq)]
/// pub struct OrderId(pub String);
/// impl mcp_secure::resource::ResourceId for OrderId {
///     fn id_text(&self) -> String { self.0.clone() }
/// }
/// pub struct OrderBook;
/// impl OrderBook {
///     async fn find(&self, id: &OrderId) -> Result<Option<Order>, std::io::Error> { Ok(None) }
/// }
/// pub struct Order { tenant: String, total_cents: i64 }
///
/// impl<S: State> Resource<S> for Order where OrderBook: LentRead<S> {
///     type Id = OrderId;
///     const TYPE: &'static str = "Order";
///
///     async fn load(from: &Reader<S>, id: &OrderId) -> Result<Option<Self>, ToolError> {
///         from.lend::<OrderBook>().find(id).await.map_err(ToolError::internal)
///     }
///
///     fn tenant(&self) -> &str { &self.tenant }
///
///     fn attributes(&self) -> Attributes {
///         [("total_cents".to_owned(), json!(self.total_cents))].into_iter().collect()
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no resource of a server with the state `{S}` [MS0510]",
    label = "named in `resource = ..`",
    note = "implement `Resource<S>` for it: load by id, tenant, attributes"
)]
pub trait Resource<S: State>: Send + Sync + Sized + 'static {
    /// The id it is loaded by.
    type Id: ResourceId;

    /// The entity type that policies name, as `Order`.
    const TYPE: &'static str;

    /// The kinds of the attributes, so that policies on them are checked at start-up: pairs of a name and one of
    /// `String`, `Long`, `Bool`, `Set<String>`. An attribute that is not listed can not be used in a policy.
    const ATTRIBUTES: &'static [(&'static str, &'static str)] = &[];

    /// Loads it. `Ok(None)` where there is none; the caller can not tell that from a refusal or a failure.
    fn load(
        from: &Reader<S>,
        id: &Self::Id,
    ) -> impl Future<Output = Result<Option<Self>, ToolError>> + Send;

    /// The tenant that owns it. Compared with the principal's in code, before any policy.
    fn tenant(&self) -> &str;

    /// What policies may read.
    fn attributes(&self) -> Attributes;
}

/// A resource as authorisation sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadedResource {
    /// The entity type.
    pub type_name: &'static str,
    /// The id as text.
    pub id: String,
    /// The tenant that owns it.
    pub tenant: String,
    /// What policies may read.
    pub attributes: Attributes,
}

impl LoadedResource {
    /// `Order::"ord_5001"`, as records name it.
    #[must_use]
    pub fn reference(&self) -> String {
        format!("{}::{:?}", self.type_name, self.id)
    }
}
