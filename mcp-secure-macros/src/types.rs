//! What can be told from a type as it is written.

use mcp_secure_rules::power::{TEXT_TYPES, WRAPPERS};
use quote::ToTokens as _;
use syn::{GenericArgument, PathArguments, PathSegment, ReturnType, Type};

/// The type without the invisible groups of `macro_rules` and without parentheses.
pub(crate) fn plain(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => plain(&group.elem),
        Type::Paren(paren) => plain(&paren.elem),
        other => other,
    }
}

/// The last part of a path, as `Vec<T>` of `std::vec::Vec<T>`.
pub(crate) fn last_segment(ty: &Type) -> Option<&PathSegment> {
    match plain(ty) {
        Type::Path(path) => path.path.segments.last(),
        _ => None,
    }
}

/// The name of the last part.
pub(crate) fn name(ty: &Type) -> Option<String> {
    last_segment(ty).map(|segment| segment.ident.to_string())
}

/// The types written between the angle brackets of the last part.
pub(crate) fn arguments(ty: &Type) -> Vec<&Type> {
    let Some(PathSegment { arguments: PathArguments::AngleBracketed(list), .. }) = last_segment(ty)
    else {
        return Vec::new();
    };
    list.args
        .iter()
        .filter_map(|argument| match argument {
            GenericArgument::Type(ty) => Some(ty),
            GenericArgument::AssocType(assoc) => Some(&assoc.ty),
            _ => None,
        })
        .collect()
}

/// The type itself and every type written inside it, outermost first.
pub(crate) fn nested(ty: &Type) -> Vec<&Type> {
    let mut found = Vec::new();
    let mut open = vec![ty];
    while let Some(ty) = open.pop() {
        let ty = plain(ty);
        found.push(ty);
        match ty {
            Type::Path(path) => {
                for segment in &path.path.segments {
                    if let PathArguments::AngleBracketed(list) = &segment.arguments {
                        open.extend(list.args.iter().filter_map(|argument| match argument {
                            GenericArgument::Type(ty) => Some(ty),
                            GenericArgument::AssocType(assoc) => Some(&assoc.ty),
                            _ => None,
                        }));
                    }
                }
            }
            Type::Tuple(tuple) => open.extend(&tuple.elems),
            Type::Array(array) => open.push(&array.elem),
            Type::Slice(slice) => open.push(&slice.elem),
            Type::Reference(reference) => open.push(&reference.elem),
            Type::Ptr(pointer) => open.push(&pointer.elem),
            _ => {}
        }
    }
    found
}

/// The type inside `Option<..>`, or the type itself.
pub(crate) fn unwrap_option(ty: &Type) -> &Type {
    match (name(ty).as_deref(), arguments(ty).as_slice()) {
        (Some("Option"), [inner]) => plain(inner),
        _ => plain(ty),
    }
}

/// Whether values of the type are any text: `String`, `Option<String>`, `Vec<String>`, `Cow<str>` and the like.
pub(crate) fn is_bare_text(ty: &Type) -> bool {
    let Some(name) = name(ty) else {
        return match plain(ty) {
            Type::Reference(reference) => is_bare_text(&reference.elem),
            Type::Array(array) => is_bare_text(&array.elem),
            Type::Slice(slice) => is_bare_text(&slice.elem),
            Type::Tuple(tuple) => tuple.elems.iter().any(is_bare_text),
            _ => false,
        };
    };
    TEXT_TYPES.contains(&name.as_str())
        || WRAPPERS.contains(&name.as_str()) && arguments(ty).into_iter().any(is_bare_text)
}

/// The secret inside the type, if one is written there.
pub(crate) fn secret(ty: &Type) -> Option<&Type> {
    nested(ty).into_iter().find(|ty| {
        matches!(name(ty).as_deref(), Some("Secret" | "SecretString" | "SecretBox" | "SecretSlice"))
    })
}

