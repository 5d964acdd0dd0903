//! The two macros of ink! that the oracle's words use, with nothing for contracts.

use proc_macro::TokenStream;

/// Makes an event a value that can be encoded and decoded.
#[proc_macro_attribute]
pub fn event(_: TokenStream, item: TokenStream) -> TokenStream {
    let mut tokens: TokenStream = match "#[derive(::scale::Encode, ::scale::Decode)]".parse() {
        Ok(tokens) => tokens,
        Err(error) => unreachable!("the attribute is well-formed: {error}"),
    };
    tokens.extend(item);
    tokens
}

/// Nothing: only contracts have a storage.
#[proc_macro_derive(StorageLayout)]
pub fn storage_layout(_: TokenStream) -> TokenStream {
    TokenStream::new()
}
