//! A declaration with no doubts left: all that the emitter needs, and nothing that could still be wrong.

use mcp_secure_rules::declaration::{Kind, Risk};
use mcp_secure_rules::units::Rate;
use proc_macro2::Ident;
use syn::{Path, Type, Visibility};

use crate::read::value::Scalar;

/// A function that the server can call.
#[derive(Clone)]
pub(crate) struct Shape {
    pub(crate) ident: Ident,
    pub(crate) vis: Visibility,
    pub(crate) params: Vec<Param>,
    pub(crate) output: Type,
}

/// A parameter, in the order of the signature.
#[derive(Clone)]
pub(crate) enum Param {
    /// `&T`: the type that the server lends.
    Lent(Type),
    /// `T`: an input, with its name.
    Input(Ident, Type),
}

impl Shape {
    /// The types that are lent.
    pub(crate) fn lent(&self) -> impl Iterator<Item = &Type> {
        self.params.iter().filter_map(|param| match param {
            Param::Lent(ty) => Some(ty),
            Param::Input(..) => None,
        })
    }

    /// The inputs.
    pub(crate) fn inputs(&self) -> impl Iterator<Item = (&Ident, &Type)> {
        self.params.iter().filter_map(|param| match param {
            Param::Input(name, ty) => Some((name, ty)),
            Param::Lent(_) => None,
        })
    }
}

/// One input as clients see it.
#[derive(Clone, Default)]
pub(crate) struct Input {
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) whole: bool,
    pub(crate) sensitive: bool,
    pub(crate) min: Option<Scalar>,
    pub(crate) max: Option<Scalar>,
    pub(crate) min_len: Option<u64>,
    pub(crate) max_len: Option<u64>,
    pub(crate) pattern: Option<String>,
    pub(crate) one_of: Vec<Scalar>,
    pub(crate) default: Option<Scalar>,
}

/// `resource = Order(order_id)`.
#[derive(Clone)]
pub(crate) struct Resource {
    pub(crate) ty: Type,
    pub(crate) input: Ident,
}

/// `approval(...)`, its defaults filled in.
#[derive(Clone)]
pub(crate) struct Approval {
    pub(crate) by: Option<String>,
    pub(crate) quorum: u64,
    pub(crate) expires_secs: u64,
    pub(crate) when: Option<Path>,
    pub(crate) allow_requester: bool,
}

/// `idempotency(...)`, its defaults filled in.
#[derive(Clone)]
pub(crate) struct Idempotency {
    pub(crate) key: Vec<Ident>,
    pub(crate) window_secs: u64,
}

/// `rollback(...)`.
#[derive(Clone)]
pub(crate) struct Rollback {
    pub(crate) path: Path,
    pub(crate) permission: Option<String>,
    pub(crate) within_secs: Option<u64>,
}

/// The four hints of MCP, in effect.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "the four hints of MCP's ToolAnnotations")]
pub(crate) struct Annotations {
    pub(crate) read_only: bool,
    pub(crate) destructive: bool,
    pub(crate) idempotent: bool,
    pub(crate) open_world: bool,
}

/// A whole declaration.
#[derive(Clone)]
pub(crate) struct Declaration {
    pub(crate) kind: Kind,
    pub(crate) shape: Shape,
    pub(crate) uri: String,
    pub(crate) mime_type: String,
    pub(crate) name: String,
    pub(crate) title: Option<String>,
    pub(crate) description: String,
    pub(crate) risk: Risk,
    /// `None` is the waiver, `public`.
    pub(crate) permission: Option<String>,
    pub(crate) resource: Option<Resource>,
    pub(crate) approval: Option<Approval>,
    pub(crate) annotations: Annotations,
    pub(crate) dry_run: Option<Path>,
    pub(crate) idempotency: Option<Idempotency>,
    pub(crate) rollback: Option<Rollback>,
    pub(crate) irreversible: bool,
    pub(crate) rate_limits: Vec<Rate>,
    pub(crate) timeout_ms: Option<u64>,
    pub(crate) max_output_bytes: Option<u64>,
    pub(crate) max_concurrent: Option<u64>,
    pub(crate) owner: Option<String>,
    pub(crate) version: Option<String>,
    pub(crate) broad: Option<String>,
    pub(crate) inputs: Vec<Input>,
    /// Files whose change has to compile the declaration again.
    pub(crate) house_files: Vec<String>,
}
