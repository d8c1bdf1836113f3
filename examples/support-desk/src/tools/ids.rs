use mcp_secure::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A customer's id: `cus_` and digits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, ResourceId)]
#[serde(transparent)]
pub struct CustomerId(#[schemars(regex(pattern = r"^cus_[0-9]{1,9}$"))] pub String);

/// An order's id: `ord_` and digits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, ResourceId)]
#[serde(transparent)]
pub struct OrderId(#[schemars(regex(pattern = r"^ord_[0-9]{1,9}$"))] pub String);
