//! R8 and R9: the signature is one that the server can call, and no secret passes through it.

use mcp_secure_rules::Code;
use proc_macro2::Ident;
use syn::ext::IdentExt as _;
use syn::spanned::Spanned as _;
use syn::{FnArg, Pat, PatType, Safety, Signature, Type};

use crate::diagnostics::{Faults, Place};
use crate::model::{Param, Shape};
use crate::read::function::{Function, ParamNotes};
use crate::role::Role;
use crate::types;

/// What could be understood of a signature.
pub(crate) struct Understood {
    pub(crate) shape: Shape,
    /// The notes of each input, in order.
    pub(crate) inputs: Vec<(Ident, Type, ParamNotes)>,
    /// The names of all parameters, those at fault too: a key may name them without a second message.
    pub(crate) names: Vec<String>,
    /// The names of the borrowed ones.
    pub(crate) lent: Vec<String>,
    /// The function stands in an `impl` or a `trait`, where nothing can be put beside it.
    pub(crate) inside: bool,
}

/// Judges the signature. `notes` are those of each parameter.
pub(crate) fn check(
    role: Role,
    function: &Function,
    notes: Vec<ParamNotes>,
    faults: &mut Faults,
) -> Understood {
    let sig = &function.sig;
    let output = types::returned(&sig.output);
    let inside = sig.receiver().is_some() || method(role, sig, &output, faults);
    qualifiers(role, sig, faults);
    if function.body.is_none() {
        let message = format!(
            "`{}` has no body: `#[{}]` goes on a free function, `{}`",
            sig.ident,
            role.name(),
            role.legal()
        );
        faults.push(Code::BODY_MISSING, sig.ident.span(), message);
    }
    let mut understood = Understood {
        shape: Shape {
            ident: sig.ident.clone(),
            vis: function.vis.clone(),
            params: Vec::new(),
            output,
        },
        inputs: Vec::new(),
        names: Vec::new(),
        lent: Vec::new(),
        inside,
    };
    for (param, notes) in sig.inputs.iter().zip(notes) {
        match param {
            FnArg::Receiver(receiver) => {
                let message = format!(
                    "a {} has no `self`: borrow what it needs from the server, `{}`",
                    role.name(),
                    role.legal()
                );
                faults.push(Code::METHOD, Place::of(receiver), message);
            }
            FnArg::Typed(param) => parameter(role, param, notes, &mut understood, faults),
        }
    }
    returned(role, &understood.shape.output, faults);
    understood
}

fn method(role: Role, sig: &Signature, output: &Type, faults: &mut Faults) -> bool {
    let mut types = sig.inputs.iter().filter_map(|param| match param {
        FnArg::Typed(param) => Some(&*param.ty),
        FnArg::Receiver(_) => None,
    });
    let Some(guilty) = types
        .find(|ty| types::mentions_self(ty))
        .or_else(|| types::mentions_self(output).then_some(output))
    else {
        return false;
    };
    let message = format!(
        "a {} is a free function and knows no `Self`: move it out of the `impl` and name the type, `{}`",
        role.name(),
        role.legal()
    );
    faults.push(Code::METHOD, Place::of(guilty), message);
    true
}

fn qualifiers(role: Role, sig: &Signature, faults: &mut Faults) {
    let (name, legal) = (role.name(), role.legal());
    let mut refuse = |place: Place, word: &str| {
        faults.push(
            Code::QUALIFIER,
            place,
            format!("a {name} is not `{word}`: remove it, `{legal}`"),
        );
    };
    if let Some(token) = &sig.constness {
        refuse(token.span().into(), "const");
    }
    match &sig.safety {
        Safety::Unsafe(token) => refuse(token.span().into(), "unsafe"),
        Safety::Safe(token) => refuse(token.span().into(), "safe"),
        Safety::Default => {}
    }
    if let Some(abi) = &sig.abi {
        refuse(Place::of(abi), "extern");
    }
    if let Some(variadic) = &sig.variadic {
        refuse(Place::of(variadic), "variadic");
    }
    // A `const fn` cannot be async: one mistake, told above.
    if sig.asyncness.is_none() && sig.constness.is_none() {
        let message = format!("a {name} is an `async fn`: write `{legal}`");
        faults.push(Code::NOT_ASYNC, sig.fn_token.span(), message);
    }
    if !sig.generics.params.is_empty() {
        let message = format!(
            "a {name} has no generics, for its schema is made from concrete types: write the types out, `{legal}`"
        );
        faults.push(Code::GENERIC, Place::of(&sig.generics.params), message);
    } else if let Some(clause) = &sig.generics.where_clause {
        faults.push(
            Code::GENERIC,
            Place::of(clause),
            format!("a {name} has no `where` clause: remove it, `{legal}`"),
        );
    }
}