/// JSON of any shape.
pub(crate) enum Free<'a> {
    /// The value itself.
    Json(&'a Type),
    /// A map of them.
    Map(&'a Type),
}

/// The free JSON inside the type, if some is written there.
pub(crate) fn free_json(ty: &Type) -> Option<Free<'_>> {
    let all = nested(ty);
    let json = all.iter().copied().find(|ty| is_json_value(ty))?;
    let is_map = |ty: &Type| {
        matches!(name(ty).as_deref(), Some("HashMap" | "BTreeMap" | "IndexMap" | "Map"))
            && nested(ty).iter().any(|inner| is_json_value(inner))
    };
    Some(all.into_iter().find(|ty| is_map(ty)).map_or(Free::Json(json), Free::Map))
}

fn is_json_value(ty: &Type) -> bool {
    let Type::Path(path) = ty else { return false };
    let segments: Vec<String> =
        path.path.segments.iter().map(|segment| segment.ident.to_string()).collect();
    let words: Vec<&str> = segments.iter().map(String::as_str).collect();
    matches!(
        words.as_slice(),
        ["Value" | "RawValue" | "JsonObject"] | [.., "serde_json" | "value", "Value" | "RawValue"]
    )
}

/// Whether a lifetime other than `'static` is written in the type.
pub(crate) fn has_lifetime(ty: &Type) -> bool {
    let mut after_quote = false;
    let mut open = vec![ty.to_token_stream()];
    while let Some(tokens) = open.pop() {
        for token in tokens {
            match token {
                proc_macro2::TokenTree::Punct(quote) if quote.as_char() == '\'' => {
                    after_quote = true;
                }
                proc_macro2::TokenTree::Ident(name) if after_quote => {
                    if name != "static" {
                        return true;
                    }
                    after_quote = false;
                }
                proc_macro2::TokenTree::Group(group) => open.push(group.stream()),
                _ => after_quote = false,
            }
        }
    }
    false
}

/// Whether the type mentions `Self`, which only a method's can.
pub(crate) fn mentions_self(ty: &Type) -> bool {
    nested(ty).into_iter().any(|ty| match ty {
        Type::Path(path) => path.path.segments.first().is_some_and(|first| first.ident == "Self"),
        _ => false,
    })
}

/// The return type; `()` where none is written.
pub(crate) fn returned(output: &ReturnType) -> Type {
    match output {
        ReturnType::Type(_, ty) => (**ty).clone(),
        ReturnType::Default => syn::parse_quote!(()),
    }
}

/// What kind of JSON a type is read from, where its name tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    Text,
    Int,
    Float,
    Bool,
    List,
    /// A type of the user's, judged at start-up by its schema.
    Unknown,
}

/// The kind of JSON behind `Option`.
pub(crate) fn class(ty: &Type) -> Class {
    match name(unwrap_option(ty)).as_deref() {
        Some(text) if TEXT_TYPES.contains(&text) => Class::Text,
        Some(
            "u8" | "u16" | "u32" | "u64" | "u128" | "usize" | "i8" | "i16" | "i32" | "i64" | "i128"
            | "isize",
        ) => Class::Int,
        Some("f32" | "f64") => Class::Float,
        Some("bool") => Class::Bool,
        Some("Vec" | "VecDeque" | "HashSet" | "BTreeSet") => Class::List,
        _ => Class::Unknown,
    }
}

/// Whether the type, or what `Option` and `Vec` hold of it, is a number, a text or a flag of the language itself.
pub(crate) fn is_plain(ty: &Type) -> bool {
    match (name(ty).as_deref(), arguments(ty).as_slice()) {
        (Some("Option" | "Vec"), [inner]) => is_plain(inner),
        _ => !matches!(class(ty), Class::List | Class::Unknown),
    }
}

/// A type as text, the way people write it.
pub(crate) fn text(tokens: &impl quote::ToTokens) -> String {
    let written = tokens.to_token_stream().to_string();
    written
        .replace(" :: ", "::")
        .replace(":: ", "::")
        .replace(" <", "<")
        .replace("< ", "<")
        .replace(" >", ">")
        .replace(" ,", ",")
        .replace("& ", "&")
}
