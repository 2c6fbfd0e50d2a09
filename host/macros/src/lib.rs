//! What is the same in every function that the gateway offers to plugins.

use proc_macro::TokenStream;
use proc_macro2::TokenStream as Tokens;
use quote::quote;
use syn::{
    Attribute, Expr, FnArg, ImplItem, ImplItemFn, ItemImpl, Pat, ReturnType, parse_macro_input,
    parse_quote,
};

/// Counts every function of an interface as a host call, and shows it if the plugin is traced.
///
/// It stands before the `impl` of an interface's trait for `Guest`, with the interface as the
/// counting knows it: `#[host_calls(Interface::Kv)]`. What goes into such a function and comes out
/// of it is shown to whoever traces a plugin, so secrets are marked by `#[secret]`: at an argument,
/// or at a function whose result is one. Resources are marked by `#[handle]` in the same places: what
/// is shown of them is a number.
#[proc_macro_attribute]
pub fn host_calls(interface: TokenStream, block: TokenStream) -> TokenStream {
    let interface = parse_macro_input!(interface as Expr);
    let mut block = parse_macro_input!(block as ItemImpl);
    for item in &mut block.items {
        if let ImplItem::Fn(function) = item
            && let Err(error) = wrap(&interface, function)
        {
            return error.into_compile_error().into();
        }
    }
    quote!(#block).into()
}

/// Puts what is before and after a host call around a function's body.
fn wrap(interface: &Expr, function: &mut ImplItemFn) -> syn::Result<()> {
    let mut shown = Tokens::new();
    let gives_handle = take(&mut function.attrs, "handle");
    if take_secret(&mut function.attrs) {
        shown.extend(quote!(arguments.hide_result();));
    }
    for input in &mut function.sig.inputs {
        let FnArg::Typed(argument) = input else { continue };
        let method = match take(&mut argument.attrs, "handle") {
            true => quote!(handle),
            false if take_secret(&mut argument.attrs) => quote!(hide),
            false => quote!(show),
        };
        let Pat::Ident(pattern) = &*argument.pat else {
            return Err(syn::Error::new_spanned(&argument.pat, "an argument needs a name here"));
        };
        let name = &pattern.ident;
        shown.extend(quote!(arguments.#method(&#name);));
    }
    let ReturnType::Type(_, returned) = &function.sig.output else {
        return Err(syn::Error::new_spanned(&function.sig, "a host call returns a `Result`"));
    };
    // As `wit/` has it.
    let name = function.sig.ident.to_string().replace('_', "-");
    let body = &function.block;
    let result = if function.sig.asyncness.is_some() {
        quote!({
            // What a block with `?` in it gives is otherwise open.
            fn typed<T, F: Future<Output = T>>(future: F) -> F {
                future
            }
            typed::<#returned, _>(async #body).await
        })
    } else {
        quote!((|| -> #returned #body)())
    };
    let end = if gives_handle { quote!(end_handle) } else { quote!(end) };
    function.block = parse_quote!({
        #[allow(unused_variables, reason = "a function may have no arguments")]
        // Named as no argument is, because it would hide that.
        let host_call = self.enter(#interface, #name, |arguments| { #shown });
        // `?` and `return` of the body must not pass by what comes after it.
        #[allow(clippy::redundant_closure_call, reason = "as above")]
        let result = #result;
        host_call.#end(&result);
        result
    });
    Ok(())
}

/// Whether `#[secret]` was there; it means nothing to the compiler.
fn take_secret(attributes: &mut Vec<Attribute>) -> bool {
    take(attributes, "secret")
}

fn take(attributes: &mut Vec<Attribute>, name: &str) -> bool {
    let before = attributes.len();
    attributes.retain(|attribute| !attribute.path().is_ident(name));
    attributes.len() < before
}