fn parameter(
    role: Role,
    param: &PatType,
    notes: ParamNotes,
    into: &mut Understood,
    faults: &mut Faults,
) {
    let name = match &*param.pat {
        Pat::Ident(name) if name.by_ref.is_none() && name.subpat.is_none() => name.ident.clone(),
        other => {
            let message = "a parameter of a served function has a name: name it, and take it apart in the body";
            faults.push(Code::PARAMETER_PATTERN, Place::of(other), message);
            return;
        }
    };
    into.names.push(name.unraw().to_string());
    if let Type::Reference(reference) = types::plain(&param.ty) {
        into.lent.push(name.unraw().to_string());
        for (place, attribute) in
            [(notes.arg.map(|(_, place)| place), "arg"), (notes.input, "input")]
        {
            if let Some(place) = place {
                let message = format!(
                    "`{name}` is borrowed from the server and no input: remove `#[{attribute}]`, or own the parameter"
                );
                let code = if attribute == "arg" { Code::ARG_MISPLACED } else { Code::WHOLE_INPUT };
                faults.push(code, place, message);
            }
        }
        if borrowed(role, reference, &name, faults) {
            into.shape.params.push(Param::Lent(types::plain(&reference.elem).clone()));
        }
    } else if owned(role, &param.ty, &name, faults) {
        into.shape.params.push(Param::Input(name.clone(), (*param.ty).clone()));
        into.inputs.push((name, (*param.ty).clone(), notes));
    }
}

fn borrowed(role: Role, reference: &syn::TypeReference, name: &Ident, faults: &mut Faults) -> bool {
    let lent = types::plain(&reference.elem);
    let message = if reference.mutability.is_some() {
        format!(
            "`{name}` is lent to many calls at once and cannot be `&mut`: write `&Type`, with a lock inside if it changes"
        )
    } else if matches!(lent, Type::Path(path) if path.path.is_ident("str")) {
        format!(
            "`{name}` is text, which comes from the model and is owned: write `{name}: String`, better a narrow type of its own"
        )
    } else if matches!(lent, Type::Slice(_)) {
        format!(
            "`{name}` is a list, which comes from the model and is owned: write `{name}: Vec<Item>`"
        )
    } else if types::has_lifetime(lent) || reference.lifetime.is_some() {
        format!("`{name}` names a lifetime, and what the server lends has none: write `&Type`")
    } else if !matches!(lent, Type::Path(_) | Type::Macro(_)) {
        format!(
            "`{name}` is not of a concrete type: the server lends by type, so write `{name}: &Type`, `{}`",
            role.legal()
        )
    } else {
        return true;
    };
    // A declared lifetime has its own message.
    if reference.lifetime.as_ref().is_some_and(|lifetime| lifetime.ident != "static") {
        return false;
    }
    faults.push(Code::BORROW_FORM, Place::of(reference), message);
    false
}

fn owned(role: Role, ty: &Type, name: &Ident, faults: &mut Faults) -> bool {
    if types::mentions_self(ty) {
        return false;
    }
    let foreign = types::nested(ty).into_iter().find(|ty| {
        matches!(
            ty,
            Type::ImplTrait(_)
                | Type::TraitObject(_)
                | Type::FnPtr(_)
                | Type::Never(_)
                | Type::Ptr(_)
                | Type::Reference(_)
                | Type::Infer(_)
        )
    });
    if let Some(foreign) = foreign {
        let message = format!(
            "`{name}` is owned, so it comes from the model and needs a concrete, owned type; what the server lends is written `&Type`, `{}`",
            role.legal()
        );
        faults.push(Code::INPUT_FORM, Place::of(foreign), message);
        return false;
    }
    if types::has_lifetime(ty) {
        let message = format!(
            "`{name}` holds a borrow, and an input is owned: name a type without lifetimes"
        );
        faults.push(Code::INPUT_FORM, Place::of(ty), message);
        return false;
    }
    if let Some(secret) = types::secret(ty) {
        let message = format!(
            "`{name}` would carry a secret through the model, the client and the record: lend it from the server's state, `&{}`",
            types::text(secret)
        );
        faults.push(Code::SECRET_INPUT, Place::of(secret), message);
        return false;
    }
    true
}

fn returned(role: Role, ty: &Type, faults: &mut Faults) {
    if let Some(secret) = types::secret(ty) {
        let message = format!(
            "a {} would show this secret to the model and the client: return a handle, a status or a masked form",
            role.name()
        );
        faults.push(Code::SECRET_OUTPUT, Place::of(secret), message);
        return;
    }
    let foreign = types::nested(ty).into_iter().find(|ty| {
        matches!(
            ty,
            Type::ImplTrait(_)
                | Type::TraitObject(_)
                | Type::FnPtr(_)
                | Type::Never(_)
                | Type::Ptr(_)
                | Type::Reference(_)
                | Type::Infer(_)
        )
    });
    // `Box<dyn Error>` is judged by the compiler: it becomes no `ToolError`, and the bound says so.
    let guilty = foreign
        .filter(|ty| !matches!(ty, Type::TraitObject(_)))
        .or_else(|| types::has_lifetime(ty).then_some(ty));
    if let Some(guilty) = guilty {
        let message =
            format!("a {} returns a concrete, owned type: write `{}`", role.name(), role.legal());
        faults.push(Code::RETURN_FORM, Place::of(guilty), message);
    }
}
