//! Stands in front of the C library's sockets and writes down with whom a process speaks: a line for
//! each address that it connects or sends to, and for each name that it looks up. Then it does what
//! was asked. Load it with `LD_PRELOAD`, and name a file in [`FILE`].

use libc::{
    addrinfo, c_char, c_int, c_void, msghdr, size_t, sockaddr, sockaddr_in, sockaddr_in6,
    socklen_t, ssize_t,
};
use std::{
    ffi::CStr,
    fs::File,
    io::Write as _,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
};

/// The variable with the file that lines are added to.
pub const FILE: &str = "LLM_ORACLE_SOCKETS";

fn note(line: &str) {
    let Some(path) = std::env::var_os(FILE) else {
        return;
    };
    let file = File::options().create(true).append(true).open(path);
    // Without its line the test misses what it knows to be there.
    let _ = file.and_then(|mut file| file.write_all(format!("{line}\n").as_bytes()));
}

/// An internet address; `None` of any other kind.
///
/// # Safety
/// `address` is null or points at `length` bytes.
unsafe fn internet(address: *const sockaddr, length: socklen_t) -> Option<SocketAddr> {
    let length = length as usize;
    if address.is_null() || length < size_of::<sockaddr_in>() {
        return None;
    }
    // SAFETY: it is long enough, and the family says what it is.
    let family = c_int::from(unsafe { (*address).sa_family });
    if family == libc::AF_INET {
        // SAFETY: as above.
        let four = unsafe { address.cast::<sockaddr_in>().read_unaligned() };
        let host = Ipv4Addr::from(u32::from_be(four.sin_addr.s_addr));
        return Some((host, u16::from_be(four.sin_port)).into());
    }
    if family == libc::AF_INET6 && length >= size_of::<sockaddr_in6>() {
        // SAFETY: as above.
        let six = unsafe { address.cast::<sockaddr_in6>().read_unaligned() };
        let host = Ipv6Addr::from(six.sin6_addr.s6_addr);
        return Some((host, u16::from_be(six.sin6_port)).into());
    }
    None
}

/// # Safety
/// As [`internet`].
unsafe fn note_address(what: &str, address: *const sockaddr, length: socklen_t) {
    // SAFETY: by the caller.
    if let Some(address) = unsafe { internet(address, length) } {
        note(&format!("{what} {address}"));
    }
}

/// The C library's own function of this name and type, both of which have to be right.
macro_rules! own {
    ($name:literal, $kind:ty) => {{
        let found = libc::dlsym(libc::RTLD_NEXT, $name.as_ptr());
        std::mem::transmute::<*mut c_void, $kind>(found)
    }};
}

type Connect = unsafe extern "C" fn(c_int, *const sockaddr, socklen_t) -> c_int;
type Send = unsafe extern "C" fn(
    c_int,
    *const c_void,
    size_t,
    c_int,
    *const sockaddr,
    socklen_t,
) -> ssize_t;
type SendMessage = unsafe extern "C" fn(c_int, *const msghdr, c_int) -> ssize_t;
type Resolve = unsafe extern "C" fn(
    *const c_char,
    *const c_char,
    *const addrinfo,
    *mut *mut addrinfo,
) -> c_int;

/// Notes the address, and connects.
///
/// # Safety
/// As connect(2).
#[no_mangle]
pub unsafe extern "C" fn connect(
    socket: c_int,
    address: *const sockaddr,
    length: socklen_t,
) -> c_int {
    // SAFETY: by the caller.
    unsafe {
        note_address("connect", address, length);
        own!(c"connect", Connect)(socket, address, length)
    }
}

/// Notes the address if there is one, and sends.
///
/// # Safety
/// As sendto(2).
#[no_mangle]
pub unsafe extern "C" fn sendto(
    socket: c_int,
    bytes: *const c_void,
    count: size_t,
    flags: c_int,
    address: *const sockaddr,
    length: socklen_t,
) -> ssize_t {
    // SAFETY: by the caller.
    unsafe {
        note_address("send", address, length);
        own!(c"sendto", Send)(socket, bytes, count, flags, address, length)
    }
}

/// Notes the address if there is one, and sends.
///
/// # Safety
/// As sendmsg(2).
#[no_mangle]
pub unsafe extern "C" fn sendmsg(socket: c_int, message: *const msghdr, flags: c_int) -> ssize_t {
    // SAFETY: by the caller.
    unsafe {
        if let Some(message) = message.as_ref() {
            note_address("send", message.msg_name.cast(), message.msg_namelen);
        }
        own!(c"sendmsg", SendMessage)(socket, message, flags)
    }
}

/// Notes the name, and looks it up.
///
/// # Safety
/// As getaddrinfo(3).
#[no_mangle]
pub unsafe extern "C" fn getaddrinfo(
    node: *const c_char,
    service: *const c_char,
    hints: *const addrinfo,
    found: *mut *mut addrinfo,
) -> c_int {
    // SAFETY: by the caller.
    unsafe {
        if !node.is_null() {
            note(&format!(
                "resolve {}",
                CStr::from_ptr(node).to_string_lossy()
            ));
        }
        own!(c"getaddrinfo", Resolve)(node, service, hints, found)
    }
}
