//! Tenants are compared in code, before any policy: no policy can open one tenant to another.

use crate::identity::Principal;
use crate::resource::LoadedResource;

/// There is no such resource for this caller.
///
/// It says the same whether the resource is missing, could not be loaded or belongs to another tenant, so that nobody
/// can find out which ids exist elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is no such resource, or you have no permission on it")]
pub struct Unavailable;

/// Whether both belong to one tenant. An empty tenant is nobody's.
#[must_use]
pub fn same_tenant(one: &str, other: &str) -> bool {
    !one.is_empty() && one == other
}

/// Lets a loaded resource through if it is there and of the principal's own tenant.
pub fn admit<E>(
    principal: &Principal,
    loaded: Result<Option<LoadedResource>, E>,
) -> Result<LoadedResource, Unavailable> {
    match loaded {
        Ok(Some(resource)) if same_tenant(&principal.tenant, &resource.tenant) => Ok(resource),
        _ => Err(Unavailable),
    }
}
